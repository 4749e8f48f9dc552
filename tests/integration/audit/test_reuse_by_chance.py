"""Random changes of a lake: an audit that knows what the one before found says what one says that knows nothing."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from lagoa.adapters.sqlite.receipts import SqliteReceipts
from lagoa.audit import audit
from lagoa.errors import AuditFailed, NothingToPublish, PublishConflict, TableNotFound

STEPS = 30
KINDS = ("people", "people", "pets", "pets", "drop", "contract", "checks", "publish", "publish")
CONTRACTS = (
    {"rowCountChange": 0.3},
    {"drift": {"age": 0.2}},
    {},
)
CHECKS = (
    "checks: [{row_count: {threshold: {must_be_greater_than: 2}}}]",
    "checks:\n  - metric: {query: select count(*) from bronze.pets, threshold: {must_be_less_than: 4}}\n",
    "",
)
PEOPLE = {
    "id": {"physicalType": "long*"},
    "name": {"physicalType": "string!"},
    "age": {"physicalType": "int", "logicalTypeOptions": {"minimum": 0}},
}


class Chance:
    """Changes a lake by chance, on three branches."""

    def __init__(self, small, lake, seed: int) -> None:
        self.small, self.lake = small, lake
        self.random = random.Random(seed)  # noqa: S311 - no secret
        self.ids = iter(range(1, 10_000))
        self.branches = [lake.create_branch(name) for name in ("a", "b", "c")]

    def step(self) -> str:
        """Change something; return the ref to audit."""
        branch = self.random.choice(self.branches)
        kind = self.random.choice(KINDS)
        if kind == "people":
            repeated = self.random.random() < 0.1
            age = self.random.choice((30, 40, -1 if repeated else 35))
            branch.append("bronze.people", self.small.people(1 if repeated else next(self.ids), age=age))
        elif kind == "pets":
            branch.append("bronze.pets", self.small.pets(next(self.ids), owner=self.random.choice((1, 2, 99))))
        elif kind == "drop" and "bronze.pets" in map(str, self.lake.tables(branch.name)):
            branch.drop("bronze.pets")
        elif kind == "contract":
            self.small.contract("bronze.people", PEOPLE, **self.random.choice(CONTRACTS))
            self.lake.context.refresh()
        elif kind == "checks":
            text = self.random.choice(CHECKS)
            path = self.small.checks("bronze.people", text)
            if not text:
                path.unlink()
        elif kind == "publish":
            try:
                branch.publish(rebase=False)
            except (AuditFailed, NothingToPublish, PublishConflict, TableNotFound):
                self.lake.delete_ref(branch.name)
                self.branches[self.branches.index(branch)] = self.lake.create_branch(branch.name)
            return "main"
        return branch.name


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_what_is_used_again_is_what_would_be_found(small, tmp_path, seed):
    with small.open() as lake:
        chance = Chance(small, lake, seed)
        for number in range(STEPS):
            ref = chance.step()
            store = SqliteReceipts(tmp_path / f"{number}.db")
            engine = lake.context.engine
            known_by_receipts = replace(lake.context, open_engine=lambda engine=engine: engine)
            knows_nothing = replace(known_by_receipts, receipts=store)
            found = [
                [
                    (each.check, each.outcome, each.figure, each.message, each.owner)
                    for each in audit(context, ref).results
                ]
                for context in (lake.context, known_by_receipts, knows_nothing)
            ]
            store.close()
            assert found[0] == found[2], (number, ref)
            assert found[1] == found[2], (number, ref)
