"""requirements.lock has a version of everything that pyproject.toml asks for; how they go together is `make lock`'s."""

from __future__ import annotations

import re
import tomllib

import pytest
from checkout import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
WANTED = {"base": PROJECT["dependencies"], **PROJECT["optional-dependencies"]}
LOCK = (ROOT / "requirements.lock").read_text("utf-8")


def lacking(wanted, lock):
    """Return the requirements that no version of a lock meets."""
    pins = {}
    for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", lock, re.MULTILINE):
        pins.setdefault(name, []).append(version)
    needs = [Requirement(each) for each in wanted]
    return [str(n) for n in needs if not any(n.specifier.filter(pins.get(canonicalize_name(n.name), [])))]


@pytest.mark.parametrize("part", WANTED)
def test_the_lock_has_what_each_part_needs(part):
    assert lacking(WANTED[part], LOCK) == []


def test_what_the_lock_lacks_is_noticed():
    lock = "duckdb==1.5.5 \\\n    --hash=sha256:0\nnumpy==2.4.6 ; python_full_version < '3.12'\nnumpy==2.5.5\n"
    assert lacking(["duckdb==1.5.5", "NumPy>=2.5"], lock) == []
    assert lacking(["duckdb>=2", "hvac", "numpy<2.5"], lock) == ["duckdb>=2", "hvac"]
