"""Lines around a table, columns without names, headers inside it: counted, said, retried under a new contract."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from lagoa.cli.main import app
from lagoa.domain.tables import TableName
from lagoa.errors import SourceError
from lagoa.quarantine import show_quarantine

if TYPE_CHECKING:
    from lakes import LakeFolder

TABLE = "bronze.units"
SOURCE: dict[str, Any] = {"format": "csv", "delimiter": ";"}
COLUMNS = "code:string! people:int"
REPORT = 'Units; 2024\n"open\ncode;people;\n01;5;\n02;x;\ncode;people;\n03;7;9\n04;8;\nTotal;20\nSource: "registry\n'


def test_a_table_inside_a_report(folder: LakeFolder) -> None:
    folder.contract(TABLE, COLUMNS, source=SOURCE | {"skip": 2, "footer": 2}, quarantineShare=1)
    file = folder.file("units.csv", REPORT)
    with folder.open() as lake:
        result = lake.create_branch("dev").ingest(file, TABLE)
        assert (result.received, result.accepted, result.quarantined, result.footer) == (5, 2, 3, 2)
        assert result.rules == {"fields": 1, "header": 1, "type/people": 1}
        assert result.notes == ("the last column has no name and is left out",)
        rows = lake.sql(f"SELECT code, people, _row FROM {TABLE} ORDER BY _row", "dev").fetchall()
        assert rows == [("01", 5, 1), ("04", 8, 5)]
        for each in show_quarantine(lake.context, "dev", TableName.parse(TABLE)):
            assert each.raw is not None
            assert each.byte_offset is not None
            assert REPORT.encode()[each.byte_offset :].startswith(each.raw)


def test_the_command_says_what_was_left_out(folder: LakeFolder) -> None:
    folder.contract(TABLE, COLUMNS, source=SOURCE | {"footer": 1})
    file = folder.file("units.csv", "code;people;\n01;5;\nTotal;5;\n")
    with folder.open() as lake:
        lake.create_branch("a")
        lake.create_branch("b")
    command = ["--lake", str(folder.root), "ingest", str(file), "--into", TABLE, "--branch"]
    said = CliRunner().invoke(app, [*command, "a"])
    told = CliRunner().invoke(app, [*command, "b", "--json"])
    assert said.exit_code == told.exit_code == 0, said.output + told.output
    assert "1 record at the end left out as footer; the last column has no name and is left out" in " ".join(
        said.output.split()
    )
    (found,) = json.loads(told.stdout)["tables"]
    assert (found["received"], found["footer"]) == (1, 1)
    assert found["notes"] == ["the last column has no name and is left out"]


def test_a_file_without_its_total_loses_no_record(folder: LakeFolder) -> None:
    folder.contract(TABLE, COLUMNS, source=SOURCE | {"footer": 1}, quarantineShare=1)
    file = folder.file("units.csv", "code;people\n01;5\n02;6\n")
    with folder.open() as lake:
        branch = lake.create_branch("dev")
        result = branch.ingest(file, TABLE)
        assert (result.received, result.accepted, result.rules, result.footer) == (2, 1, {"footer": 1}, 0)
        (refused,) = show_quarantine(lake.context, "dev", TableName.parse(TABLE))
        assert (refused.record, refused.raw) == (2, b"02;6\n")
        assert refused.reason == "a record as those before it, where `footer: 1` expects a total or a note"
        assert branch.retry_quarantine(TABLE).accepted == 1
        assert lake.sql(f"SELECT code, people FROM {TABLE} ORDER BY 1", "dev").fetchall() == [("01", 5), ("02", 6)]


@pytest.mark.parametrize(("footer", "end"), [(0, "Total;9\n"), (0, "Fonte: IBGE;\n"), (1, "Total;9\nNota: x;\n")])
def test_a_last_row_that_may_be_no_data_is_said(folder: LakeFolder, footer: int, end: str) -> None:
    folder.contract(TABLE, "code:string people:int note:string", source=SOURCE | {"footer": footer})
    file = folder.file("units.csv", "code;people;note\n01;5;a\n" + end.replace("\n", ";\n"))
    with folder.open() as lake:
        result = lake.create_branch("dev").ingest(file, TABLE)
        assert (result.accepted, result.quarantined, result.footer) == (2, 0, footer)
        (note,) = result.notes
        assert f"lacks other values: if it is no data, `footer: {footer + 1}` leaves it out" in note


def test_records_are_retried_with_their_header(folder: LakeFolder) -> None:
    folder.contract(TABLE, "code:int people:int", source=SOURCE, quarantineShare=1)
    file = folder.file("units.csv", "code;people;\na;5;\ncode;people;\nb;7;9\n1;1;\n")
    with folder.open() as lake:
        result = lake.create_branch("dev").ingest(file, TABLE)
        assert result.rules == {"type/code": 1, "header": 1, "fields": 1}
    folder.contract(
        TABLE,
        {"name": {"physicalType": "string", "lagoa.header": "code"}, "people": "int"},
        source=SOURCE | {"skip": 3, "footer": 4, "header": ["people", "code"]},
        quarantineShare=1,
        dropped=["code"],
    )
    with folder.open() as lake:
        branch = lake.branch("dev")
        assert branch.retry_quarantine(TABLE).accepted == 1
        assert lake.sql(f"SELECT name, people FROM {TABLE} ORDER BY people", "dev").fetchall() == [(None, 1), ("a", 5)]
        waiting = show_quarantine(lake.context, "dev", TableName.parse(TABLE))
        assert sorted(each.rule for each in waiting if each.fate == "waiting") == ["fields", "header"]


def test_utf_16_is_loaded_and_retried(folder: LakeFolder) -> None:
    source = SOURCE | {"encoding": "utf-16"}
    folder.contract(TABLE, COLUMNS, source=source, quarantineShare=1)
    file = folder.file("units.csv", "code;people\nSão;1\nÓ;n/d\n".encode("utf-16"))
    with folder.open() as lake:
        assert lake.create_branch("dev").ingest(file, TABLE).rules == {"type/people": 1}
    people = {"physicalType": "int", "lagoa.nulls": ["n/d"]}
    folder.contract(TABLE, {"code": "string!", "people": people}, source=source, quarantineShare=1)
    with folder.open() as lake:
        assert lake.branch("dev").retry_quarantine(TABLE).accepted == 1
        rows = lake.sql(f"SELECT code, people FROM {TABLE} ORDER BY people", "dev").fetchall()
    assert rows == [("São", 1), ("Ó", None)]


def test_an_undecided_header_is_an_error_of_check_and_ingest(folder: LakeFolder) -> None:
    path = folder.contract(TABLE, COLUMNS, source=SOURCE | {"header": "undecided"})
    file = folder.file("units.csv", "01;5\n02;6\n")
    with folder.open() as lake:
        (fault,) = lake.check_contracts().faults
        assert fault.file == str(path)
        assert '"header": "undecided"' in path.read_text().split("\n")[(fault.line or 0) - 1]
        assert "nobody has decided" in fault.message
        branch = lake.create_branch("dev")
        with pytest.raises(SourceError, match="nobody has decided") as raised:
            branch.ingest(file, TABLE)
        assert "The first line is '01;5'" in raised.value.advice
