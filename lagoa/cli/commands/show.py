"""`lagoa show`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from lagoa.cli.console import emit_json, emit_pairs, emit_table, moment, number, relative, say, size
from lagoa.cli.options import JsonOption, RefOption, TableArgument, open_here
from lagoa.cli.progress import working
from lagoa.cli.table_states import number_of, tell_table
from lagoa.domain.lists import counted

if TYPE_CHECKING:
    from lagoa.contracts import Contract
    from lagoa.review.overview import TableState

_SNAPSHOTS = 5


def show(
    ctx: typer.Context,
    table: TableArgument,
    ref: RefOption = "main",
    as_json: JsonOption = False,
) -> None:
    """Show one table: columns, rows, files, partition, contract, latest writes."""
    with open_here(ctx) as lake, working(f"reading {table}"):
        state = lake.describe_table(table, ref)
        contract = lake.context.contracts.get(state.table)
    if as_json:
        emit_json({**tell_table(state), **_details(state, contract)})
        return
    emit_pairs(_facts(state, contract, ref))
    say("")
    emit_table(
        ("column", "type", "required", "description"),
        ((c.name, c.type, "yes" if c.required else "", c.description) for c in state.columns),
        whole=("column",),
    )
    if state.snapshots:
        say("")
        emit_table(
            ("written", "operation", "added", "removed", "rows"),
            (
                (moment(s.at), s.operation, number(s.added), number(s.removed), number_of(s.rows))
                for s in _latest(state)
            ),
            right=("added", "removed", "rows"),
            whole=("written",),
        )


def _latest(state: TableState) -> Any:
    return state.snapshots[:_SNAPSHOTS]


def _details(state: TableState, contract: Contract | None) -> dict[str, Any]:
    return {
        "columns": [asdict(column) for column in state.columns],
        "partition": list(state.partition),
        "sort": list(state.sort),
        "contract": None if contract is None else _contract(contract),
        "snapshots": [asdict(snapshot) for snapshot in state.snapshots],
    }


def _contract(contract: Contract) -> dict[str, Any]:
    return {
        "file": contract.file,
        "version": contract.version,
        "description": contract.description,
        "owner": contract.owner,
        "key": list(contract.key),
        "materialization": contract.materialization,
    }


def _facts(state: TableState, contract: Contract | None, ref: str) -> list[tuple[str, str]]:
    rows = "unknown" if state.rows is None else counted(state.rows, "row")
    files = (
        "" if state.files is None or state.bytes is None else f" in {counted(state.files, 'file')}, {size(state.bytes)}"
    )
    facts = [("table", f"{state.table} at {ref}"), ("holds", rows + files), ("written", moment(state.updated_at))]
    if state.partition:
        facts.append(("partition", ", ".join(state.partition)))
    if state.sort:
        facts.append(("sorted by", ", ".join(state.sort)))
    if contract is None:
        return [*facts, ("contract", "none: a table without a contract cannot be published")]
    facts.append(("contract", f"{relative(contract.file)} (version {contract.version})"))
    if contract.description:
        facts.append(("is", contract.description))
    if contract.key:
        facts.append(("key", ", ".join(contract.key)))
    if contract.scd2 is not None:
        facts.append(("now", "where is_current"))
        facts.append(("at a moment", "where valid_from <= moment and (valid_to > moment or valid_to is null)"))
    return [*facts, ("owner", contract.owner)] if contract.owner else facts
