"""Branches, commits and publications on Nessie, of tables whose files lie in MinIO."""

from __future__ import annotations

import itertools
import statistics
import time
from typing import TYPE_CHECKING

import lagoa
from benchmarks.figures import Figure, median_ms
from benchmarks.publish import CHANGED, NAMES, REBASED, load, publications, rebases, write_contracts
from benchmarks.stack_servers import PROFILE
from lagoa.domain.commits import Change
from lagoa.domain.refs import MAIN
from lagoa.domain.tables import TableName

if TYPE_CHECKING:
    from benchmarks.stack_servers import Servers, Size
    from lagoa.lake import Lake

COMMITTED = 10
BRANCH_LIMIT_MS = 50.0
COMMIT_LIMIT_MS = 150.0
PUBLISH_LIMIT_MS = 500.0
REBASE_LIMIT_MS = 1_000.0


class CatalogFigures:
    """Measures a lake of 33 small tables, which is made and published once.

    Args:
        servers: the stack.
        size: how much is measured.
    """

    def __init__(self, servers: Servers, size: Size) -> None:
        self._servers = servers
        self._size = size

    def measure(self, name: str) -> list[Figure]:
        """Return the figures of a lake of this name on an empty `main`."""
        self._servers.reset()
        root = self._servers.folder / name
        root.mkdir()
        (root / "lagoa.toml").write_text(self._servers.profile(name), "utf-8")
        write_contracts(root)
        with lagoa.open_lake(root, PROFILE) as lake:
            prefix = f"run/{name}"
            load(lake.create_branch(f"{prefix}/first"), NAMES, f"{prefix}/first").publish()
            branch = self._branch(lake, prefix)
            commit = self._commit(lake, prefix)
            beside, whole, checks = publications(lake, f"{prefix}/load", self._size.rounds)
            rebased = rebases(lake, f"{prefix}/rebase", self._size.rounds)
        publish = f"publish {CHANGED} changed tables, beside the audit"
        return [
            Figure("create a branch", branch, "ms", BRANCH_LIMIT_MS),
            Figure(f"commit of {COMMITTED} tables", commit, "ms", COMMIT_LIMIT_MS),
            Figure(publish, beside, "ms", PUBLISH_LIMIT_MS, note=f"by the publisher's own step; {checks} checks"),
            Figure("the same with its audit", whole, "ms"),
            Figure(f"rebase of {REBASED} tables that main and the branch appended to", rebased, "ms", REBASE_LIMIT_MS),
        ]

    def _branch(self, lake: Lake, prefix: str) -> float:
        numbers = itertools.count()
        return median_ms(lambda: lake.create_branch(f"{prefix}/b{next(numbers)}"), self._size.rounds)

    def _commit(self, lake: Lake, prefix: str) -> float:
        """Point ten tables from the one to the other of two states, whose metadata this process has written."""
        catalog = lake.context.catalog
        names = [TableName.parse(table) for table in NAMES[:COMMITTED]]
        states = [dict(catalog.tables(catalog.ref(MAIN).commit))]
        branch = load(lake.create_branch(f"{prefix}/commits"), NAMES[:COMMITTED], f"{prefix}/commits")
        states.append(dict(catalog.tables(branch.head)))
        head, times = branch.head, []
        for number in range(self._size.rounds):
            change = Change({table: states[number % 2][table] for table in names}, "Point ten tables", author="bench")
            start = time.perf_counter()
            head = catalog.commit(branch.name, head, change).id
            times.append((time.perf_counter() - start) * 1000)
        return statistics.median(times)
