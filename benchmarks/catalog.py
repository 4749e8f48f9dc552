"""The versioned catalog in SQLite: branches, commits, and reading a long history."""

from __future__ import annotations

import itertools
import tempfile
import uuid
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.figures import Figure, median_ms
from lagoa.adapters.sqlite.catalog import SqliteCatalog
from lagoa.domain.commits import Change
from lagoa.domain.refs import MAIN
from lagoa.domain.tables import TableName

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

TABLES = 1_000
COMMITS = 10_000
LOG = 50
JOB_TABLES = 33
BRANCH_LIMIT_MS = 10.0
READ_LIMIT_MS = 20.0

_NAMES = [TableName((f"layer{number % 10}",), f"table_{number:04d}") for number in range(TABLES)]


def run() -> list[Figure]:
    """Measure every figure of the catalog; takes about a minute."""
    with tempfile.TemporaryDirectory() as folder:
        figures = [_branch(Path(folder) / f"{tables}.db", tables) for tables in (10, TABLES)]
        return [*figures, *_straight(Path(folder) / "straight.db"), *_published(Path(folder) / "published.db")]


def _branch(path: Path, tables: int) -> Figure:
    with closing(SqliteCatalog(path)) as catalog:
        head = _begin(catalog, tables)
        numbers = itertools.count()
        value = median_ms(lambda: catalog.create_branch(f"b{next(numbers)}", head))
    return Figure(f"create a branch of {tables:,} tables", value, "ms", BRANCH_LIMIT_MS, note="synced to the disk")


def _straight(path: Path) -> list[Figure]:
    """Measure one branch of many commits, where a state lies furthest from its checkpoint."""
    with closing(SqliteCatalog(path)) as catalog:
        head = first = _begin(catalog, TABLES)
        for number in range(COMMITS - 2):
            head = catalog.commit("work", head, _change(_NAMES[number % TABLES :][:1])).id
        old = _branched(catalog, "old", first)
        new = _branched(catalog, "new", head)
        landing = _landings(catalog, new)
        value = median_ms(lambda: next(landing))
    size = path.stat().st_size / 2**20
    note = f"{COMMITS:,} commits of {TABLES:,} tables on one branch, catalog opened for the call"
    return [
        _cold(path, f"log of {LOG} commits", lambda c: list(itertools.islice(c.log(head), LOG)), note),
        _cold(path, "look a ref up", lambda c: c.resolve("work"), note),
        _cold(path, "look a ref up, `work~5000`", lambda c: c.resolve("work~5000"), note),
        _cold(path, "merge base with a branch made at the oldest commit", lambda c: c.merge_base(head, old), note),
        _cold(path, "pointers at a ref", lambda c: c.tables(c.resolve("work").id), note),
        _cold(path, "tables that differ between the oldest and the newest", lambda c: c.diff(first, head), note, None),
        Figure(f"commit of {JOB_TABLES} tables", value, "ms", note="synced to the disk"),
        Figure("size of the catalog's file", size, "MiB", note=f"{COMMITS:,} commits of {TABLES:,} tables"),
    ]


def _published(path: Path) -> list[Figure]:
    """Measure a history of publications, where most commits have two parents or lie on a branch of their own."""
    with closing(SqliteCatalog(path)) as catalog:
        first = _begin(catalog, TABLES)
        root = catalog.resolve(MAIN).id
        main = root
        for number in range((COMMITS - 3) // 2):
            change = _change(_NAMES[number % TABLES :][:1])
            work = _branched(catalog, f"run/{number}", main)
            catalog.create_branch(f"candidate/{number}", main)
            merged = Change(change.tables, merged=work)
            candidate = catalog.commit(f"candidate/{number}", main, merged).id
            catalog.swap(MAIN, main, candidate)
            main = candidate
        moment = catalog.moves(MAIN)[len(catalog.moves(MAIN)) // 2][0]
    note = f"{COMMITS:,} commits of {TABLES:,} tables, every second one a publication, catalog opened for the call"
    return [
        _cold(path, "merge base of main and a branch made at the start", lambda c: c.merge_base(main, first), note),
        _cold(path, "is the oldest commit an ancestor of main", lambda c: c.is_ancestor(root, main), note),
        _cold(path, "look `main*<time>` up", lambda c: c.resolve(f"main*{moment.isoformat()}"), note),
        _cold(path, f"log of {LOG} publications", lambda c: list(itertools.islice(c.log(main), LOG)), note),
    ]


def _cold(
    path: Path, name: str, call: Callable[[SqliteCatalog], object], note: str, limit: float | None = READ_LIMIT_MS
) -> Figure:
    """Measure with a catalog opened for this one call: nothing is kept from an earlier one."""

    def once() -> None:
        with closing(SqliteCatalog(path, create=False)) as catalog:
            call(catalog)

    return Figure(name, median_ms(once), "ms", limit, note=note)


def _begin(catalog: SqliteCatalog, tables: int) -> str:
    root = catalog.resolve(MAIN).id
    catalog.create_branch("work", root)
    return catalog.commit("work", root, _change(_NAMES[:tables])).id


def _branched(catalog: SqliteCatalog, name: str, at: str) -> str:
    catalog.create_branch(name, at)
    return catalog.commit(name, at, _change(_NAMES[:1])).id


def _landings(catalog: SqliteCatalog, head: str) -> Iterator[str]:
    while True:
        head = catalog.commit("new", head, _change(_NAMES[:JOB_TABLES])).id
        yield head


def _change(tables: Sequence[TableName]) -> Change:
    return Change({table: _pointer(table) for table in tables}, "Write tables", author="bench")


def _pointer(table: TableName) -> str:
    folder = f"/srv/lake/.lagoa/warehouse/{table.layer}/{table.name}-{uuid.uuid4()}"
    return f"{folder}/metadata/00007-{uuid.uuid4()}.metadata.json"
