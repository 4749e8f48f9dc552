"""Optional parts of Lagoa: what is installed by an extra (`lagoa[stack]`) is imported inside of `extra`."""

from __future__ import annotations

from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from lagoa.errors import PartMissing

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def extra(name: str, capability: str) -> Iterator[None]:
    """Say how a part of Lagoa is installed where an import in this block lacks a package.

    A package that is there and fails to import keeps its own error: installing it again would change nothing.

    Args:
        name: of the extra in pyproject.toml.
        capability: what needs it, as the subject of a sentence.

    Raises:
        PartMissing: a package is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = error.name
        if not package or "." in package or find_spec(package) is not None:
            raise
        raise PartMissing(name, capability, package) from error
