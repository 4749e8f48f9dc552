"""Zip files: loaded like what is in them, once, by the contract that names them."""

from __future__ import annotations

import gzip
import hashlib
import io
import zipfile

import pyarrow as pa
import pytest
from pyarrow import parquet

from lagoa.domain.tables import TableName
from lagoa.errors import SourceError
from lagoa.formats.infer import infer_contract
from lagoa.formats.shared.given import Given

ROWS = "id;nome\n1;Conceição\n2;São João\nx;\n"


@pytest.fixture
def folder(folder):
    text = {"format": "csv", "delimiter": ";"}
    folder.contract("bronze.expenses", "id:long! nome:string", source=text | {"file": "Ano-*.csv.zip"})
    folder.contract("bronze.lines", "id:long!", source={"format": "jsonl"})
    folder.contract("bronze.packed", "id:long!", source={"format": "parquet"})
    for name in ("jan", "feb"):
        source = text | {"file": "year.zip", "member": f"{name}*.csv"}
        folder.contract(f"bronze.{name}", "id:long! nome:string", source=source)
    return folder


def packed(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name.replace("_", "."), text)
    return path


def test_a_zip_file_is_loaded_like_the_file_in_it(lake, dev, tmp_path):
    path = packed(tmp_path / "Ano-2023.csv.zip", Ano_csv=ROWS)
    result = dev.ingest(path, "bronze.expenses")
    assert (result.received, result.accepted, result.rules) == (3, 2, {"type/id": 1})
    assert result.batch == hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    assert lake.sql("SELECT id, nome, _source FROM bronze.expenses ORDER BY id", "dev").fetchall() == [
        (1, "Conceição", "Ano-2023.csv.zip"),
        (2, "São João", "Ano-2023.csv.zip"),
    ]
    (refused,) = lake.refused_records("bronze.expenses", "dev")
    assert (refused.raw, refused.byte_offset) == (b"x;\n", len(ROWS.encode()) - 3)
    assert dev.ingest(path, "bronze.expenses").skipped


def test_json_lines_in_a_zip_file(lake, dev, tmp_path):
    assert dev.ingest(packed(tmp_path / "a.ZIP", a_jsonl='{"id": 7}\n'), "bronze.lines").accepted == 1


def test_a_contract_is_inferred_from_the_file_in_it(folder, tmp_path):
    path = packed(tmp_path / "cota.csv.zip", Ano_csv=ROWS.replace("x;\n", ""))
    text = infer_contract(path, TableName.parse("bronze.cota"))
    assert "file: cota.csv.zip" in text
    folder.file("iceberg/bronze/cota.odcs.yaml", text)
    with folder.open() as lake:
        assert lake.create_branch("dev").ingest(path, "bronze.cota").accepted == 2
    two = packed(tmp_path / "two.zip", jan_csv=ROWS, LEIAME_txt="read me")
    text = infer_contract(two, TableName.parse("bronze.two"), Given(member="*.csv"))
    assert 'file: two.zip, member: "*.csv", delimiter: ' in text
    folder.file("iceberg/bronze/two.odcs.yaml", text)
    with folder.open() as lake:
        assert lake.create_branch("two").ingest(two, "bronze.two").received == 3
    lines = packed(tmp_path / "lines.zip", rows_jsonl='{"a": 1}\n')
    assert "format: jsonl" in infer_contract(lines, TableName.parse("bronze.other"))


@pytest.mark.parametrize("name", ["rows.parquet.gz", "rows.zip"])
def test_a_parquet_file_is_not_read_from_a_compressed_one(dev, tmp_path, name):
    content = io.BytesIO()
    parquet.write_table(pa.table({"id": [1]}), content)
    if name.endswith(".zip"):
        packed(tmp_path / name, rows_parquet=content.getvalue())
    else:
        (tmp_path / name).write_bytes(gzip.compress(content.getvalue()))
    for read in (
        lambda: infer_contract(tmp_path / name, TableName.parse("bronze.x")),
        lambda: dev.ingest(tmp_path / name, "bronze.packed"),
    ):
        with pytest.raises(SourceError, match="a Parquet file is not read from a compressed one") as raised:
            read()
        assert raised.value.advice == "Unpack it first."


def test_members_of_one_zip_file_go_into_several_tables(lake, dev, tmp_path):
    (tmp_path / "in").mkdir()
    packed(tmp_path / "in/year.zip", jan_csv=ROWS, feb_csv=ROWS.replace("2;", "3;"), LEIAME_txt="read me")
    results = dev.ingest_folder(tmp_path / "in")
    assert [(str(each.table), each.accepted, each.unread) for each in results] == [
        ("bronze.feb", 2, ("jan.csv", "LEIAME.txt")),
        ("bronze.jan", 2, ("feb.csv", "LEIAME.txt")),
    ]
    assert results.delivery.found == 1
    assert lake.sql("SELECT id FROM bronze.feb ORDER BY 1", "dev").fetchall() == [(1,), (3,)]


def test_contracts_that_read_the_same_member_are_refused(folder, tmp_path):
    source = {"format": "csv", "delimiter": ";", "file": "year.zip", "member": "*.csv"}
    folder.contract("bronze.any", "id:long! nome:string", source=source)
    packed(tmp_path / "year.zip", jan_csv=ROWS, LEIAME_txt="read me")
    with folder.open() as lake, pytest.raises(SourceError, match=r"'year\.zip' by bronze\.any .* and bronze\.jan"):
        lake.delivery(tmp_path)


def test_another_member_of_the_same_zip_file_is_another_batch(dev, tmp_path):
    path = packed(tmp_path / "two.zip", a_csv=ROWS, b_csv=ROWS)
    with pytest.raises(SourceError, match=r"2 files are in it: a\.csv, b\.csv"):
        dev.ingest(path, "bronze.expenses")
    assert [dev.ingest(path, "bronze.expenses", member=name).skipped for name in ("a*", "b.csv", "a.csv")] == [
        False,
        False,
        True,
    ]
    with pytest.raises(SourceError, match=r"no file in it is called 'jan\*\.csv' and 'b\.csv'"):
        dev.ingest(path, "bronze.jan", member="b.csv")


def test_a_damaged_zip_file_writes_nothing(dev, tmp_path):
    head, path = dev.head, packed(tmp_path / "a.zip", a_csv=ROWS * 10_000)
    content = path.read_bytes()
    for spoiled in (content[:-30], content[:300] + b"\0\0\0\0" + content[304:], b"", content[:20]):
        path.write_bytes(spoiled)
        with pytest.raises(SourceError, match=r"a\.zip: it "):
            dev.ingest(path, "bronze.expenses")
    assert dev.head == head
