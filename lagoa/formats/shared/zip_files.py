"""Finds the one file of a zip file that is read.

The directory at the end of a zip file is not trusted: Python's zipfile passes over data that the directory does not
mention. Here the members must fill the file without gaps.
"""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING

from lagoa.domain.file_patterns import HIDDEN, matches
from lagoa.domain.lists import listed
from lagoa.errors import SourceError
from lagoa.formats.shared.zip_member import Member

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SUFFIX = ".zip"

MAX_RATIO = 200
"""How many times its packed size a member may have. Text rarely exceeds 50."""

FREE_SIZE = 64 * 1024 * 1024
"""Bytes that a member may have whatever its packed size."""

_LOCAL = struct.Struct(
    "<4s2xHH4xIIIHH"
)  # signature, flags, method, checksum, packed size, size, length of name, of rest
_END = 22
_SIZES_BEHIND, _ENCRYPTED = 0x8, 0x1
_DESCRIPTOR = 24
"""Bytes at most between members: their checksum and sizes, when these were not known before."""

_IN_ZIP64 = 0xFFFF_FFFF
_METHODS = {9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "xz", 98: "PPMd"}
_OFFICE = "[Content_Types].xml"
_AGAIN = "Fetch or pack it again."


def find_member(path: Path, wanted: Sequence[str]) -> Member:
    """Return the one file in a zip file whose name matches all patterns; folders and what macOS adds do not count.

    Args:
        path: the zip file.
        wanted: names or patterns, for the name with or without the folders.

    Raises:
        SourceError: the zip file is truncated, damaged, or has data that its directory does not mention; no file in it
            or several match; or the file is encrypted, a link, packed by an unusual method, or suspiciously large.
        OSError: it cannot be read.
    """
    infos, starts = _directory(path)
    if any(info.filename == _OFFICE for info in infos):
        message = "it is an Office document, such as an Excel workbook."
        advice = "Let the name of a workbook end in .xlsx, and write `format: excel` in the contract's `lagoa.source`."
        raise SourceError(str(path), message, advice)
    files = [info for info in infos if not info.is_dir() and not _is_system(info.filename)]
    chosen = [info for info in files if all(_is_named(info.filename, pattern) for pattern in wanted)]
    if len(chosen) != 1:
        raise _not_one(path, [info.filename for info in files], [info.filename for info in chosen], wanted)
    (info,) = chosen
    others = tuple(each.filename for each in files if each is not info)
    return _member(path, info, others, starts)


def members_of(path: Path) -> dict[str, Member]:
    """Return all files in a zip file by their names, such as the parts of an Office document.

    Raises:
        SourceError: it is damaged, as in `find_member`, has a name twice, or one of the files is odd.
        OSError: it cannot be read.
    """
    infos, starts = _directory(path)
    found: dict[str, Member] = {}
    for info in infos:
        if info.filename in found:
            raise SourceError(str(path), f"{info.filename!r} is in it twice.", _AGAIN)
        found[info.filename] = _member(path, info, (), starts)
    return found


def _directory(path: Path) -> tuple[list[zipfile.ZipInfo], dict[int, int]]:
    """Return what is in a zip file, and where the data of each member begins, by the place of its header."""
    try:
        with zipfile.ZipFile(path) as archive, path.open("rb") as stream:
            return archive.infolist(), _check_whole(archive, stream)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error, OverflowError, EOFError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise SourceError(str(path), f"it is not a whole zip file: {reason}.", _AGAIN) from error


def _member(path: Path, info: zipfile.ZipInfo, others: tuple[str, ...], starts: dict[int, int]) -> Member:
    _refuse_odd(path, info)
    deflated = info.compress_type == zipfile.ZIP_DEFLATED
    start = starts[info.header_offset]
    return Member(path, info.filename, others, start, info.compress_size, info.file_size, info.CRC, deflated)


def _check_whole(archive: zipfile.ZipFile, stream: IO[bytes]) -> dict[int, int]:
    """Return where the data of each member begins, by the place of its header; raises `BadZipFile` for other data."""
    end, gap, starts = 0, 0, {}
    for info in sorted(archive.infolist(), key=lambda info: info.header_offset):
        if not info.filename:
            raise zipfile.BadZipFile("a file in it has no name")
        stream.seek(info.header_offset)
        head = stream.read(_LOCAL.size)
        signature, flags, method, _, packed, size, name, rest = _LOCAL.unpack(head)
        if signature != b"PK\3\4" or not 0 <= info.header_offset - end <= gap:
            raise zipfile.BadZipFile("it has data that its directory does not mention")
        sizes = (packed, size)
        if not flags & _SIZES_BEHIND and _IN_ZIP64 not in sizes and sizes != (info.compress_size, info.file_size):
            raise zipfile.BadZipFile(f"two sizes are declared for {info.filename}")
        if method != info.compress_type:
            raise zipfile.BadZipFile(f"two methods are declared for {info.filename}")
        starts[info.header_offset] = info.header_offset + _LOCAL.size + name + rest
        end = starts[info.header_offset] + info.compress_size
        gap = _DESCRIPTOR if flags & _SIZES_BEHIND else 0
    if not 0 <= archive.start_dir - end <= gap:
        raise zipfile.BadZipFile("it has data that its directory does not mention")
    stream.seek(-_END - len(archive.comment), io.SEEK_END)
    if stream.read(4) != b"PK\5\6":
        raise zipfile.BadZipFile("it is followed by other data")
    return starts


def _is_system(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return "__MACOSX" in parts or (bool(parts) and parts[-1].startswith(HIDDEN))


def _is_named(name: str, pattern: str) -> bool:
    return matches(pattern, name) or matches(pattern, PurePosixPath(name).name)


def _not_one(path: Path, files: Sequence[str], chosen: Sequence[str], wanted: Sequence[str]) -> SourceError:
    """Return the error for a zip file that has none or several of the wanted files."""
    if not files:
        return SourceError(str(path), "no file is in it.", "Check what packed it.")
    names = listed(chosen or files)
    advice = (
        "Name one: `member: NAME` in `lagoa.source` of the contract, or --member NAME; * stands for any characters."
    )
    patterns = " and ".join(map(repr, wanted))
    if not chosen:
        return SourceError(str(path), f"no file in it is called {patterns}; it has {names}.", advice)
    called = f" are called {patterns}" if wanted else " are in it"
    return SourceError(str(path), f"{len(chosen)} files{called}: {names}.", advice)


def _refuse_odd(path: Path, info: zipfile.ZipInfo) -> None:
    """Raise `SourceError` for a file that is not read."""
    name = info.orig_filename
    parts = name.replace("\\", "/").split("/")
    if info.flag_bits & _ENCRYPTED:
        raise SourceError(str(path), f"{name!r} in it is encrypted.", "Unpack it with its password.")
    if stat.S_ISLNK(info.external_attr >> 16):
        raise SourceError(str(path), f"{name!r} in it is a link, not a file.", _AGAIN)
    if not parts[0] or parts[0].endswith(":") or ".." in parts:
        raise SourceError(str(path), f"{name!r} in it is a path out of its folder.", "Check where it comes from.")
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        method = _METHODS.get(info.compress_type, f"method {info.compress_type}")
        raise SourceError(str(path), f"{name!r} in it is packed by {method}.", "Unpack it, or pack it by deflate.")
    if info.file_size > max(FREE_SIZE, MAX_RATIO * info.compress_size):
        message = f"{name!r} in it is {info.file_size:,} bytes, more than {MAX_RATIO} times its packed size."
        raise SourceError(str(path), message, "If that is right, unpack it and load the file.")
