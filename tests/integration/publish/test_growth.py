"""What a publication does in this process does not grow with the publications before it."""

from __future__ import annotations

import cProfile
import pstats
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from lagoa.domain.commits import Change
from lagoa.domain.refs import MAIN

if TYPE_CHECKING:
    from lakes import LakeFolder

    from lagoa.lake import Lake

A = "bronze.a"
WINDOW = 3


def calls(profile: cProfile.Profile) -> dict[str, int]:
    """Return the number of all calls, of statements to SQLite, and of files opened."""
    stats = pstats.Stats(profile)
    found = {"calls": stats.total_calls, "statements": 0, "files": 0}  # type: ignore[attr-defined]
    for (_, _, name), (count, *_) in stats.stats.items():  # type: ignore[attr-defined]
        found["statements"] += count if "sqlite3" in name and "execute" in name else 0
        found["files"] += count if name in {"<built-in method io.open>", "<built-in method posix.open>"} else 0
    return found


def publish(lake: Lake, numbers: range) -> dict[str, int]:
    profile = cProfile.Profile()
    for number in numbers:
        with profile, lake.run("load") as branch:
            branch.append(A, pa.table({"k": [number], "v": ["x"]}), batch=f"b{number}")
            branch.publish()
    return calls(profile)


@pytest.mark.parametrize("last", [12, pytest.param(120, marks=pytest.mark.slow)])
def test_a_publication_does_the_same_after_many(folder: LakeFolder, last: int) -> None:
    folder.settings(snapshots=WINDOW)
    folder.contract(A, "k:long* v:string")
    with folder.open() as lake:
        publish(lake, range(WINDOW))
        first = publish(lake, range(WINDOW, 2 * WINDOW))
        publish(lake, range(2 * WINDOW, last - WINDOW))
        assert all(count > WINDOW for count in first.values())
        later = publish(lake, range(last - WINDOW, last))
        assert {name: count for name, count in later.items() if count > 1.2 * first[name]} == {}
        assert [ref.name for ref in lake.refs()] == [MAIN]
        assert lake.row_counts() == {next(iter(lake.tables())): last}


def test_branches_that_left_main_at_different_times_are_compared_with_it_in_one_walk(lake: Lake) -> None:
    catalog, count = lake.context.catalog, 16
    for number in range(count):
        name = f"left/{number:02d}"
        lake.create_branch(name)
        base = catalog.ref(MAIN).commit
        candidate = catalog.create_branch(f"next/{number}", base).name
        to = catalog.commit(candidate, base, Change(namespaces={(f"n{number}",): {}})).id
        catalog.swap(MAIN, base, to)
        catalog.delete_ref(candidate, to)
    profile = cProfile.Profile()
    with profile:
        found = {each.name: each.behind for each in lake.branches()}
    assert [found[f"left/{number:02d}"] for number in range(count)] == list(range(count, 0, -1))
    read = sum(
        count
        for (file, _, name), (count, *_) in pstats.Stats(profile).stats.items()  # type: ignore[attr-defined]
        if name == "_commit" and file.endswith("history.py")
    )
    assert read <= 4 * count
