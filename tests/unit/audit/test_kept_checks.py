"""The checks of the reference lake require what they required before, so kept results can be used and compared.

`kept_checks.json` has, by id: severity, threshold, definition, and the start of a hash over the key of a result (at a
made-up state), the query for failing rows, and what is said of a made-up figure. Who changes what a contract or a
check file of the reference lake requires writes it again: `.venv/bin/python tests/unit/audit/test_kept_checks.py`. The
diff then says which checks changed. A change of every check is one of the mechanism: results that lakes have kept are
then not used again, and what was loosened in that moment may go unnoticed.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import lagoa
from lagoa.audit.bases.query import Measured, SqlCheck
from lagoa.audit.expected import contract_checks
from lagoa.audit.kinds.soda import Soda
from lagoa.audit.kinds.uncontracted import Uncontracted
from lagoa.audit.state import State
from lagoa.settings import Settings

if TYPE_CHECKING:
    from lagoa.audit.check import Check

ROOT = Path(__file__).resolve().parents[3]
KEPT = Path(__file__).with_name("kept_checks.json")
NOW = datetime(2026, 11, 20, 18, 30, tzinfo=UTC)


def requirements() -> dict[str, list[str]]:
    """Return what each check of the reference lake requires, quarantine and a table without a contract included."""
    with tempfile.TemporaryDirectory() as folder, lagoa.open_lake(Settings(root=ROOT, state=Path(folder))) as lake:
        context = lake.context
        tables = [contract.table for contract in context.contracts]
        tables += [contract.table.quarantine for contract in context.contracts if contract.source]
        checks: list[Check] = [Uncontracted.of_table(context.contracts.tables[0])]
        for table in tables:
            # Another contract makes other keys, whatever it says: here what follows from it is compared.
            contract = replace(context.contracts[table], hash="")
            checks += contract_checks(contract, frozenset(tables))
            path = context.settings.checks_folder / table.layer / f"{table.name}.yaml"
            if path.is_file():
                checks += Soda.of_file(context.auditor.read(table, path), contract, context.engine)
        pointers, base = ({table: f"{table} {when}" for table in tables} for when in ("now", "before"))
        versions = {"open_engine": lambda: Version("duckdb"), "open_auditor": lambda: Version("soda")}
        state = State(replace(context, **versions), pointers, base, NOW)
        found = {}
        for check in sorted(checks, key=lambda check: check.id):
            result = check.found(state, Measured(1234.5, 0.0, 1000.0)) if isinstance(check, SqlCheck) else None
            said = result and [result.outcome, result.figure, result.message]
            rest = hashlib.sha256(json.dumps([state.key(check), check.samples_sql, said]).encode()).hexdigest()[:16]
            found[check.id] = [check.severity, check.threshold, check.definition, rest]
        assert len(found) == len(checks)
        return found


class Version:
    """What runs checks, in a version that stays."""

    def __init__(self, version: str) -> None:
        self.version = version


def test_checks_require_what_they_required_before():
    kept = json.loads(KEPT.read_text("utf-8"))
    now = requirements()
    assert {check: kept.get(check) for check in now} == now
    assert kept.keys() == now.keys()


if __name__ == "__main__":
    lines = (f"{json.dumps(check)}: {json.dumps(terms, ensure_ascii=False)}" for check, terms in requirements().items())
    KEPT.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")
