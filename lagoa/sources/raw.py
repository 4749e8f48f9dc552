"""The raw layer: what a source gave, byte for byte, for good; and tables made again from it.

`raw/<source>/year=<Y>/month=<M>/day=<D>/<table>_<YYYYMMDD>_<NNN>.<ending>` in the warehouse. The files of one extract
follow each other, and beside them a file `…_<NNN>.extract.json` says what they are: their names at the source, their
SHA-256, the batch, and the moment that the rows have. It is written last: files without it are of an extract that was
not kept whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from lagoa.errors import SourceError, StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from lagoa.domain.commits import LoadMode
    from lagoa.domain.tables import TableName
    from lagoa.sources.kind import Position
    from lagoa.storage.port import Storage

FOLDER = "raw"
"""Folder of the warehouse."""

_RECORD = ".extract.json"
_NUMBER = re.compile(r"_(\d{3,})\.[^/]*$")
_NAME = re.compile(r"[^A-Za-z0-9._-]")
_COPIED = 2**20


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an extract besides its files.

    Attributes:
        batch: the id of the batch that it is.
        moment: the time that its rows have as `_ingested_at`.
        mode: how it gets into its table.
        position: how far the table has what the source has then.
    """

    batch: str
    moment: datetime
    mode: LoadMode
    position: Position | None


@dataclass(frozen=True, slots=True)
class RawExtract:
    """An extract that was kept.

    Attributes:
        place: location of the file that says what it is.
        names: the names of its files at the source.
        files: their locations.
        sha256: the hash of each.
        facts: what else is known of it.
    """

    place: str
    names: tuple[str, ...]
    files: tuple[str, ...]
    sha256: tuple[str, ...]
    facts: Facts


class RawLayer:
    """The raw layer of one source.

    Args:
        storage: of the lake.
        source: name of the source.
    """

    def __init__(self, storage: Storage, source: str) -> None:
        self._storage, self._source = storage, source
        self._home = f"{storage.home}/{FOLDER}/{source}"

    def keep(self, table: TableName, files: Sequence[Path], facts: Facts) -> None:
        """Keep the files of an extract.

        Args:
            table: its table.
            files: its files.
            facts: what else is known of it.

        Raises:
            OSError, StorageUnavailable: they cannot be written.
        """
        folder = f"{self._home}/year={facts.moment:%Y}/month={facts.moment:%m}/day={facts.moment:%d}"
        beginning = f"{table.name}_{facts.moment:%Y%m%d}"
        with suppress(FileExistsError):
            self._storage.make_folder(folder)
        numbers = count(1 + max(self._numbers(folder, beginning), default=0))
        places, digests = [], []
        for file in files:
            place, digest = self._write(file, folder, beginning, numbers)
            places.append(place)
            digests.append(digest)
        document = {
            "table": str(table),
            "files": [
                {
                    "name": os.fsencode(file.name).decode("utf-8", "replace"),
                    "file": place.rpartition("/")[2],
                    "sha256": digest,
                }
                for file, place, digest in zip(files, places, digests, strict=True)
            ],
            "batch": facts.batch,
            "moment": facts.moment.isoformat(),
            "mode": facts.mode,
            "position": facts.position,
        }
        record = f"{_stem(places[0])}{_RECORD}"
        with self._storage.file_io({}).new_output(record).create() as stream:
            stream.write(json.dumps(document, indent=1).encode())

    def extracts(self, table: TableName) -> list[RawExtract]:
        """Return what was kept for a table, in the order in which it came; raises `SourceError` if it is damaged."""
        found = []
        for stored in self._storage.files_in(self._home):
            if stored.place.endswith(_RECORD) and stored.place.rpartition("/")[2].startswith(f"{table.name}_"):
                place = self._storage.location_of(stored.place)
                extract = self._read(place, table)
                if extract is not None:
                    found.append(extract)
        return sorted(found, key=lambda each: (each.facts.moment, each.place))

    def fetch(self, extract: RawExtract, folder: Path) -> list[Path]:
        """Copy the files of an extract into a folder, under their names at the source, and prove them.

        Raises:
            SourceError: one is missing, or is not what was kept.
        """
        paths = []
        for number, (name, place, digest) in enumerate(zip(extract.names, extract.files, extract.sha256, strict=True)):
            path = folder / str(number) / PurePosixPath(name).name  # which its rows have as `_source`
            path.parent.mkdir()
            try:
                with self._storage.file_io({}).new_input(place).open() as source, path.open("wb") as target:
                    shutil.copyfileobj(source, target, _COPIED)
            except FileNotFoundError as error:
                raise SourceError(place, "the raw file is missing.", "Bring it back from a backup.") from error
            with path.open("rb") as stream:
                if hashlib.file_digest(stream, "sha256").hexdigest() != digest:
                    message = "the raw file is not what was kept: its SHA-256 is another."
                    raise SourceError(place, message, "Bring it back from a backup.")
            paths.append(path)
        return paths

    def _write(self, file: Path, folder: str, beginning: str, numbers: Iterator[int]) -> tuple[str, str]:
        """Copy a file to the next free number; return where it is, and its SHA-256."""
        ending = "".join(file.suffixes[-2:]) if file.suffix in {".gz", ".zst", ".zip"} else file.suffix
        for number in numbers:
            place = f"{folder}/{beginning}_{number:03}{_NAME.sub('_', ending)}"
            digest = hashlib.sha256()
            try:
                with file.open("rb") as source, self._storage.file_io({}).new_output(place).create() as target:
                    while chunk := source.read(_COPIED):
                        digest.update(chunk)
                        target.write(chunk)
            except FileExistsError:  # another process keeps an extract of the same table
                continue
            return place, digest.hexdigest()
        raise AssertionError  # numbers have no end

    def _numbers(self, folder: str, beginning: str) -> Iterator[int]:
        for stored in self._storage.files_in(folder):
            name = stored.place.rpartition("/")[2]
            found = _NUMBER.search(name)
            if found and name.startswith(f"{beginning}_"):
                yield int(found[1])

    def _read(self, place: str, table: TableName) -> RawExtract | None:
        try:
            document: dict[str, Any] = json.loads(self._storage.read(place))
            if document["table"] != str(table):
                return None
            files = document["files"]
            folder = place.rpartition("/")[0]
            return RawExtract(
                place,
                tuple(each["name"] for each in files),
                tuple(f"{folder}/{each['file']}" for each in files),
                tuple(each["sha256"] for each in files),
                Facts(
                    document["batch"],
                    datetime.fromisoformat(document["moment"]),
                    document["mode"],
                    document["position"],
                ),
            )
        except StorageUnavailable:
            raise
        except (OSError, ValueError, KeyError, TypeError) as error:
            message = f"it cannot be read as the record of an extract: {error}."
            raise SourceError(place, message, "Bring it back from a backup.") from error


def _stem(place: str) -> str:
    folder, _, name = place.rpartition("/")
    return f"{folder}/{name.partition('.')[0]}"
