"""From a public file by `lagoa contract infer` and what its `REVIEW` lines offer to its values, without any option."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import public_files
import pytest
import yaml
from command_line import ok

from lagoa.domain.tables import LINEAGE_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable

    from lakes import LakeFolder
    from public_files import PublicFile

TABLE = "bronze.published"
FILES = {
    "accidents, with (null) and NA": public_files.accidents,
    "amounts with marks between thousands": public_files.amounts,
    "branches of companies, with lists of codes": public_files.branches_of_companies,
    "candidates, with codes for nothing": public_files.candidates,
    "companies without a header, with a NUL byte": public_files.companies,
    "countries without a header": public_files.countries,
    "deaths, with days as eight digits": public_files.deaths,
    "expenses, with stray quotes": public_files.expenses,
    "health units, with leading zeros in the second delivery": public_files.health_units,
    "job changes, with -1 for nothing and as a value": public_files.job_changes,
    "months in a folder": public_files.months,
    "municipalities, with objects inside of objects": public_files.municipalities,
    "a note at the end": public_files.note_at_the_end,
    "payments, in a list inside of an object": public_files.payments,
    "people, with marks between thousands": public_files.people,
    "prices of fuel, with the header in the middle": public_files.fuel_prices,
    "quotas with twelve places": public_files.quotas,
    "salaries, with a note at the end": public_files.salaries,
    "shares of an index, with title and totals": public_files.index_shares,
    "a bank's statement": public_files.statement,
    "water, in UTF-16 with a total": public_files.water,
    "weather, with lines before the table": public_files.weather,
    "a zip file": public_files.zipped,
}  # fmt: skip


@pytest.mark.parametrize("build", FILES.values(), ids=FILES)
def test_a_file_gives_its_values(folder: LakeFolder, build: Callable[[], PublicFile]) -> None:
    file = build()
    paths = [folder.file(f"data/{name}", content) for name, content in file.files.items()]
    sources = [folder.root / "data"] if file.folder else paths
    ok(folder.root, "contract", "infer", sources[0], "--table", TABLE)
    contract = folder.root / "iceberg" / "bronze" / "published.odcs.yaml"
    folder.file(str(contract), reviewed(contract.read_text("utf-8"), file))
    ok(folder.root, "check")
    results: list[dict[str, Any]] = []
    for source in sources:
        into = () if file.folder else ("--into", TABLE)
        results += ok(folder.root, "ingest", source, *into, "--json").json()["tables"]
    refused = sum(file.refused.values())
    assert [each["rules"] for each in results if each["rules"]] == ([file.refused] if refused else [])
    assert sum(each["footer"] for each in results) == file.footer
    figures = [sum(each[name] for each in results) for name in ("received", "accepted", "quarantined")]
    assert figures == [len(file.rows) + refused, len(file.rows), refused]
    with folder.open() as lake:
        assert len(lake.refused_records(TABLE)) == refused
        columns = f"* EXCLUDE ({', '.join(LINEAGE_COLUMNS)})"
        rows = lake.sql(f"SELECT {columns} FROM {TABLE} ORDER BY _source, _row").fetchall()
    assert rows == file.rows


def reviewed(draft: str, file: PublicFile) -> str:
    """Return a draft as the owner of the data edits it: as the notes of some columns say."""
    document = yaml.safe_load(draft)
    for column in document["schema"][0]["properties"]:
        if word := file.review.get(column["name"]):
            _follow(column, draft, f"lagoa.{word}")
    return yaml.safe_dump(document, allow_unicode=True)


def _follow(column: dict[str, Any], draft: str, word: str) -> None:
    notes = "\n".join(re.findall(rf"# REVIEW: {column['name']}: (.*)", draft))
    properties = r"((?:\{[^}]*\}(?:, )?)+)"
    types = r"logicalType: (\w+), physicalType: (\w+), and in customProperties: "
    edits = re.findall(rf"write (?:`|{types}){properties}", notes)
    logical, physical, written = next(edit for edit in edits if word in edit[-1])
    if physical:
        column |= {"logicalType": logical, "physicalType": physical}
    new = yaml.safe_load(f"[{written.rstrip(', ')}]")
    kept = [each for each in column.get("customProperties", ()) if each["property"] not in {n["property"] for n in new}]
    column["customProperties"] = kept + new
