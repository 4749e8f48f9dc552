"""DuckDB, through Lagoa, which opens the tables of a ref."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.domain.refs import MAIN

if TYPE_CHECKING:
    from lagoa.connect.target import Iceberg, Target


def text(target: Target) -> str:
    """Return Python code, and on the stack the statements by which DuckDB attaches `main` without Lagoa."""
    attached = _attached(target.iceberg) if target.iceberg and target.ref == MAIN else ""
    return f"""\
# DuckDB over the tables of {target.ref}; nothing is masked. In a terminal: lagoa sql --ref {target.ref} "select …"
import lagoa

with lagoa.open_lake({str(target.folder)!r}) as lake:
    print(lake.sql("select 1 as one", {target.ref!r}).df())
{attached}"""


def _attached(iceberg: Iceberg) -> str:
    # DuckDB takes no other address from the catalog: it is given that without a branch in it, which shows main.
    lines = ["# DuckDB alone, by its extensions iceberg and httpfs:"]
    if iceberg.tokens:
        lines.append(
            "#   CREATE SECRET (TYPE iceberg, CLIENT_ID 'lagoa-reader', CLIENT_SECRET 'SECRET', "
            f"OAUTH2_SERVER_URI '{iceberg.tokens}', OAUTH2_SCOPE 'profile');"
        )
    unsigned = "" if iceberg.tokens else ", AUTHORIZATION_TYPE 'none'"
    address = iceberg.uri.removesuffix(f"/{MAIN}")
    lines.append(f"#   ATTACH 'lagoa' AS lake (TYPE iceberg, ENDPOINT '{address}'{unsigned});")
    return "\n".join(lines) + "\n"
