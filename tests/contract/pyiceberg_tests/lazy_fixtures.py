"""Stands in for what PyIceberg's conftest imports and its catalog tests do not need, or need a line of.

boto3 and moto serve other tests of theirs; of pytest-lazy-fixtures it is `lf("name")` as a parameter.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import ModuleType

import pytest


@dataclass(frozen=True)
class LazyFixture:
    """A parameter that stands for a fixture's value."""

    name: str


def stand_in(name: str, **members: object) -> None:
    module = ModuleType(name)
    vars(module).update(members)
    sys.modules[name] = module


stand_in("boto3", client=None)
stand_in("moto", mock_aws=None)
stand_in("pytest_lazy_fixtures", lf=LazyFixture)


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup(fixturedef, request):
    if isinstance(getattr(request, "param", None), LazyFixture):
        request.param = request.getfixturevalue(request.param.name)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    for name, value in pyfuncitem.funcargs.items():
        if isinstance(value, LazyFixture):
            pyfuncitem.funcargs[name] = pyfuncitem._request.getfixturevalue(value.name)
