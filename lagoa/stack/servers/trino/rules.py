"""Trino's access rules, generated from the policy and the lake's contracts.

The form is https://trino.io/docs/current/security/file-system-access-control.html: the first rule that applies decides,
and what no rule allows is denied. A list that is empty denies; one that is missing would allow.
"""

from __future__ import annotations

import json
import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from lagoa.domain.ports.sql_catalogs import MODELS, PINNED, PUBLISHED, catalog_of
from lagoa.domain.roles import ENGINEER
from lagoa.stack.policy import read_policy
from lagoa.stack.servers.server import replace_private
from lagoa.stack.servers.trino.catalogs import ADMIN
from lagoa.stack.servers.trino.users import Users, sandbox_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from lagoa.contracts import Contract, Contracts
    from lagoa.stack.policy import Policy

FILE = "etc/rules.json"
"""In the server's folder."""

_PARTITION = "$partition"
"""A hidden column, with values of the columns that a table is partitioned by."""


_LAKE = f"{PUBLISHED}|{PINNED}"
"""The catalogs of what is published, as a pattern."""

_SANDBOXES = catalog_of("[a-z0-9_]+")
"""The catalogs of sandboxes, as a pattern."""

_MODELS = f"{MODELS}[a-z0-9_]+"
"""Those of models that run."""

_OWN = "own"
"""The schema of a sandbox in which its owner makes tables that no contract describes."""

_OF_OWNERS = ["SELECT", "INSERT", "UPDATE", "DELETE", "OWNERSHIP", "GRANT_SELECT"]


_NO_PROCEDURES = {"filter": "true"}
"""With a filter of rows, even one that all pass, Trino refuses table procedures such as `optimize`; no rule does."""


def write_rules(root: Path, folder: Path, contracts: Contracts) -> None:
    """Write the rules of a lake for its Trino, which reads them within a second.

    Args:
        root: the lake's folder, with the policy.
        folder: the server's, with its users.
        contracts: of the lake.

    Raises:
        SettingsError: the policy cannot be read; the former rules stay.
    """
    path = folder / FILE
    former = json.loads(path.read_text("utf-8")) if path.exists() else {}
    tables = [contracts[table] for table in contracts.tables]
    rules = access_rules(read_policy(root), tables, _masked(former), Users(folder).engineers())
    replace_private(path, json.dumps(rules, indent=1))


def _masked(rules: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the columns that rules mask, by table."""
    tables = (rule for rule in rules.get("tables", ()) if "columns" in rule)
    return {f"{rule['schema']}.{rule['table']}": [each["name"] for each in rule["columns"]] for rule in tables}


def access_rules(
    policy: Policy,
    contracts: Sequence[Contract],
    former: Mapping[str, Sequence[str]] = MappingProxyType({}),
    engineers: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the rules by which each role reads its layers' tables, masked, and owners of sandboxes write to theirs.

    Args:
        policy: who reads which layer, and what is masked.
        contracts: of the tables.
        former: columns that were masked, by table; those that a contract has no more stay so, for a state of the table
            that has them still.
        engineers: the users who own sandboxes.
    """
    everybody = "|".join(policy.layers)
    admin = {"user": ADMIN, "catalog": f"{_SANDBOXES}|{PINNED}|{_MODELS}"}
    models = {"user": ADMIN, "catalog": _MODELS, "schema": ".*", "privileges": ["SELECT", "INSERT"]}
    owners = [{"user": re.escape(user), "group": ENGINEER, "catalog": _owned(user)} for user in engineers]
    system = {"group": everybody, "catalog": "system", "privileges": ["SELECT"]}
    read = [rule for each in contracts if (rule := _table(policy, each, former.get(str(each.table), ())))]
    return {
        "catalogs": [
            {**admin, "allow": "owner"},
            *({**owner, "allow": "all"} for owner in owners),
            {"group": everybody, "catalog": f"{_LAKE}|{_SANDBOXES}|system", "allow": "read-only"},
            {"allow": "none"},
        ],
        "schemas": [{**owner, "schema": _OWN, "owner": True} for owner in owners],
        "tables": [
            models,
            *({**rule, "catalog": _LAKE} for rule in read),
            *({**owner, **tables} for owner in owners for tables in _written(read)),
            *({**rule, "catalog": _SANDBOXES, **_NO_PROCEDURES} for rule in read),
            {**system, "schema": "jdbc|metadata"},  # what clients list tables and types by
            {**system, "schema": "runtime", "table": "queries"},  # of which everybody sees their own
        ],
        "functions": [],  # table_changes would show rows without masks
        "procedures": [],
        "queries": [{"user": ADMIN, "allow": ["execute", "view"]}, {"group": everybody, "allow": ["execute"]}],
        "catalog_session_properties": [],
        "system_session_properties": [{"property": "query_max_.*", "allow": False}, {"allow": True}],
        "impersonation": [],
        "authorization": [],
        "system_information": [],
    }


def _owned(user: str) -> str:
    """Return the pattern of the catalogs of an engineer's sandboxes."""
    return f"{catalog_of(sandbox_of(user))}(_[a-z0-9_]*)?"


def _table(policy: Policy, contract: Contract, former: Sequence[str]) -> dict[str, Any] | None:
    """Return the rule of one table without a catalog; None when no role reads its layer.

    It allows nothing else than the table: `t$files` and others have the smallest and largest values of each column.
    Names of tables are those of contracts, in which nothing has a meaning in a regular expression.
    """
    readers = policy.readers(contract.table.layer)
    if not readers:
        return None
    rule: dict[str, Any] = {"group": "|".join(readers), "privileges": ["SELECT"]}
    rule |= {"schema": contract.table.layer, "table": contract.table.name}
    there = {column.name for column in contract.columns}
    masked = [column for column in contract.columns if column.classification in policy.masked]
    names = {name for column in masked for name in (column.name, *column.former_names)}
    names |= {name for name in former if name not in there and name != _PARTITION}
    if names:
        rule["columns"] = [{"name": name, "mask": "NULL"} for name in sorted({*names, _PARTITION})]
    return rule


def _written(read: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return what owners write in their sandboxes: the tables that they read whole, and any in a schema of their own.

    The latter have no filter, with which Trino refuses UPDATE and MERGE, too: no other branch has files of theirs.
    """
    whole: dict[str, list[str]] = {}
    for rule in read:
        if ENGINEER in rule["group"].split("|") and "columns" not in rule:
            whole.setdefault(rule["schema"], []).append(rule["table"])
    tables = [{"schema": schema, "table": "|".join(names), **_NO_PROCEDURES} for schema, names in whole.items()]
    return [{**each, "privileges": _OF_OWNERS} for each in (*tables, {"schema": _OWN})]
