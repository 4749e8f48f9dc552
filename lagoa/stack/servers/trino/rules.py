"""Trino's access rules, generated from the policy and the lake's contracts.

The form is https://trino.io/docs/current/security/file-system-access-control.html: the first rule that applies decides,
and what no rule allows is denied. A list that is empty denies; one that is missing would allow.
"""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from lagoa.stack.policy import read_policy
from lagoa.stack.servers.server import replace_private

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from lagoa.contracts import Contract, Contracts
    from lagoa.stack.policy import Policy

CATALOG = "lake"
"""The catalog of what is published."""

FILE = "etc/rules.json"
"""In the server's folder."""

_PARTITION = "$partition"
"""A hidden column, with values of the columns that a table is partitioned by."""


def write_rules(root: Path, folder: Path, contracts: Contracts) -> None:
    """Write the rules of a lake for its Trino, which reads them within a second.

    Args:
        root: the lake's folder, with the policy.
        folder: the server's.
        contracts: of the lake.

    Raises:
        SettingsError: the policy cannot be read; the former rules stay.
    """
    path = folder / FILE
    former = json.loads(path.read_text("utf-8")) if path.exists() else {}
    rules = access_rules(read_policy(root), [contracts[table] for table in contracts.tables], _masked(former))
    replace_private(path, json.dumps(rules, indent=1))


def _masked(rules: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the columns that rules mask, by table."""
    tables = (rule for rule in rules.get("tables", ()) if "columns" in rule)
    return {f"{rule['schema']}.{rule['table']}": [each["name"] for each in rule["columns"]] for rule in tables}


def access_rules(
    policy: Policy, contracts: Sequence[Contract], former: Mapping[str, Sequence[str]] = MappingProxyType({})
) -> dict[str, Any]:
    """Return the rules by which each role reads its layers' tables on `lake`, masked, and nobody does anything else.

    Args:
        policy: who reads which layer, and what is masked.
        contracts: of the tables.
        former: columns that were masked, by table; those that a contract has no more stay so, for a state of the table
            that has them still.
    """
    everybody = "|".join(policy.layers)
    system = {"group": everybody, "catalog": "system", "privileges": ["SELECT"]}
    return {
        "catalogs": [{"group": everybody, "catalog": f"{CATALOG}|system", "allow": "read-only"}, {"allow": "none"}],
        "schemas": [],
        "tables": [
            *(rule for each in contracts if (rule := _table(policy, each, former.get(str(each.table), ())))),
            {**system, "schema": "jdbc|metadata"},  # what clients list tables and types by
            {**system, "schema": "runtime", "table": "queries"},  # of which everybody sees their own
        ],
        "functions": [],  # table_changes would show rows without masks
        "procedures": [],
        "queries": [{"group": everybody, "allow": ["execute"]}],
        "catalog_session_properties": [],
        "impersonation": [],
        "authorization": [],
        "system_information": [],
    }


def _table(policy: Policy, contract: Contract, former: Sequence[str]) -> dict[str, Any] | None:
    """Return the rule of one table; None when no role reads its layer.

    It allows nothing else than the table: `t$files` and others have the smallest and largest values of each column.
    Names of tables are those of contracts, in which nothing has a meaning in a regular expression.
    """
    readers = policy.readers(contract.table.layer)
    if not readers:
        return None
    rule: dict[str, Any] = {"group": "|".join(readers), "catalog": CATALOG, "privileges": ["SELECT"]}
    rule |= {"schema": contract.table.layer, "table": contract.table.name}
    there = {column.name for column in contract.columns}
    masked = [column for column in contract.columns if column.classification in policy.masked]
    names = {name for column in masked for name in (column.name, *column.former_names)}
    names |= {name for name in former if name not in there}
    if names:
        rule["columns"] = [{"name": name, "mask": "NULL"} for name in sorted({*names, _PARTITION})]
    return rule
