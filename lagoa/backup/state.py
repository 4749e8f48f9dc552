"""Files of the lake's state that no table names: MLflow's store, the online features, the history of flows."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lagoa.backup.manifest import STATE, Item
from lagoa.backup.place import copied

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lagoa.backup.manifest import Backup
    from lagoa.backup.place import Place
    from lagoa.settings import Settings

_LOCKS = (".lock", "-wal", "-shm", "-journal")


def save_state(settings: Settings, place: Place, backup: str, before: Backup | None) -> dict[str, Item]:
    """Copy the files of the state; return them by their names in the state folder.

    Args:
        settings: of the lake.
        place: where backups are.
        backup: id of the one that is made.
        before: the one whose files are used again where they are the same.
    """
    known = before.state if before else {}
    there = place.sizes(STATE) if known else {}
    return {name: _saved(path, name, place, backup, known, there) for name, path in _files(settings)}


def _saved(
    path: Path, name: str, place: Place, backup: str, known: Mapping[str, Item], there: Mapping[str, int]
) -> Item:
    with _content(path) as content:
        with content.open("rb", buffering=0) as source:
            size, digest = copied(source, None)
        old = known.get(name)
        if old and (old.size, old.sha256) == (size, digest) and there.get(old.name) == size:
            return old
        stored = f"{STATE}/{backup}/{name}"
        with content.open("rb", buffering=0) as source, place.create(stored) as target:
            size, digest = copied(source, target)
    return Item(stored, size, digest)


@contextmanager
def _content(path: Path) -> Iterator[Path]:
    """Yield a file as it is at one time: of a SQLite file that others write a copy by SQLite itself."""
    if path.suffix != ".db":
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="lagoa-backup-") as folder:
        copy = Path(folder, path.name)
        only_read = f"{path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(only_read, uri=True)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
        yield copy


def _files(settings: Settings) -> Iterator[tuple[str, Path]]:
    state = settings.state_folder
    found = [state / "features.db"] if settings.online_features == "sqlite" else []
    found += [state / "prefect/prefect.db"] if settings.flow_history == "sqlite" else []
    found += sorted((state / "mlflow").rglob("*")) if settings.tracking == "files" else []
    for path in found:
        if path.is_file() and not path.is_symlink() and not path.name.endswith(_LOCKS):
            yield path.relative_to(state).as_posix(), path
