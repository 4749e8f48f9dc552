"""Checks that are removed or ask for less stand in the receipt of the next publication, whatever it publishes."""

from __future__ import annotations

import json

from small_lake import PEOPLE, PETS
from typer.testing import CliRunner

from lagoa.cli.main import app

CHECKS = "checks:\n  - row_count: {threshold: {must_be_greater_than: 0}}\n"
SAID = (
    "bronze.people/range/age: removed",
    "bronze.people/required/name: only warns now",
    "bronze.pets/enum/kind: allows fish, too",
    "bronze.pets/soda/checks.row_count: removed",
)


def strict(small) -> None:
    small.contract("bronze.people", PEOPLE)
    small.contract("bronze.pets", PETS)
    small.checks("bronze.pets", CHECKS)


def loosen(small) -> None:
    name = {**PEOPLE["name"], "lagoa.severity": "warn"}
    small.contract("bronze.people", {**PEOPLE, "name": name, "age": "int"})
    kinds = [{"value": "cat"}, {"value": "fish"}, {"value": "dog"}]
    small.contract("bronze.pets", {**PETS, "kind": {**PETS["kind"], "enum": kinds}})
    (small.root / "soda/bronze/pets.yaml").unlink()


def cli(small, *arguments: str) -> str:
    return CliRunner().invoke(app, ["--lake", str(small.root), *arguments]).stdout


def test_what_was_loosened_is_named_once_by_whatever_moves_main(small):
    strict(small)
    small.contract("bronze.gone", {"id": PEOPLE["id"]})
    with small.open() as lake:
        dev = lake.create_branch("dev")
        dev.append("bronze.people", small.people(1, 2))
        dev.append("bronze.pets", small.pets(1))
        dev.append("bronze.gone", small.people(1).select(["id"]))
        assert dev.publish().loosened == ()
    loosen(small)
    with small.open() as lake:
        dev = lake.branch("dev")
        dev.append("bronze.people", small.people(3))
        dev.catalog().drop_table("bronze.gone")  # the checks of a table that is gone are not missed
        looked_at = lake.audit("dev").commit
        assert lake.context.receipts.of_commit(looked_at).loosened == SAID
        publication = dev.publish()
        assert publication.loosened == SAID
        assert lake.publications()[0].loosened == SAID
        assert lake.context.receipts.get(publication.receipt).loosened == SAID
        dev.append("bronze.people", small.people(4))
        assert dev.publish().loosened == ()
    assert [entry["loosened"] for entry in json.loads(cli(small, "log", "--json"))] == [[], list(SAID), [], []]
    assert "passed, 4 loosened" in cli(small, "log")
    strict(small)
    with small.open() as lake:
        lake.branch("dev").append("bronze.people", small.people(5))
        assert lake.branch("dev").publish().loosened == ()
    loosen(small)
    shown = cli(small, "rollback", "main~1")
    assert "4 checks used to be stricter:\n  bronze.people/range/age: removed\n" in shown
