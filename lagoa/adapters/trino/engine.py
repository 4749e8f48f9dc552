"""Models and checks on Trino: it reads the lake's tables, and writes files that Lagoa commits."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

from lagoa.adapters.shared.engine_files import build_files, insert_sql
from lagoa.adapters.trino.server import Away, Refused, check_version, make_catalog, run, run_counted
from lagoa.domain.owners import is_abandoned, own_name, release_name
from lagoa.domain.ports.sql_catalogs import MODELS
from lagoa.domain.sql_names import name_in_sql
from lagoa.errors import EngineUnavailable, QueryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from pyiceberg.table.metadata import TableMetadata

    from lagoa.adapters.shared.engine_files import LentBranch
    from lagoa.adapters.trino.server import Access
    from lagoa.domain.ports.catalog import Pointers
    from lagoa.domain.ports.engine import Asked
    from lagoa.storage.port import Storage


class TrinoEngine:
    """A `ModelEngine` on the stack's Trino; threads may share one.

    Args:
        stack: the stack's state folder.
        access: what `lagoa stack up` has written for whoever makes catalogs.
        storage: opens the lake's files.
        lend: makes a branch that has exactly some tables.
        asked: is told each query that was run.
    """

    name: Literal["trino"] = "trino"
    workers: None = None

    def __init__(
        self,
        stack: Path,
        access: Access,
        storage: Storage,
        lend: Callable[[Pointers], AbstractContextManager[LentBranch]],
        asked: Asked,
    ) -> None:
        self._run_counted, self._asked = partial(run_counted, stack, access), asked
        self._run, self._check_version = partial(run, stack, access), partial(check_version, stack, access)
        self._access, self._storage, self._lend = access, storage, lend
        self._begun = False
        self._lock = Lock()

    def build(self, query: str, tables: Pointers, table: TableMetadata) -> str:
        """Run a query and write its rows as data files of a table; see `ModelEngine.build`."""
        statement = insert_sql(query, table, name_in_sql)
        read = 0

        def insert(branch: str) -> None:
            nonlocal read
            with self._errors():
                self._begin()
                with self._catalog(branch) as catalog:
                    _, read = self._run_counted(statement, catalog)

        built = build_files(self._storage, self._lend, tables, table, insert)
        self._asked(query, tables, read)
        return built

    @contextmanager
    def reading(self, tables: Pointers) -> Iterator[Callable[[str], list[tuple[Any, ...]]]]:
        """Yield a function that runs a SELECT over some tables; see `ModelEngine.reading`."""

        def rows(query: str) -> list[tuple[Any, ...]]:
            with self._errors():
                found, read = self._run_counted(query, catalog)
            self._asked(query, tables, read)
            return [tuple(row) for row in found]

        with self._lend(tables) as lent, ExitStack() as stack:
            with self._errors():
                self._begin()
                catalog = stack.enter_context(self._catalog(lent.branch))
            yield rows

    def close(self) -> None:
        """Do nothing: the server goes on."""

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Raise what the server says as Lagoa's errors."""
        try:
            yield
        except Away as error:
            raise EngineUnavailable("Trino", f"at {self._access.url} does not answer ({error})") from error
        except Refused as error:
            raise QueryError(f"Trino: {str(error).rstrip('.')}.", "Fix the query and run it again.") from error

    @contextmanager
    def _catalog(self, branch: str) -> Iterator[str]:
        """Make a catalog of a branch, which is dropped afterwards."""
        owned = own_name()
        name = f"{MODELS}{owned.replace('-', '_')}"
        try:
            self._run(make_catalog(self._access, name, branch, read_only=False))
            yield name
        finally:
            with suppress(Away, Refused):
                self._run(f"DROP CATALOG IF EXISTS {name}")
            release_name(owned)

    def _begin(self) -> None:
        """Look at the version, and drop the catalogs that processes have left which are gone, once."""
        with self._lock:
            if self._begun:
                return
            self._check_version()
            self._begun = True
        now = datetime.now(UTC)
        for (name,) in self._run(f"SHOW CATALOGS LIKE '{MODELS}%'"):
            if is_abandoned(str(name).removeprefix(MODELS).replace("_", "-"), now):
                self._run(f"DROP CATALOG IF EXISTS {name_in_sql(name)}")
