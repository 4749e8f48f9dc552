"""Lists of files in the warehouse: places and sizes, one a line, however many there are."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lagoa.storage.port import Storage

FOUND = "_lagoa/garbage"
"""Folder with a list of the garbage that each collection found and left."""

_CHUNK = 2**20


def write_list(storage: Storage, location: str, files: Iterable[tuple[str, int]]) -> None:
    """Write a list as a whole, or not at all; raises `OSError`, as of a full disk.

    Args:
        storage: where the warehouse is.
        location: of the list.
        files: places and sizes; places are kept relative to the warehouse.
    """
    draft, here = f"{storage.home}/_lagoa/draft/{uuid.uuid4().hex}.jsonl", f"{storage.location}/"
    with storage.file_io({}).new_output(draft).create(overwrite=True) as stream:
        for place, size in files:
            stream.write(f"{json.dumps([place.removeprefix(here), size])}\n".encode())
    storage.move(draft, location)


def read_list(storage: Storage, location: str) -> Iterator[tuple[str, int]]:
    """Yield the paths of a list, relative to the warehouse, and sizes; raises `OSError`."""
    with storage.file_io({}).new_input(location).open() as stream:
        rest = b""
        while chunk := stream.read(_CHUNK):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                path, size = json.loads(line)
                yield path, size
