"""Optional packages: those that an extra (`lagoa[stack]`) installs are imported inside `extra`."""

from __future__ import annotations

from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from lagoa.errors import PartMissing

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def extra(name: str, capability: str) -> Iterator[None]:
    """Translate the error of a package that is not installed, in the block, into `PartMissing`.

    An installed package that fails to import keeps its own error: installing it again would change nothing.

    Args:
        name: of the extra in pyproject.toml.
        capability: needs the packages; the subject of the message.

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
