"""A source file: whether it can be read, the hash of its content, and whether it changed while it was read."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import os
import re
import zlib
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from lagoa.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lagoa.formats.shared.zip_member import Member

READ_ERRORS = (OSError, EOFError, zlib.error)
"""What reading a file raises: gzip has its own errors for damaged files."""

GZIP, ZIP = ".gz", ".zip"
"""How the names of compressed files end."""

BOM = codecs.BOM_UTF8
"""What UTF-8 text may begin with."""

MAGIC = b"PAR1"
"""What a Parquet file begins with."""

AVRO_MAGIC = b"Obj\x01"
"""What an Avro file begins with."""

ORC_MAGIC = b"ORC"
"""What an ORC file begins with; text may, too."""

ZIP_MAGIC = b"PK\x03\x04"
"""What a zip file begins with, such as a workbook."""

OLD_OFFICE_MAGIC = b"\xd0\xcf\x11\xe0"
"""What documents of old versions of Office begin with, and encrypted ones."""

_GZIP_MAGIC = b"\x1f\x8b"

_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f]")
_BEGINNING = 64

_UTF16 = "Write `encoding: utf-16` in `lagoa.source` if it is CSV; else convert it: `iconv -f utf-16 -t utf-8`."
_KINDS = {
    MAGIC: ("a Parquet file", "Write `format: parquet` in the contract's `lagoa.source`."),
    b"PARE": ("an encrypted Parquet file", "Decrypt it first."),
    _GZIP_MAGIC: ("a gzip file", "Give it a name that ends in .gz, or unpack it."),
    ZIP_MAGIC: (
        "an Excel workbook or a zip file",
        "Write `format: excel` in the contract's `lagoa.source`; unpack a zip file, or let its name end in .zip.",
    ),
    OLD_OFFICE_MAGIC: ("an old or encrypted Excel workbook", "Save it as .xlsx without a password."),
    b"\x28\xb5\x2f\xfd": ("a zstd file", "Unpack it."),
    b"BZh": ("a bzip2 file", "Unpack it."),
    b"\xfd7zXZ": ("an xz file", "Unpack it."),
    b"%PDF": ("a PDF", "Get the data as CSV or Parquet."),
    ORC_MAGIC: ("an ORC file", "Write `format: orc` in the contract's `lagoa.source`."),
    AVRO_MAGIC: ("an Avro file", "Write `format: avro` in the contract's `lagoa.source`."),
    b"SQLite format 3\0": ("a SQLite database", "Export its tables as CSV or Parquet."),
    b"7z\xbc\xaf": ("a 7z file", "Unpack it."),
    b"Rar!": ("a RAR file", "Unpack it."),
    b"ARROW1": ("an Arrow file", "Convert it to Parquet."),
    b"\xff\xfe": ("a text in UTF-16", _UTF16),
    b"\xfe\xff": ("a text in UTF-16", _UTF16),
}


def kind_of(head: bytes) -> tuple[str, str] | None:
    """Return what a binary file is by its first bytes, and what to do with it; None if they do not show it."""
    if head.startswith(ORC_MAGIC) and not _CONTROL.search(head[:_BEGINNING]):
        return None  # text, such as a header that begins with ORCAMENTO
    return next((kind for magic, kind in _KINDS.items() if head.startswith(magic)), None)


def begins_with(file: SourceFile, magic: bytes) -> bool:
    """Return whether the content of a file begins with some bytes.

    Raises:
        SourceError: it cannot be read.
    """
    try:
        with file.open() as stream:
            return stream.read(len(magic)) == magic
    except READ_ERRORS as error:
        raise file.unreadable(error) from error


class SourceFile:
    """A file that rows are read from; it must not change while Lagoa reads it.

    Attributes:
        path: its path.
        name: its name without the folders, as `_source` shows it.
        size: its size in bytes.
    """

    def __init__(self, path: Path, members: Sequence[str] = ()) -> None:
        """Check the file.

        Args:
            path: its path.
            members: names or patterns that the file to read in a zip file has; needed if there are several.

        Raises:
            SourceError: it is missing, is not a regular file, or may not be read; or it is no zip file, and a member
                is named.
        """
        self.path = Path(path)
        self._members = tuple(members)
        self.name = os.fsencode(self.path.name).decode("utf-8", "replace")
        try:
            self._before = self.path.stat()
            if not self.path.is_file():
                kind = "a folder" if self.path.is_dir() else "not a regular file"
                advice = "Name one file." if kind == "a folder" else "Copy its content to a file first."
                raise SourceError(str(path), f"it is {kind}.", advice)
            with self.path.open("rb"):
                pass
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            raise self.unreadable(error) from error
        self.size = self._before.st_size
        if members and self.path.suffix.lower() != ZIP:
            message = f"the file {' and '.join(map(repr, members))} in it is to be read, and it is no zip file."
            raise SourceError(str(path), message, "Remove `member` from `lagoa.source`, or --member.")

    @cached_property
    def member(self) -> Member | None:
        """The file in a zip file that is read; None if this is no zip file by its name.

        Raises:
            SourceError: the zip file is damaged, or has not exactly one such file.
        """
        if self.path.suffix.lower() != ZIP:
            return None
        from lagoa.formats.shared.zip_files import find_member

        try:
            return find_member(self.path, self._members)
        except OSError as error:
            raise self.unreadable(error) from error

    @property
    def is_packed(self) -> bool:
        """Whether the content is compressed, by the file's name."""
        return self.path.suffix.lower() in {GZIP, ZIP}

    @property
    def content_name(self) -> str:
        """The name that tells the content's format: that of the file in a zip file, and without `.gz`."""
        name = self.member.name if self.member else self.name
        return name[: -len(GZIP)] if name.lower().endswith(GZIP) else name

    def fingerprint(self) -> str:
        """Return the SHA-256 of the file's bytes, in hexadecimal digits.

        If a zip file has several files, it is the SHA-256 of that and of the name of the one that is read.

        Raises:
            SourceError: it cannot be read.
        """
        try:
            with self.path.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise self.unreadable(error) from error
        if self.member and self.member.others:
            return hashlib.sha256(f"{digest}/{self.member.name}".encode("utf-8", "surrogateescape")).hexdigest()
        return digest

    def open(self) -> IO[bytes]:
        """Open the content: uncompressed if the name ends in `.gz` or `.zip` (upper or lower case)."""
        if self.member:
            return self.member.open()
        if self.path.suffix.lower() == GZIP:
            return cast("IO[bytes]", gzip.open(self.path, "rb"))
        return self.path.open("rb", buffering=0)

    def check_unchanged(self) -> None:
        """Make sure that size and modification time are those of the beginning.

        Raises:
            SourceError: somebody wrote to the file, so its hash and its rows may not belong together.
        """
        try:
            now = self.path.stat()
        except OSError as error:
            raise self.unreadable(error) from error
        if _identity(now) != _identity(self._before):
            raise SourceError(
                str(self.path),
                "it changed while it was read; nothing was written.",
                "Load it again when it is complete: let its writer write under another name and rename it at the end.",
            )

    def unreadable(self, error: Exception) -> SourceError:
        """Return the error for a file that the system or its compression does not let us read."""
        if isinstance(error, FileNotFoundError):
            return SourceError(str(self.path), "there is no such file.", "Check the path.")
        if isinstance(error, PermissionError):
            return SourceError(str(self.path), "it may not be read.", "Give this user the right to read it.")
        if isinstance(error, gzip.BadGzipFile) and not self._begins_as_gzip():
            advice = "Take the ending off its name if it is the file itself; else fetch or copy it again."
            return SourceError(str(self.path), "its name ends in .gz, and it is no gzip file.", advice)
        reason = (isinstance(error, OSError) and error.strerror) or " ".join(str(error).split())
        return SourceError(
            str(self.path), f"it cannot be read: {reason.rstrip(' .')}.", "Fetch or copy the file again."
        )

    def _begins_as_gzip(self) -> bool:
        with self.path.open("rb") as stream:
            return stream.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC


def _identity(stat: os.stat_result) -> tuple[int, int, int]:
    return stat.st_size, stat.st_mtime_ns, stat.st_ino
