"""What was refused, counted and shown at a ref."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from lakes import LakeFolder

from lagoa.domain.tables import TableName
from lagoa.errors import RefNotFound, TableNotFound
from lagoa.ingest import ingest_file
from lagoa.quarantine import Selection, list_quarantine, show_quarantine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lagoa.lake import Lake

ONE, TWO = TableName.parse("bronze.one"), TableName.parse("bronze.two__more")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    root = tmp_path_factory.mktemp("lake")
    folder = LakeFolder(root)
    for table in (ONE, TWO):
        folder.contract(str(table), "a:int! b:string", source={"format": "csv"})
    with folder.open() as found:
        found.create_branch("clean")
        found.create_branch("dev")
        load(found, root, "clean", ONE, b"a,b\n1,x\n", "c")
        load(found, root, "dev", ONE, b"a,b\n1,x\nx,y\n,z\ny,\n", "b1")
        load(found, root, "dev", ONE, b"a,b\nz,\n", "b'2")
        load(found, root, "dev", TWO, b"a,b\n1\n", "b1")
        yield found


def load(lake: Lake, folder: Path, branch: str, table: TableName, content: bytes, batch: str) -> None:
    path = folder / f"{batch}.csv"
    path.write_bytes(content)
    ingest_file(lake.context, branch, table, path, batch=batch)


def test_counts(lake: Lake) -> None:
    found = [
        (each.table, each.rule, each.batch, each.source, each.records) for each in list_quarantine(lake.context, "dev")
    ]
    assert found == [
        (ONE, "type/a", "b1", "b1.csv", 2),
        (ONE, "required/a", "b1", "b1.csv", 1),
        (ONE, "type/a", "b'2", "b'2.csv", 1),
        (TWO, "fields", "b1", "b1.csv", 1),
    ]


def test_nothing_refused(lake: Lake) -> None:
    assert list_quarantine(lake.context) == []
    assert list_quarantine(lake.context, "clean") == []
    assert show_quarantine(lake.context, "clean", ONE) == []


def test_records(lake: Lake) -> None:
    def shown(limit: int = 20, **selection: str) -> list[tuple[str, int, bytes]]:
        found = show_quarantine(lake.context, "dev", ONE, Selection(**selection), limit=limit)
        return [(each.batch, each.record, each.raw) for each in found]

    assert shown() == [("b1", 2, b"x,y\n"), ("b1", 3, b",z\n"), ("b1", 4, b"y,\n"), ("b'2", 1, b"z,\n")]
    assert shown(limit=2) == [("b1", 2, b"x,y\n"), ("b1", 3, b",z\n")]
    assert shown(rule="type/a", batch="b1") == [("b1", 2, b"x,y\n"), ("b1", 4, b"y,\n")]
    assert shown(batch="b'2") == [("b'2", 1, b"z,\n")]
    assert shown(rule="' OR true --") == []


def test_an_earlier_state(lake: Lake) -> None:
    assert len(show_quarantine(lake.context, "dev~2", ONE)) == 3


def test_what_is_not_there(lake: Lake) -> None:
    with pytest.raises(TableNotFound):
        show_quarantine(lake.context, "main", ONE)
    with pytest.raises(RefNotFound):
        list_quarantine(lake.context, "nowhere")
