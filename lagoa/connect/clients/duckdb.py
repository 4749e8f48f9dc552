"""DuckDB, through Lagoa, which opens the tables of a ref."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lagoa.connect.target import Target


def text(target: Target) -> str:
    """Return Python code."""
    return f"""\
# DuckDB over the tables of {target.ref}; nothing is masked. In a terminal: lagoa sql --ref {target.ref} "select …"
import lagoa

with lagoa.open_lake({str(target.folder)!r}) as lake:
    print(lake.sql("select 1 as one", {target.ref!r}).df())
"""
