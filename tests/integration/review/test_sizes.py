"""How large tables are, and when commits were published: what `lagoa status` and `lagoa log` read."""

from __future__ import annotations

from pathlib import Path

import pytest

from lagoa.errors import CatalogDamaged


@pytest.fixture
def lake(small):
    with small.open() as lake:
        branch = lake.create_branch("dev")
        branch.append("bronze.people", small.people(1, 2), batch="p1")
        branch.append("bronze.pets", small.pets(1), batch="q1")
        branch.publish()
        yield lake


def test_sizes_are_those_that_the_metadata_says(lake, small):
    for number in range(2):
        states = lake.describe()
        assert [(each.table, each.rows, each.bytes) for each in lake.sizes()] == [
            (each.table, each.rows, each.bytes) for each in states
        ]
        lake.branch("dev").append("bronze.pets", small.pets(2 + number), batch=f"b{number}")
        lake.branch("dev").publish()
    assert [each.rows for each in lake.sizes("main~1")] == [2, 2]


def test_a_metadata_file_is_read_once_on_a_machine(lake, small):
    first = lake.sizes()
    files = [Path(pointer.removeprefix("file://")) for pointer in lake.tables().values()]
    kept = {file: file.read_bytes() for file in files}
    for file in files:
        file.unlink()
    assert lake.sizes() == first
    with small.open() as again:
        assert again.sizes() == first
        again.settings.cache("tables").unlink()
        with pytest.raises(CatalogDamaged):
            again.sizes()
    for file, content in kept.items():
        file.write_bytes(content)


def test_when_commits_of_a_log_were_published(lake, small):
    for number in range(3):
        lake.branch("dev").append("bronze.pets", small.pets(9 + number), batch=f"b{number}")
        if number < 2:
            lake.branch("dev").publish()
    moves = {commit: moment for moment, commit in lake.context.catalog.moves("main")}
    for ref, limit in (("main", 1), ("main", 50), ("dev", 1), ("dev", 50), ("main~2", 50)):
        commits = lake.log(ref, limit)
        found = lake.published_at(commits)
        assert found == {each.id: moves[each.id] for each in commits if each.id in moves}
    assert lake.published_at([]) == {}
    assert len(lake.published_at(lake.log("main", 2))) == 2


def test_what_a_commit_changed(lake, small):
    catalog = lake.context.catalog
    lake.branch("dev").drop("bronze.pets")
    for commit in (*lake.log("dev"), *lake.log("main")):
        before = catalog.tables(commit.parents[0]) if commit.parents else {}
        after = catalog.tables(commit.id)
        names = before.keys() | after.keys()
        assert lake.changed_tables(commit) == sorted(name for name in names if before.get(name) != after.get(name))
