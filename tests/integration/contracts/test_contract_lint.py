"""What Lagoa writes is a contract for other tools, too: the official `datacontract` CLI finds nothing wrong with it."""

from __future__ import annotations

import json
import subprocess
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from checkout import ROOT
from lakes import LakeFolder
from pyarrow import parquet

from lagoa.domain.tables import TableName
from lagoa.formats.infer import infer_contract

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lagoa.lake import Lake

PYTHON = ROOT / ".venv-datacontract" / "bin" / "python"

CSV = "id;Nome;cpf;e-mail;uf;nascido em;preço\n" + "".join(
    f"{n};Ana;529.982.247-25;a{n}@b.co;SP;0{n % 9 + 1}/02/1990;{n},50\n" for n in range(30)
)
RECORD = {
    "id": 1,
    "at": "2026-01-02T03:04:05Z",
    "tags": ["a"],
    "address": {"street": "x"},
    "more": {"a b": 1},
    "mix": [1, {}],
}


FILES = ("people.csv", "things.jsonl", "document.json", "packed.parquet")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """A lake of contracts as they were inferred, and of the same with all that is marked for review taken up."""
    folder = LakeFolder(tmp_path_factory.mktemp("lake"))
    folder.file("people.csv", CSV)
    folder.file("things.jsonl", f"{json.dumps(RECORD)}\n" * 30)
    folder.file("document.json", json.dumps([RECORD, {"id": 2}]))
    columns = {"id": [1], "list": [[1]], "s": [{"a": "x"}], "d": [Decimal("1.5")], "b": [b"x"]}
    parquet.write_table(pa.table(columns), folder.root / "packed.parquet")
    for file in FILES:
        name = file.partition(".")[0]
        text = infer_contract(folder.root / file, TableName.parse(f"bronze.{name}"))
        folder.file(f"iceberg/bronze/{name}.odcs.yaml", text)
        taken_up = text.replace("        # REVIEW ", "        ").replace(f"bronze.{name}", f"bronze.{name}2")
        taken_up = taken_up.replace(f"- name: {name}", f"- name: {name}2").replace(file, f"other_{file}")
        folder.file(f"iceberg/bronze/{name}2.odcs.yaml", taken_up)
    with folder.open() as lake:
        yield lake


def test_lagoa_accepts_them_and_all_of_their_files(lake):
    assert lake.check_contracts().faults == ()
    branch = lake.create_branch("load")
    for file in FILES:
        for table in (f"bronze.{file.partition('.')[0]}", f"bronze.{file.partition('.')[0]}2"):
            result = branch.ingest(lake.settings.root / file, table)
            assert (result.received > 0, result.quarantined) == (True, 0), (table, result.rules)


@pytest.mark.skipif(not PYTHON.exists(), reason="`make check` installs the datacontract CLI")
def test_datacontract_finds_nothing_wrong_but_with_a_broken_one(lake, tmp_path):
    folder = lake.settings.contracts_folder / "bronze"
    text = (folder / "people.odcs.yaml").read_text("utf-8")
    (tmp_path / "broken.odcs.yaml").write_text(text.replace("required: true", "required: perhaps"), "utf-8")
    command = [PYTHON, ROOT / "tests" / "datacontract" / "lint.py", folder, tmp_path]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert found.stderr.startswith(f"{tmp_path / 'broken.odcs.yaml'}: ")
    assert len(found.stderr.splitlines()) == 1
