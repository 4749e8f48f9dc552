"""A new catalog file, written beside its place and put there once it is complete."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from lagoa.adapters.sqlite.catalog import SqliteCatalog
from lagoa.errors import LakeNotEmpty

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BESIDE = ("", "-wal", "-shm", "-journal")


@contextmanager
def restored_file(path: Path, home: str) -> Iterator[SqliteCatalog]:
    """Yield a new catalog; it replaces the one at `path` when the block ends without an error.

    Args:
        path: the catalog's place; what is there must be new, or missing.
        home: the warehouse that the lake was made with.

    Raises:
        LakeNotEmpty: the catalog there has commits.
        CatalogDamaged: what is there is no catalog.
    """
    if not is_empty_file(path):
        raise LakeNotEmpty(str(path))
    partial = path.with_name(f"{path.name}.restoring")
    _remove(partial)
    with closing(SqliteCatalog(partial)) as catalog:
        catalog.keep_home(home)
        yield catalog
    _remove(path)  # with what SQLite keeps beside a file: it would be taken for the new one's
    partial.replace(path)


def is_empty_file(path: Path) -> bool:
    """Return whether a catalog has no commits, or is missing; raises `CatalogDamaged` where it is no catalog."""
    if not path.is_file() or not path.stat().st_size:
        return True
    with closing(SqliteCatalog(path, create=False)) as there:
        return there.is_new()


def _remove(path: Path) -> None:
    for end in _BESIDE:
        path.with_name(f"{path.name}{end}").unlink(missing_ok=True)
