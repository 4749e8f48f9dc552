"""What Lagoa writes is a contract for other tools, too: the official `datacontract` CLI finds nothing wrong with it."""

from __future__ import annotations

import json
import subprocess
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from lagoa.infer import infer_contract
from lagoa.model import TableName

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-datacontract" / "bin" / "python"

pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="`make check` installs the datacontract CLI")

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


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [PYTHON, ROOT / "tests" / "datacontract" / "lint.py", folder]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_inferred_contracts_and_a_broken_one(tmp_path):
    (tmp_path / "people.csv").write_text(CSV, "utf-8")
    (tmp_path / "things.jsonl").write_text(json.dumps(RECORD), "utf-8")
    table = pa.table({"id": [1], "list": [[1]], "s": [{"a": "x"}], "d": [Decimal("1.5")], "b": [b"x"]})
    parquet.write_table(table, tmp_path / "packed.parquet")
    folder = tmp_path / "iceberg" / "bronze"
    folder.mkdir(parents=True)
    for file in ("people.csv", "things.jsonl", "packed.parquet"):
        name = file.partition(".")[0]
        text = infer_contract(tmp_path / file, TableName.parse(f"bronze.{name}"))
        (folder / f"{name}.odcs.yaml").write_text(text, "utf-8")
        taken_up = text.replace("        # REVIEW ", "        ").replace(f"bronze.{name}", f"bronze.{name}2")
        (folder / f"{name}2.odcs.yaml").write_text(taken_up, "utf-8")
    found = lint(folder)
    assert (found.returncode, found.stderr) == (0, ""), found.stderr
    (folder / "broken.odcs.yaml").write_text(text.replace("required: true", "required: perhaps"), "utf-8")
    found = lint(folder)
    assert found.returncode == 1
    assert found.stderr.startswith(str(folder / "broken.odcs.yaml"))
    assert len(found.stderr.splitlines()) == 1
