"""Publications that are ready at the same time: each moves main in its turn, and none is left behind."""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import closing
from dataclasses import replace

import pyarrow as pa
import pytest

import lagoa
from lagoa.domain import faults
from lagoa.domain.refs import MAIN
from lagoa.errors import PublishConflict
from lagoa.lake import Lake
from lagoa.publish.local import LocalPublisher
from lagoa.publish.remote import PublisherProcess

LONG_S = 3600
"""Longer than a test may take: one that waits for its turn in vain fails."""


def queue(lake) -> list[int]:
    """Return the tickets of those who have a turn or wait for one."""
    return sorted(int(path.name) for path in (lake.settings.state_folder / "turns").glob("[0-9]*"))


def load(lake, table, name, number=1):
    branch = lake.create_branch(name)
    branch.append(table, pa.table({"id": [number]}))
    return branch


def publish_many(root, writer: int, times: int, results) -> None:
    """Publish a table of one's own so many times; tell how many attempts each took, and how many others came first."""
    steps: Counter[str] = Counter()
    counted = {"before": 0}
    with lagoa.open_lake(root) as lake:

        def count(step: str) -> None:
            steps[step] += 1
            if step == "publish.audited" and steps["publish.candidate"] == 1:
                counted["before"] = len(lake.context.catalog.moves(MAIN))

        faults.set_hook(count)
        for number in range(times):
            steps.clear()
            publication = load(lake, f"bronze.t{writer}", f"w{writer}-{number}", number).publish()
            results.put((publication.commit, steps["publish.candidate"], counted["before"]))


@pytest.mark.parametrize(("writers", "times"), [(3, 3), pytest.param(8, 6, marks=pytest.mark.slow)])
@pytest.mark.timeout(300)
def test_publications_of_many_processes_need_two_attempts_at_most_and_all_land(small, processes, writers, times):
    small.settings(publish_tries=2, publish_wait_s=LONG_S)
    for writer in range(writers):
        small.contract(f"bronze.t{writer}", "id:long*")
    with small.open() as lake:
        load(lake, "bronze.t0", "first", 1000).publish()
        results = processes.SimpleQueue()
        begun = [processes.Process(target=publish_many, args=(small.root, n, times, results)) for n in range(writers)]
        for process in begun:
            process.start()
        for process in begun:
            process.join()
        assert [process.exitcode for process in begun] == [0] * writers
        found = [results.get() for _ in range(writers * times)]
        moves = [commit for _, commit in lake.context.catalog.moves(MAIN)]
        assert len(moves) == 1 + writers * times
        assert {commit for commit, _, _ in found} == set(moves[1:])
        assert max(attempts for _, attempts, _ in found) <= 2
        # Each of the others comes first once; more only where it was already on its way.
        assert max(moves.index(commit) - before for commit, _, before in found) <= 3 * writers
        for writer in range(writers):
            rows = lake.sql(f"select count(*) from bronze.t{writer}").fetchall()
            assert rows == [(times + (writer == 0),)]
        assert queue(lake) == []


def publishers(lake):
    """Return the publishers of both kinds."""
    return [LocalPublisher(lake.context), PublisherProcess(lake.settings, lake.context.receipts.parts)]


@pytest.mark.parametrize("kind", [0, 1])
def test_who_has_the_turn_has_a_branch_published_within_it(small, kind):
    small.settings(publish_wait_s=LONG_S)
    small.contract("bronze.t", "id:long*")
    with small.open() as opened:
        with closing(publishers(opened)[kind]) as publisher:
            lake = Lake(replace(opened.context, open_publisher=lambda _: publisher))
            one, two = load(lake, "bronze.t", "one", 1), lake.create_branch("run/two/2")
            with lake.context.turns.turn(LONG_S) as came:
                assert came
                publication = publisher.publish(one.name, "within", in_turn=True)
                assert queue(lake) == [1]
            assert lake.resolve(MAIN).id == publication.commit
            two.append("bronze.t", pa.table({"id": [2]}))
            run = publisher.accompany(two.name)
            with closing(run), lake.context.turns.turn(LONG_S), pytest.raises(PublishConflict):
                run.publish("conflicts", in_turn=True)
        assert queue(lake) == []


def test_a_rollback_is_not_overtaken_while_it_is_checked(small):
    small.settings(publish_wait_s=LONG_S)
    for table in ("bronze.t", "bronze.u"):
        small.contract(table, "id:long*")
    with small.open() as lake:
        load(lake, "bronze.t", "one", 1).publish()
        other = load(lake, "bronze.u", "other", 1)
        load(lake, "bronze.t", "two", 2).publish()
        thread = threading.Thread(target=other.publish)

        def publish_other(step: str) -> None:
            if step == "publish.committed" and threading.current_thread() is threading.main_thread():
                thread.start()
                while len(queue(lake)) < 2:
                    time.sleep(0.01)

        faults.set_hook(publish_other)
        try:
            back = lake.rollback("main~1")
        finally:
            faults.set_hook(None)
        thread.join()
        assert [each.previous for each in lake.publications()[:1]] == [back.commit]
        assert lake.sql("select id from bronze.t").fetchall() == [(1,)]
        assert lake.sql("select id from bronze.u").fetchall() == [(1,)]


def test_without_turns_publications_do_not_wait_for_each_other(small):
    small.settings(publish_wait_s=0)
    small.contract("bronze.t", "id:long*")
    with small.open() as lake:
        with lake.context.turns.turn(LONG_S):
            publication = load(lake, "bronze.t", "one").publish()
            assert queue(lake) == [1]
        assert lake.resolve(MAIN).id == publication.commit


def test_a_turn_that_does_not_come_in_time_does_not_stop_a_publication(small):
    small.settings(publish_wait_s=0.2)
    small.contract("bronze.t", "id:long*")
    with small.open() as lake:
        with lake.context.turns.turn(LONG_S):
            publication = load(lake, "bronze.t", "one").publish()
        assert lake.resolve(MAIN).id == publication.commit
