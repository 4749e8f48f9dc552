"""The encoding is a fact of a record: one bad byte refuses one record, which is shown as text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from lagoa.cli.main import app
from lagoa.domain.tables import TableName
from lagoa.formats.shared.shown import shown as as_text
from lagoa.quarantine import export_quarantine

if TYPE_CHECKING:
    from lakes import LakeFolder

TABLE = "bronze.cities"
GOOD = [f"{number};Poá {number}\n".encode() for number in range(300)]
BAD = {
    "latin-1": ("300;São Paulo\n".encode("latin-1"), "encoding", "300;São Paulo [not utf-8: read as cp1252]"),
    "a character cut in half": (b"300;S\xc3\n", "encoding", "300;SÃ [not utf-8: read as cp1252]"),
    "a NUL": (b"300;LO\0JA\n", "nul", "300;LO\0JA"),
}


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "with a byte order mark"])
@pytest.mark.parametrize(("record", "rule", "text"), BAD.values(), ids=BAD)
def test_one_bad_byte_refuses_one_record(folder: LakeFolder, mark: bytes, record: bytes, rule: str, text: str) -> None:
    folder.contract(TABLE, "code:int name:string", source={"format": "csv", "delimiter": ";"})
    content = mark + b"code;name\n" + b"".join([*GOOD[:150], record, *GOOD[150:]])
    file = folder.file("cities.csv", content)
    with folder.open() as lake:
        branch = lake.create_branch("dev")
        result = branch.ingest(file, TABLE)
        assert (result.accepted, result.rules) == (300, {rule: 1})
        names = lake.sql(f"SELECT name FROM {TABLE} ORDER BY code", "dev").fetchall()
        assert names == [(f"Poá {number}",) for number in range(300)]
        (refused,) = lake.refused_records(TABLE, "dev")
        assert (refused.raw, refused.record) == (record, 151)
        exported = folder.root / "out.jsonl"
        export_quarantine(lake.context, "dev", TableName.parse(TABLE), exported)
    assert json.loads(exported.read_text("utf-8"))["raw"] == text
    shown = CliRunner().invoke(app, ["--lake", str(folder.root), "quarantine", "show", TABLE, "--ref", "dev", "--json"])
    assert json.loads(shown.stdout)[0]["raw"].rstrip() == text


def test_a_record_in_utf_8_is_loaded_once_the_contract_says_so(folder: LakeFolder) -> None:
    source = {"format": "csv", "delimiter": ";", "encoding": "cp1252"}
    folder.contract(TABLE, "code:int name:string", source=source, quarantineShare=1)
    file = folder.file("cities.csv", "code;name\n1;Olímpia\n".encode("cp1252") + "2;São Paulo\n".encode())
    with folder.open() as lake:
        branch = lake.create_branch("dev")
        assert branch.ingest(file, TABLE).rules == {"encoding": 1}
        assert branch.retry_quarantine(TABLE).accepted == 0
    folder.contract(TABLE, "code:int name:string", source=source | {"encoding": "utf-8"}, quarantineShare=1)
    with folder.open() as lake:
        assert lake.branch("dev").retry_quarantine(TABLE).accepted == 1
        rows = lake.sql(f"SELECT name FROM {TABLE} ORDER BY code", "dev").fetchall()
    assert rows == [("Olímpia",), ("São Paulo",)]


@pytest.mark.parametrize(("encoding", "text"), [("latin-1", "x;São\n"), ("cp1252", "x;€\n"), ("utf-16", "x;São\n")])
def test_records_of_other_encodings_are_shown_as_text(folder: LakeFolder, encoding: str, text: str) -> None:
    source = {"format": "csv", "delimiter": ";", "encoding": encoding}
    folder.contract(TABLE, "code:int name:string", source=source, quarantineShare=1)
    file = folder.file("cities.csv", f"code;name\n{text}1;a;b\n2;c\n".encode(encoding))
    with folder.open() as lake:
        lake.create_branch("dev").ingest(file, TABLE)
        refused = [as_text(each.raw, encoding) for each in lake.refused_records(TABLE, "dev")]
        assert refused == [text, "1;a;b\n"]
        exported = folder.root / "out.jsonl"
        export_quarantine(lake.context, "dev", TableName.parse(TABLE), exported)
    found = [json.loads(line) for line in exported.read_text("utf-8").splitlines()]
    assert found[0]["values"] == {"code": "x", "name": text[2:-1]}
    assert found[1]["raw"] == "1;a;b"
