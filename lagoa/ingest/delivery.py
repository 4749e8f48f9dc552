"""A delivery: what the files of a folder are to the contracts. Every one is accounted for before any is read."""

from __future__ import annotations

import os
import unicodedata
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lagoa.domain.file_patterns import (
    HIDDEN,
    common_pattern,
    differ_in_digits,
    has_number_more,
    is_pattern,
    matches,
    matching,
)
from lagoa.domain.lists import listed
from lagoa.errors import SourceError
from lagoa.formats.contract_text import scalar
from lagoa.formats.shared.files import SourceFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lagoa.context import LakeContext
    from lagoa.contracts.sources import Source
    from lagoa.domain.tables import TableName


@dataclass(frozen=True, slots=True)
class Delivery:
    """The files of a folder, each with what becomes of it.

    Attributes:
        folder: the folder.
        files: the files of each table by their names, which is the order in which they are loaded.
        ignored: names of the files that no contract names and that may be there all the same; hidden ones too.
        folders: names of the folders in it, which are not opened.
        unmatched: `file` of the contracts that name no file of the folder, by table.
    """

    folder: Path
    files: Mapping[TableName, tuple[Path, ...]]
    ignored: tuple[str, ...]
    folders: tuple[str, ...]
    unmatched: Mapping[TableName, str]

    @property
    def found(self) -> int:
        """Number of files in the folder."""
        return len({path for paths in self.files.values() for path in paths}) + len(self.ignored)


def read_delivery(
    context: LakeContext, folder: Path, ignore: Sequence[str] = (), only: TableName | None = None
) -> Delivery:
    """Return what the files of a folder are to the contracts' `file` in `lagoa.source`.

    Args:
        context: the lake.
        folder: where the files are; folders in it are not opened.
        ignore: names or patterns of files that may be there without a contract that names them; those of the setting
            `ingest_ignore` and of `ignore` in `lagoa.source` count too.
        only: the table whose files alone are of interest; all others may be there.

    Raises:
        SourceError: there is no such folder, it may not be read, no contract names a file in it, a file is named by
            several contracts, or by none and is not ignored; or the contract of `only` names no file.
    """
    sources = {each.table: each.source for each in context.contracts if each.source and each.source.file}
    names, folders = _entries(folder)
    claims = {table: matching(source.file or "", names) for table, source in sources.items()}
    _refuse_disputed(folder, sources, claims)
    if only is not None:
        if only not in sources:
            raise SourceError(str(only), "its contract names no file.", "Add `file: NAME` to its `lagoa.source`.")
        sources, claims = {only: sources[only]}, {only: claims[only]}
    if not any(claims.values()):
        raise _nothing_named(folder, sources, list(names))
    claimed = {name for found in claims.values() for name in found}
    others = [name for name in names if name not in claimed]
    patterns = {*([ignore] if isinstance(ignore, str) else ignore), *context.settings.ingest_ignore}
    patterns |= {pattern for source in sources.values() for pattern in source.ignore}
    unclaimed = [name for name in others if not _ignored(name, patterns)]
    if unclaimed and only is None:
        raise _unclaimed(folder, sources, unclaimed, len(names))
    return Delivery(
        folder,
        {table: tuple(folder / name for name in found) for table, found in claims.items() if found},
        tuple(map(shown, others)),
        tuple(map(shown, folders)),
        {table: sources[table].file or "" for table, found in claims.items() if not found},
    )


def shown(name: str) -> str:
    """Return a file's name as text, also if its bytes are not UTF-8."""
    return os.fsencode(name).decode("utf-8", "replace")


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _entries(folder: Path) -> tuple[dict[str, None], list[str]]:
    """Return the names of the files of a folder, and those of the folders in it, in order."""
    try:
        if not folder.is_dir():
            raise SourceError(str(folder), "there is no such folder.", "Check the path.")
        with os.scandir(folder) as entries:
            found = sorted((entry.name, Path(entry.path).is_dir()) for entry in entries)
    except OSError as error:
        raise SourceError(
            str(folder), f"it cannot be read: {error.strerror}.", "Give this user the right to read it."
        ) from error
    return {name: None for name, inner in found if not inner}, [name for name, inner in found if inner]


def _ignored(name: str, patterns: Iterable[str]) -> bool:
    return name.startswith(HIDDEN) or any(name == pattern or matches(pattern, name) for pattern in patterns)


def _nothing_named(folder: Path, sources: Mapping[TableName, Source], names: Sequence[str]) -> SourceError:
    if not names:
        return SourceError(str(folder), "there is no file in it.", "Check the path.")
    named = listed(sorted({shown(source.file or "") for source in sources.values()}))
    return SourceError(
        str(folder),
        f"no contract names a file in it; they name {named or 'none'}.",
        f"{_pattern_advice(sources, names)}Add `file: NAME` to `lagoa.source` of a contract, or load one file with "
        "`lagoa ingest FILE --into TABLE`.",
    )


def _refuse_disputed(
    folder: Path, sources: Mapping[TableName, Source], claims: Mapping[TableName, Sequence[str]]
) -> None:
    """Raise `SourceError` for files that several contracts name, unless each reads another member of a zip file."""
    tables = defaultdict(list)
    for table, found in claims.items():
        for name in found:
            tables[name].append(table)
    disputed = {
        name: those
        for name, those in tables.items()
        if _is_disputed(folder / name, [sources[table] for table in those])
    }
    if disputed:
        lines = [
            f"{shown(name)!r} by {' and '.join(f'{table} ({sources[table].file})' for table in those)}"
            for name, those in disputed.items()
        ]
        raise SourceError(
            str(folder),
            f"files are named by several contracts: {listed(lines)}. Nothing was loaded.",
            "Change `file` in `lagoa.source` so that one of them names each file.",
        )


def _is_disputed(path: Path, sources: Sequence[Source]) -> bool:
    """Return whether several sources that name a file would read the same of it."""
    if len(sources) == 1:
        return False
    members = []
    for source in sources:
        try:
            member = SourceFile(path, [source.member] if source.member else []).member
        except SourceError:  # it is reported when the file is read
            continue
        members.append(member.name if member else None)
    return len(set(members)) < len(members) or None in {source.member for source in sources}


def _unclaimed(folder: Path, sources: Mapping[TableName, Source], names: Sequence[str], found: int) -> SourceError:
    advice = _pattern_advice(sources, names)
    return SourceError(
        str(folder),
        f"no contract names {len(names)} of its {found} files: {listed(list(map(shown, names)))}. Nothing was loaded.",
        f"{advice}{'Or name' if advice else 'Name'} them by `file` in `lagoa.source` of a contract, where * stands for "
        "any characters; or say that they may be there: --ignore PATTERN, or `ingest_ignore` in lagoa.toml.",
    )


def _pattern_advice(sources: Mapping[TableName, Source], names: Sequence[str]) -> str:
    """Return a pattern for a contract that names one of several files whose names differ by a number alone."""
    for table, source in sources.items():
        file = source.file or ""
        if matching(_folded(file), {_folded(name) for name in names}):
            return (
                f"{table} names {shown(file)}: upper and lower case, and the encoding of accents, have to be the same. "
            )
        alike = [name for name in names if differ_in_digits(name, file) or has_number_more(name, file)]
        if alike and not is_pattern(file):
            pattern = scalar(shown(common_pattern([file, *alike])))
            those = f"{listed(list(map(shown, alike)), 3)} {'is' if len(alike) == 1 else 'are'}"
            return f"If {those} of {table}, write `file: {pattern}` in its contract. "
    return ""
