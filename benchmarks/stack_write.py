"""An append through `Branch` to MinIO beside DuckDB's plain COPY to the same MinIO."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import lagoa
from benchmarks.figures import Figure
from benchmarks.stack_servers import PROFILE
from benchmarks.write import PARQUET, TABLE, base_rows, pairs, write_contract

if TYPE_CHECKING:
    from benchmarks.stack_servers import Servers, Size

LIMIT = 1.25


class WriteFigures:
    """Measures appends to a table that is made by them, of an Arrow table.

    Args:
        servers: the stack.
        size: how much is measured.
    """

    def __init__(self, servers: Servers, size: Size) -> None:
        self._servers = servers
        self._size = size

    def measure(self, name: str) -> list[Figure]:
        """Return the figures of a lake of this name."""
        root = self._servers.folder / f"{name}-write"
        root.mkdir()
        (root / "lagoa.toml").write_text(self._servers.profile(name), "utf-8")
        write_contract(root)
        with lagoa.open_lake(root, PROFILE) as lake, lake.context.engine.session({}) as session:
            rows = base_rows(self._size.rows)
            session.register("base", rows)
            branches = [lake.create_branch(f"run/{name}/append-{number}") for number in range(self._size.pairs + 1)]
            files = itertools.count()

            def ours(number: int) -> None:
                branches[number + 1].append(TABLE, rows)

            def theirs(_: int) -> None:
                to = f"{lake.settings.warehouse_location}/plain/{next(files)}.parquet"
                session.query(f"COPY (FROM base) TO '{to}' ({PARQUET})").fetchall()

            ratio, mine, other = pairs(ours, theirs, self._size.pairs)
        what = f"append of {self._size.rows:,} rows x 6 columns to MinIO, table made and committed"
        peer = f"DuckDB COPY to the same MinIO: {other:.2f} s"
        return [Figure(what, ratio, "x", LIMIT, peer, f"{mine:.2f} s, median of {self._size.pairs} pairs")]
