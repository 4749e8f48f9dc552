"""What clients need to connect to a lake, as text: a further one is a module in `clients`, and a line here."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from lagoa.connect.target import Iceberg, Target, Trino
from lagoa.domain.ports.sql_catalogs import PINNED, PUBLISHED, catalog_of
from lagoa.domain.refs import MAIN
from lagoa.errors import StackError
from lagoa.sandbox import sandbox, shown_ref

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lagoa.context import LakeContext


@dataclass(frozen=True, slots=True)
class Client:
    """A kind of client.

    Attributes:
        needs: what it connects to: Trino, Nessie's REST catalog, or any lake.
        note: what else there is to do, if its text cannot say so.
    """

    needs: Literal["trino", "nessie", "lake"]
    note: str = ""


CLIENTS: Mapping[str, Client] = MappingProxyType({
    "dbeaver": Client("trino"),
    "powerbi": Client("trino", "Make the DSN with an ODBC driver for Trino; `lagoa connect trino` has the address."),
    "tableau": Client("trino"),
    "looker": Client("trino"),
    "superset": Client("trino"),
    "metabase": Client("trino"),
    "trino": Client("trino"),
    "sqlalchemy": Client("trino"),
    "spark": Client("nessie"),
    "pyiceberg": Client("lake"),
    "duckdb": Client("lake"),
})  # fmt: skip
"""By name."""


def connect(context: LakeContext, client: str, name: str | None = None, *, pinned: bool = False) -> str:
    """Return what a client needs, without a password.

    Args:
        context: the lake.
        client: one of `CLIENTS`.
        name: a sandbox; what is published by default.
        pinned: all published tables at one commit, for a client of Trino; their catalog is made if it is missing.

    Raises:
        StackError: the lake has no server that this client connects to.
        RefNotFound, InvalidName: there is no such sandbox.
    """
    catalog = PINNED if pinned else catalog_of(name) if name else PUBLISHED
    target = _target(context, name, catalog)
    if CLIENTS[client].needs == "trino" and target.trino is None:
        raise _missing(client, "Trino")
    if CLIENTS[client].needs == "nessie" and target.iceberg is None:
        raise _missing(client, "Nessie")
    if pinned and context.sql_catalogs is not None and not context.sql_catalogs.is_pinned():
        context.sql_catalogs.pin(context.resolve(MAIN).id)
    given = {"trino": target.trino, "nessie": target.iceberg, "lake": target}[CLIENTS[client].needs]
    return str(import_module(f"lagoa.connect.clients.{client}").text(given))


def trino_of(context: LakeContext, catalog: str) -> Trino | None:
    """Return a catalog on the Trino of a lake's stack; None if there is none."""
    server = context.sql_catalogs
    if server is None:
        return None
    return Trino(server.url, server.certificate, catalog, in_browser=context.settings.sign_in == "oidc")


def _target(context: LakeContext, name: str | None, catalog: str) -> Target:
    settings = context.settings
    ref = shown_ref(sandbox(context, name)) if name else MAIN
    iceberg = None
    if settings.catalog == "nessie":
        base = settings.nessie_url.removesuffix("/api/v2")
        tokens = f"{settings.oidc_url}/protocol/openid-connect/token" if settings.sign_in == "oidc" else ""
        iceberg = Iceberg(f"{base}/iceberg/{quote(ref, safe='')}", tokens)
    return Target(settings.root, ref, trino_of(context, catalog), iceberg)


def _missing(client: str, server: str) -> StackError:
    works = [name for name, each in CLIENTS.items() if each.needs == "lake"]
    message = f"it connects to {server}, which this lake does not have."
    advice = (
        f"On the stack it works: `lagoa stack up`, then `lagoa --profile stack connect {client}` with the profile of "
        "`docs/stack.md`. Without a server there are "
        f"{' and '.join(f'`lagoa connect {name}`' for name in works)}, and `lagoa sql --csv` for a file."
    )
    return StackError(client, message, advice)
