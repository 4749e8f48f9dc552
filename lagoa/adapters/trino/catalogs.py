"""Sandboxes as catalogs of the stack's Trino (https://trino.io/docs/current/sql/create-catalog.html)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lagoa.adapters.trino.server import Away, Refused, certificate_of, check_version, make_catalog, run
from lagoa.domain.ports.sql_catalogs import PINNED, catalog_of
from lagoa.domain.refs import MAIN
from lagoa.domain.sql_names import name_in_sql
from lagoa.errors import EngineTooOld, SqlServerUnavailable, StackError

if TYPE_CHECKING:
    from pathlib import Path

    from lagoa.adapters.trino.server import Access


class TrinoCatalogs:
    """The catalogs of sandboxes; see `lagoa.domain.ports.sql_catalogs.SqlCatalogs`.

    Args:
        stack: the stack's state folder.
        access: how catalogs are made.
    """

    def __init__(self, stack: Path, access: Access) -> None:
        self.url = access.url
        self.certificate = certificate_of(stack)
        self._stack = stack
        self._access = access
        self._checked = False

    def names(self) -> set[str]:  # noqa: D102 - as the port has it
        prefix = catalog_of("")
        return {catalog.removeprefix(prefix) for catalog in self._catalogs() if catalog.startswith(prefix)}

    def make(self, name: str, ref: str, *, read_only: bool) -> None:  # noqa: D102
        self._run(make_catalog(self._access, catalog_of(name), ref, read_only=read_only))

    def drop(self, name: str) -> None:  # noqa: D102
        self._drop(catalog_of(name))

    def is_pinned(self) -> bool:  # noqa: D102
        return PINNED in self._catalogs()

    def pin(self, commit: str) -> None:  # noqa: D102
        self._drop(PINNED)
        self._run(make_catalog(self._access, PINNED, f"{MAIN}@{commit}", read_only=True))

    def _catalogs(self) -> list[str]:
        return [str(catalog) for (catalog,) in self._run("SHOW CATALOGS")]

    def _drop(self, catalog: str) -> None:
        self._run(f"DROP CATALOG IF EXISTS {name_in_sql(catalog)}")

    def _run(self, sql: str) -> list[list[Any]]:
        """Return the rows of a statement."""
        try:
            if not self._checked:
                check_version(self._stack, self._access)
                self._checked = True
            return run(self._stack, self._access, sql)
        except Away as error:
            raise SqlServerUnavailable(self._access.url) from error
        except EngineTooOld as error:
            advice = "Put a later one into infra/stack.toml; `lagoa stack down` and `up` start it."
            raise StackError("trino", error.message, advice) from error
        except Refused as error:
            advice = "Look at `lagoa stack logs trino`; `lagoa stack down` and `up` configure it again."
            raise StackError("trino", f"{sql.partition(' USING')[0]}: {error}", advice) from error
