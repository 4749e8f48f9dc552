"""The kind `files`, for the registry."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - pydantic evaluates it
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from lagoa.sources.declaration import Declaration, SourceTable, Text
from lagoa.sources.kind import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lagoa.sources.files.folder import Folder
    from lagoa.sources.kind import Workplace


class Place(BaseModel):
    """Where the files are.

    Attributes:
        folder: a folder; relative to the lake's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Text


class FilesTable(SourceTable):
    """The files of one table.

    Attributes:
        files: their paths below the folder, with `*` for any characters of a name, `?` for one, and `**` for folders.
        still_s: files written in so many seconds before are left for the next time: they may still be written.
    """

    files: Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^[^/\\][^\\]*$")]
    still_s: Annotated[float, Field(ge=0, le=86400)] = 2.0


class FilesSource(Declaration):
    """Files in a folder.

    Attributes:
        kind: `files`.
        connection: where they are.
        tables: the files of each table.
    """

    kind: Literal["files"]
    connection: Place
    tables: Annotated[Mapping[str, FilesTable], Field(min_length=1)]


class Files(Kind[FilesSource]):
    """Files in a folder: new is what has other content than all files before."""

    name = "files"
    options = FilesSource

    @contextmanager
    def open(self, source: str, declared: FilesSource, place: Workplace) -> Iterator[Folder]:
        """Open the folder; see `Kind.open`."""
        from lagoa.sources.files.folder import Folder

        yield Folder(source, declared, place)
