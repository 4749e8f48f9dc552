"""Trino's access rules, generated from the policy and the lake's contracts.

The form is https://trino.io/docs/current/security/file-system-access-control.html: the first rule that applies decides,
and what no rule allows is denied. A list that is empty denies; one that is missing would allow.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from lagoa.contracts import Contracts
from lagoa.formats import FORMATS
from lagoa.settings import load_settings
from lagoa.stack.policy import read_policy
from lagoa.stack.servers.server import write_private

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lagoa.contracts import Contract
    from lagoa.stack.policy import Policy

CATALOG = "lake"
"""The catalog of what is published."""

FILE = "etc/rules.json"
"""In the server's folder."""


def write_rules(root: Path, folder: Path) -> None:
    """Write the rules of a lake for its Trino, which reads them within a second.

    Args:
        root: the lake's folder, with policy and contracts.
        folder: the server's.

    Raises:
        SettingsError: the policy cannot be read.
        ContractError: a contract cannot; the former rules stay.
    """
    contracts = Contracts.load(load_settings(root).contracts_folder, FORMATS)
    rules = access_rules(read_policy(root), [contracts[table] for table in contracts.tables])
    partial = folder / f"{FILE}.partial"
    write_private(partial, json.dumps(rules, indent=1))
    partial.replace(folder / FILE)


def access_rules(policy: Policy, contracts: Sequence[Contract]) -> dict[str, Any]:
    """Return the rules by which each role reads its layers' tables on `lake`, masked, and nobody does anything else."""
    everybody = "|".join(policy.layers)
    system = {"group": everybody, "catalog": "system", "privileges": ["SELECT"]}
    return {
        "catalogs": [{"group": everybody, "catalog": f"{CATALOG}|system", "allow": "read-only"}, {"allow": "none"}],
        "schemas": [],
        "tables": [
            *(rule for contract in contracts if (rule := _table(policy, contract))),
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


def _table(policy: Policy, contract: Contract) -> dict[str, Any] | None:
    """Return the rule of one table; None when no role reads its layer.

    It allows nothing else than the table: `t$files` and others have the smallest and largest values of each column.
    """
    readers = policy.readers(contract.table.layer)
    if not readers:
        return None
    rule: dict[str, Any] = {"group": "|".join(readers), "catalog": CATALOG, "privileges": ["SELECT"]}
    rule |= {"schema": re.escape(contract.table.layer), "table": re.escape(contract.table.name)}
    masked = [column for column in contract.columns if column.classification in policy.masked]
    names = [name for column in masked for name in (column.name, *column.former_names)]
    if names:
        rule["columns"] = [{"name": name, "mask": "NULL"} for name in (*names, "$partition")]
    return rule
