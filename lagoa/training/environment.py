"""What a model was trained with, beside its rows and its code."""

from __future__ import annotations

import platform
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from lagoa.domain.optional import extra
from lagoa.training.fitted import NEEDS

if TYPE_CHECKING:
    from collections.abc import Iterator

_PACKAGES = ("lagoa", "duckdb", "lightgbm", "numpy", "pandas", "pyarrow", "scikit-learn", "scipy", "skops")


@contextmanager
def one_thread() -> Iterator[None]:
    """Let linear algebra run in one thread: as quick for so few rows, and far quicker on a busy machine."""
    with extra("ml", NEEDS):
        from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield


def packages() -> dict[str, str]:
    """Return the versions of Python and of the packages that decide what a model becomes."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def hardware() -> dict[str, str]:
    """Return what of the machine can change the last bits of a result: its kind, and the kernels of linear algebra."""
    with extra("ml", NEEDS):
        from threadpoolctl import threadpool_info

    kernels = sorted({f"{each['internal_api']} {each.get('architecture', '')}".strip() for each in threadpool_info()})
    return {"machine": platform.machine(), "system": platform.system(), "kernels": ", ".join(kernels)}
