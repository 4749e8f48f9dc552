"""PyIceberg: through Lagoa, or on the stack by Nessie's REST catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lagoa.connect.target import Target


def text(target: Target) -> str:
    """Return a `.pyiceberg.yaml` on the stack, Python code elsewhere."""
    if target.iceberg is None:
        return f"""\
# PyIceberg, read-only, without a server.
import lagoa

with lagoa.open_lake({str(target.folder)!r}) as lake:
    print(lake.catalog({target.ref!r}).list_namespaces())
"""
    lines = [
        "# A file .pyiceberg.yaml in the home or working directory: pyiceberg.catalog.load_catalog('lake').",
        "catalog:",
        "  lake:",
        "    type: rest",
        f"    uri: {target.iceberg.uri}",
        "    header.X-Iceberg-Access-Delegation: vended-credentials",
    ]
    if target.iceberg.tokens:
        lines += [
            f"    oauth2-server-uri: {target.iceberg.tokens}",
            "    scope: profile",
            "# The variable PYICEBERG_CATALOG__LAKE__CREDENTIAL=lagoa-reader:SECRET signs in, nothing in this file.",
        ]
    return "\n".join(lines) + "\n"
