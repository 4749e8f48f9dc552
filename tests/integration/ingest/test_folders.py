"""Folders: every file in them is loaded, ignored or refused, and the result says which."""

from __future__ import annotations

import os

import pytest

from lagoa.domain.tables import TableName
from lagoa.errors import SourceError

MONTHS = {f"MOV2024{month:02}.txt": f"code;change\n{month};1\n{month + 20};-1\n" for month in (1, 2, 3)}
JOBS = TableName.parse("bronze.jobs")


@pytest.fixture
def folder(folder):
    source = {"format": "csv", "file": "MOV*.txt", "delimiter": ";"}
    folder.contract("bronze.jobs", "code:long! change:long", source=source)
    folder.contract("bronze.people", "id:long! name:string", source={"format": "csv", "file": "people [1].csv"})
    return folder


@pytest.fixture
def incoming(tmp_path):
    path = tmp_path / "incoming"
    path.mkdir()
    for name, text in MONTHS.items():
        (path / name).write_text(text)
    return path


def loaded(lake, table="bronze.jobs", columns="code, change"):
    return lake.sql(f"SELECT {columns} FROM {table} ORDER BY 1", "dev").fetchall()


def told(results):
    return [(str(each.table), each.source, each.accepted) for each in results]


def test_a_pattern_takes_every_month_in_the_order_of_the_names(lake, dev, incoming):
    results = dev.ingest_folder(incoming)
    assert told(results) == [("bronze.jobs", name, 2) for name in MONTHS]
    assert loaded(lake) == [(1, 1), (2, 1), (3, 1), (21, -1), (22, -1), (23, -1)]
    sources = lake.sql("SELECT _source, min(_ingested_at) AS t FROM bronze.jobs GROUP BY 1 ORDER BY t", "dev")
    assert [row[0] for row in sources.fetchall()] == list(MONTHS)
    assert len({each.commit for each in results}) == len(MONTHS)
    assert results.delivery.unmatched == {TableName.parse("bronze.people"): "people [1].csv"}
    assert results.summary.splitlines() == [
        "Files: 3 found, 3 loaded.",
        "No file for bronze.people (people [1].csv).",
    ]


def test_a_second_run_loads_what_is_new(lake, dev, incoming):
    dev.ingest_folder(incoming)
    (incoming / "MOV202404.txt").write_text("code;change\n4;1\n")
    again = dev.ingest_folder(incoming)
    assert [each.skipped for each in again] == [True, True, True, False]
    assert (len(again.known), len(again.loaded), again.duplicates) == (3, 1, [])
    assert len(loaded(lake)) == 7


def test_a_file_that_was_loaded_before_is_not_opened_again(lake, dev, incoming, folder):
    columns = {"code": "long!", "change": {"physicalType": "long", "lagoa.header": "São"}}
    form = {"format": "csv", "file": "MOV*.txt", "delimiter": ";"}
    folder.contract("bronze.jobs", columns, source=form | {"encoding": "cp1252"})
    for name, text in MONTHS.items():
        (incoming / name).write_bytes(text.replace("change", "São").encode("cp1252"))
    dev.ingest_folder(incoming)
    folder.contract("bronze.jobs", columns, source=form | {"skip": 1})  # a contract that reads none of these
    (incoming / "MOV202404.txt").write_text("April\ncode;São\n4;1\n", "utf-8")
    again = folder.open().branch("dev").ingest_folder(incoming)
    assert [(each.source, each.skipped) for each in again] == [
        *((name, True) for name in MONTHS), ("MOV202404.txt", False)
    ]  # fmt: skip
    assert (4, 1) in loaded(lake)


def test_a_file_that_no_contract_names_stops_the_folder_before_anything_is_loaded(lake, dev, incoming):
    head = dev.head
    (incoming / "mov202404.txt").write_text(MONTHS["MOV202401.txt"])  # patterns tell upper from lower case
    (incoming / "LEIAME.pdf").write_bytes(b"%PDF")
    with pytest.raises(SourceError, match=r"no contract names 2 of its 5 files: LEIAME\.pdf, mov202404\.txt") as raised:
        dev.ingest_folder(incoming)
    assert "--ignore PATTERN" in raised.value.advice
    assert "bronze.jobs names MOV*.txt: upper and lower case" in raised.value.advice
    assert dev.head == head
    results = dev.ingest_folder(incoming, ignore=["*.pdf", "mov202404.txt"])
    assert results.delivery.ignored == ("LEIAME.pdf", "mov202404.txt")
    assert "5 found, 3 loaded" in results.summary
    assert "2 ignored (LEIAME.pdf, mov202404.txt)" in results.summary
    assert len(loaded(lake)) == 6


def test_what_is_ignored_stands_in_the_settings_or_in_a_contract(folder, incoming):
    source = {"format": "csv", "file": "MOV*.txt", "delimiter": ";", "ignore": ["LEIAME*"]}
    folder.contract("bronze.jobs", "code:long! change:long", source=source)
    folder.settings(ingest_ignore=["*.tmp"])
    (incoming / "LEIAME.pdf").write_bytes(b"%PDF")
    (incoming / "MOV.tmp").write_bytes(b"")
    (incoming / ".DS_Store").write_bytes(b"\0")
    with folder.open() as lake:
        delivery = lake.delivery(incoming)
    assert delivery.ignored == (".DS_Store", "LEIAME.pdf", "MOV.tmp")
    assert delivery.found == 6


def test_ignoring_everything_else_does_not_ignore_what_a_contract_names(lake, dev, incoming):
    (incoming / "notes.txt").write_text("x")
    results = dev.ingest_folder(incoming, ignore=["*"])
    assert len(results.loaded) == 3
    assert results.delivery.ignored == ("notes.txt",)
    with pytest.raises(SourceError, match=r"1 of its 4 files: notes\.txt"):
        dev.ingest_folder(incoming, ignore="*.pdf")  # one pattern, not six
    assert dev.ingest_folder(incoming, ignore="*.txt").delivery.ignored == ("notes.txt",)


def test_a_pattern_takes_no_hidden_file(lake, dev, incoming, folder):
    (incoming / "._MOV202401.txt").write_bytes(b"\0\5")  # the resource fork that a Mac leaves
    source = {"format": "csv", "file": "*MOV*.txt", "delimiter": ";"}
    folder.contract("bronze.jobs", "code:long! change:long", source=source)
    results = dev.ingest_folder(incoming)
    assert (len(results.loaded), results.delivery.ignored) == (3, ("._MOV202401.txt",))


def test_a_name_is_read_as_it_is_written_brackets_and_all(lake, dev, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/people [1].csv").write_text("id,name\n1,Ana\n")
    assert told(dev.ingest_folder(tmp_path / "in")) == [("bronze.people", "people [1].csv", 1)]
    (tmp_path / "in/people 1.csv").write_text("id,name\n2,Bia\n")
    with pytest.raises(SourceError, match=r"no contract names 1 of its 2 files: people 1\.csv"):
        dev.ingest_folder(tmp_path / "in")


def test_the_advice_is_the_pattern_that_takes_the_other_months(folder, incoming):
    source = {"format": "csv", "file": "MOV202401.txt", "delimiter": ";"}
    folder.contract("bronze.jobs", "code:long! change:long", source=source)
    with folder.open() as lake, pytest.raises(SourceError, match=r"2 of its 3 files: MOV202402\.txt, ") as raised:
        lake.delivery(incoming)
    assert 'If MOV202402.txt, MOV202403.txt are of bronze.jobs, write `file: "MOV*.txt"`' in raised.value.advice


def test_the_advice_is_the_pattern_that_takes_a_second_file(folder, tmp_path):
    folder.contract("bronze.orders", "id:long", source={"format": "csv", "file": "orders.csv"})
    for name in ("orders.csv", "orders2.csv", "people.csv"):
        folder.file(f"in/{name}", "id\n1\n")
    with folder.open() as lake, pytest.raises(SourceError, match=r"orders2\.csv, people\.csv") as raised:
        lake.delivery(folder.root / "in")
    assert 'If orders2.csv is of bronze.orders, write `file: "orders*.csv"` in its contract.' in raised.value.advice


def test_a_folder_of_other_months_and_an_empty_one(folder, incoming, tmp_path):
    source = {"format": "csv", "file": "MOV202312.txt", "delimiter": ";"}
    folder.contract("bronze.jobs", "code:long! change:long", source=source)
    (tmp_path / "empty").mkdir()
    with folder.open() as lake:
        with pytest.raises(SourceError, match=r"no contract names a file in it; they name MOV202312\.txt, ") as raised:
            lake.delivery(incoming)
        assert 'write `file: "MOV*.txt"`' in raised.value.advice
        with pytest.raises(SourceError, match="there is no file in it"):
            lake.delivery(tmp_path / "empty")


def test_a_file_that_two_contracts_name_is_refused_with_both(folder, incoming):
    folder.contract("bronze.january", "code:long", source={"format": "csv", "file": "*01.txt"})
    message = r"'MOV202401\.txt' by bronze\.january \(\*01\.txt\) and bronze\.jobs \(MOV\*\.txt\)\. Nothing was loaded"
    with folder.open() as lake:
        branch = lake.create_branch("dev")
        head = branch.head
        with pytest.raises(SourceError, match=message):
            branch.ingest_folder(incoming)
        assert branch.head == head


def test_the_same_content_under_two_names_is_loaded_once(lake, dev, incoming):
    (incoming / "MOV202401 (1).txt").write_text(MONTHS["MOV202401.txt"])
    results = dev.ingest_folder(incoming)
    (duplicate,) = results.duplicates
    assert (duplicate.source, duplicate.duplicate_of) == ("MOV202401.txt", "MOV202401 (1).txt")
    assert len(results.loaded) == 3
    assert len(loaded(lake)) == 6
    assert "1 of the same content as another" in results.summary
    again = dev.ingest_folder(incoming)
    assert (len(again.known), len(again.duplicates), len(loaded(lake))) == (3, 1, 6)


def test_folders_in_it_are_named_and_not_opened(lake, dev, incoming):
    (incoming / "2023").mkdir()
    (incoming / "2023/MOV202312.txt").write_text(MONTHS["MOV202401.txt"])
    results = dev.ingest_folder(incoming)
    assert results.delivery.folders == ("2023",)
    assert "Folders, which were not opened: 2023." in results.summary


@pytest.mark.parametrize("content", [b"", b"\n", b"x"])
def test_a_file_of_no_use_is_named_and_the_others_are_loaded(lake, dev, incoming, content):
    (incoming / "MOV202402.txt").write_bytes(content)
    with pytest.raises(SourceError, match=r"MOV202402\.txt"):
        dev.ingest_folder(incoming)
    assert len(loaded(lake)) == 4
    (incoming / "MOV202402.txt").write_text(MONTHS["MOV202402.txt"])
    assert [each.skipped for each in dev.ingest_folder(incoming)] == [True, False, True]
    assert len(loaded(lake)) == 6


def test_several_files_of_no_use_are_all_named(lake, dev, incoming):
    (incoming / "MOV202401.txt").write_bytes(b"")
    (incoming / "MOV202403.txt").write_bytes(b"code;other\n")
    with pytest.raises(SourceError, match="2 of its 3 files were not loaded") as raised:
        dev.ingest_folder(incoming)
    assert "MOV202401.txt: it is empty" in raised.value.message
    assert "'other' is not in the contract of bronze.jobs" in raised.value.message
    assert loaded(lake) == [(2, 1), (22, -1)]


def test_a_file_that_was_rolled_back_and_held_does_not_stop_the_others(lake, incoming):
    later = incoming / "MOV202403.txt"
    text = later.read_text()
    later.unlink()
    with lake.run("load") as branch:
        branch.ingest_folder(incoming)
        branch.publish()
    lake.rollback("main~1", hold=True)
    later.write_text(text)
    branch = lake.create_branch("later")
    with pytest.raises(SourceError, match=r"2 of its 3 files were not loaded") as raised:
        branch.ingest_folder(incoming)
    assert "MOV202401.txt: Batch" in raised.value.message
    assert "is held" in raised.value.message
    assert branch.sql("SELECT count(*) FROM bronze.jobs").fetchall() == [(2,)]


def test_a_link_to_nothing_is_a_file_that_cannot_be_read(lake, dev, incoming):
    (incoming / "MOV202404.txt").symlink_to(incoming / "gone.txt")
    with pytest.raises(SourceError, match=r"MOV202404\.txt: there is no such file"):
        dev.ingest_folder(incoming)
    assert len(loaded(lake)) == 6


def test_names_that_are_no_text(lake, dev, incoming):
    (incoming / os.fsdecode(b"MOV\xe7.txt")).write_text("code;change\n9;1\n")
    assert told(dev.ingest_folder(incoming))[-1] == ("bronze.jobs", "MOV�.txt", 1)
    (incoming / os.fsdecode(b"\xe7")).write_text("")
    with pytest.raises(SourceError, match="1 of its 5 files: �"):
        dev.ingest_folder(incoming)
    (incoming / os.fsdecode(b"\xe7")).rename(incoming / "a\n\x1b[31m.csv")
    assert "1 ignored (a\\n\\x1b[31m.csv)" in dev.ingest_folder(incoming, ignore=["*.csv"]).summary


def test_flows_of_earlier_versions_get_one_file_a_table_or_an_error(lake, incoming):
    with pytest.raises(SourceError, match=r"bronze\.jobs has 3 files in it"):
        lake.source_files(incoming)
    (incoming / "MOV202402.txt").unlink()
    (incoming / "MOV202403.txt").unlink()
    assert lake.source_files(incoming) == {JOBS: incoming / "MOV202401.txt"}
