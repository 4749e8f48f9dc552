"""Eight processes publish to the same tables at once: all lands, once, and each state was audited as it is."""

from __future__ import annotations

import pytest

import lagoa
from lagoa.domain.refs import CANDIDATE_PREFIX, MAIN

WRITERS = 8


def write(root, writer, count, pets):
    """Load people and pets, and count the pets, as often as that."""
    with lagoa.open_lake(root) as lake:
        for number in range(count):
            with lake.run(f"writer-{writer}") as run:
                key = 1000 * writer + number
                people = lake.sql("select cast($1 as bigint) as id, 'ana' as name, 1 as age".replace("$1", str(key)))
                run.append("bronze.people", people.arrow(), batch=f"{writer}-{number}")
                if number % 5 == 0:
                    run.append("bronze.pets", pets.slice(0, 1).set_column(0, "id", [[key]]), batch=f"{writer}-{number}")
                    run.transform()
                run.publish()


def all_lands(lake, small, processes, count):
    with lake.run("first") as run:
        run.append("bronze.people", small.people(1))
        run.publish()
    workers = [
        processes.Process(target=write, args=(small.root, writer, count, small.pets(1)))
        for writer in range(1, WRITERS + 1)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * WRITERS
    keys = [1000 * writer + number for writer in range(1, WRITERS + 1) for number in range(count)]
    assert lake.sql("select id from bronze.people order by id").fetchall() == [(1,), *((key,) for key in keys)]
    pets = [key for key in keys if key % 1000 % 5 == 0]
    assert lake.sql("select id from bronze.pets order by id").fetchall() == [(key,) for key in pets]
    assert lake.sql("select pets from gold.counts").fetchall() == [(len(pets),)]
    published = lake.publications(len(keys) + 1)
    assert len(published) == len(keys) + 1
    assert all(each.report.passed and each.report.commit == each.commit for each in published)
    line = [commit.id for commit in lake.context.catalog.log(lake.resolve(MAIN).id)]
    assert line[:-1] == [each.commit for each in published]
    assert [ref.name for ref in lake.refs() if ref.name.startswith(CANDIDATE_PREFIX) or ref.name != MAIN] == []


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_all_of_forty_publications_land(lake, small, processes):
    all_lands(lake, small, processes, 5)


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_all_of_four_hundred_publications_land(lake, small, processes):
    all_lands(lake, small, processes, 50)
