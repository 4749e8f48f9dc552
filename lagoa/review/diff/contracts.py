"""How the tables at a ref differ from their contracts, and what the next write does about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lagoa.domain.lists import counted
from lagoa.domain.refs import MAIN

if TYPE_CHECKING:
    from collections.abc import Collection

    from pyiceberg.table.metadata import TableMetadata

    from lagoa.context import LakeContext
    from lagoa.contracts.contract import Contract
    from lagoa.contracts.fields import Difference
    from lagoa.domain.tables import TableName


@dataclass(frozen=True, slots=True)
class ContractDiff:
    """One table compared with its contract.

    Attributes:
        table: its name.
        state: `same`; `different`; `not there`: the first write creates it; `no contract`: it cannot be written to or
            published.
        differences: what differs, columns first, in the contract's order.
    """

    table: TableName
    state: Literal["same", "different", "not there", "no contract"]
    differences: tuple[Difference, ...] = ()

    def __repr__(self) -> str:
        found = f", {counted(len(self.differences), 'difference')}" if self.differences else ""
        return f"<ContractDiff {self.table}: {self.state}{found}>"

    @property
    def refused(self) -> bool:
        """Whether the next write fails."""
        return any(each.effect == "refused" for each in self.differences)


def contract_diff(
    context: LakeContext, tables: Collection[TableName] | None = None, ref: str = MAIN
) -> list[ContractDiff]:
    """Compare contracts with their tables at a ref, by the same comparison that a write uses.

    The next write is assumed to be the one that the contract describes: a model that is built in full (`full`, and
    `incremental` if its contract changed) replaces all rows; any other write keeps existing rows.

    Args:
        context: the lake.
        tables: only these; by default every table that has a contract or is at the ref. Quarantine tables, whose
            contracts come from Lagoa, are then returned only if they differ.
        ref: the ref of the tables.

    Returns:
        One result per table, by name.

    Raises:
        RefNotFound: there is no such ref.
        ContractError: a contract that cannot be used; a table that has none and is not at the ref.
    """
    pointers = context.pointers(ref, None if tables is None else {table.layer for table in tables})
    contracts = context.contracts
    found = []
    for table in sorted(tables if tables is not None else {*contracts.tables, *pointers}):
        if table not in pointers:
            found.append(ContractDiff(contracts[table].table, "not there"))
        elif (contract := contracts.get(table)) is None:
            found.append(ContractDiff(table, "no contract"))
        else:
            result = _compared(context, contract, pointers[table])
            if tables is not None or result.differences or table in contracts.tables:
                found.append(result)
    return found


def _compared(context: LakeContext, contract: Contract, pointer: str) -> ContractDiff:
    from lagoa.contracts.comparison import compare

    replaced = contract.materialization in {"full", "incremental"}
    differences = compare(contract, _metadata(context, pointer), replaced=replaced).differences
    return ContractDiff(contract.table, "different" if differences else "same", differences)


def _metadata(context: LakeContext, pointer: str) -> TableMetadata:
    from pyiceberg.table.metadata import TableMetadataUtil

    from lagoa.catalog.table_facts import table_document

    return TableMetadataUtil.parse_obj(table_document(pointer, context.storage.read))
