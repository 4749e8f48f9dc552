"""`lagoa tables` and `lagoa show`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lagoa.cli.console import (
    age,
    count,
    emit_json,
    emit_pairs,
    emit_table,
    hint,
    moment,
    near,
    number,
    say,
    shorten,
    size,
)
from lagoa.cli.options import JsonOption, RefOption, open_here

if TYPE_CHECKING:
    from lagoa.contracts import Contract
    from lagoa.review.overview import TableState

_SNAPSHOTS = 5

tables = typer.Typer(add_completion=False)
show = typer.Typer(add_completion=False)


@tables.command()
def tables_(
    ctx: typer.Context,
    ref: Annotated[str, typer.Argument(metavar="REF", help="A branch, a tag or another ref.")] = "main",
    as_json: JsonOption = False,
) -> None:
    """List the tables of a ref with their rows, files and sizes."""
    with open_here(ctx) as lake:
        states = lake.describe(ref)
    if as_json:
        emit_json([_short(state) for state in states])
        return
    emit_table(
        ("table", "rows", "files", "size", "written"),
        (
            (
                str(s.table),
                _number(s.rows),
                _number(s.files),
                "" if s.bytes is None else size(s.bytes),
                age(s.updated_at),
            )
            for s in states
        ),
        right=("rows", "files", "size"),
    )
    if not states:
        hint(f"There are no tables at {ref} yet. Next: `lagoa contract infer FILE --table LAYER.TABLE`.")


@show.command()
def show_(
    ctx: typer.Context,
    table: Annotated[str, typer.Argument(metavar="TABLE", help="The table: layer.table.")],
    ref: RefOption = "main",
    as_json: JsonOption = False,
) -> None:
    """Show one table: columns, rows, files, partition, contract, latest writes."""
    with open_here(ctx) as lake:
        state = lake.describe_table(table, ref)
        contract = lake.context.contracts.get(state.table)
    if as_json:
        emit_json({**_short(state), **_details(state, contract)})
        return
    emit_pairs(_facts(state, contract, ref))
    say("")
    emit_table(
        ("column", "type", "required", "description"),
        ((c.name, c.type, "yes" if c.required else "", shorten(c.description)) for c in state.columns),
    )
    if state.snapshots:
        say("")
        emit_table(
            ("written", "operation", "added", "removed", "rows"),
            ((moment(s.at), s.operation, number(s.added), number(s.removed), _number(s.rows)) for s in _latest(state)),
            right=("added", "removed", "rows"),
        )


def _latest(state: TableState) -> Any:
    return state.snapshots[:_SNAPSHOTS]


def _number(value: int | None) -> str:
    return "" if value is None else number(value)


def _short(state: TableState) -> dict[str, Any]:
    return {
        "table": str(state.table),
        "rows": state.rows,
        "files": state.files,
        "bytes": state.bytes,
        "updated_at": state.updated_at,
        "location": state.location,
    }


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
    rows = "unknown" if state.rows is None else count(state.rows, "row")
    files = (
        "" if state.files is None or state.bytes is None else f" in {count(state.files, 'file')}, {size(state.bytes)}"
    )
    facts = [("table", f"{state.table} at {ref}"), ("holds", rows + files), ("written", moment(state.updated_at))]
    if state.partition:
        facts.append(("partition", ", ".join(state.partition)))
    if state.sort:
        facts.append(("sorted by", ", ".join(state.sort)))
    if contract is None:
        return [*facts, ("contract", "none: a table without a contract cannot be published")]
    facts.append(("contract", f"{near(contract.file)} (version {contract.version})"))
    if contract.description:
        facts.append(("is", contract.description))
    if contract.key:
        facts.append(("key", ", ".join(contract.key)))
    if contract.scd2 is not None:
        facts.append(("now", "where is_current"))
        facts.append(("at a moment", "where valid_from <= moment and (valid_to > moment or valid_to is null)"))
    return [*facts, ("owner", contract.owner)] if contract.owner else facts
