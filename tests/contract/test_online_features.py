"""What every online store of features does."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from featured import SHOPS

from lagoa.adapters.sqlite.online import SqliteOnlineFeatures
from lagoa.domain.features import Definitions, Feature, FeatureView, OnDemandView, OnlineRow, entity_key
from lagoa.errors import OnlineStateLost

KINDS = ("INT64", "DOUBLE", "STRING", "BYTES", "BOOL", "DECIMAL", "UNIX_TIMESTAMP", "INT64_LIST")
VIEW = replace(
    SHOPS,
    name="wide",
    table="gold.wide",
    features=tuple(Feature(f"f_{kind.lower()}", kind, kind.lower()) for kind in KINDS),
)
NARROW = replace(VIEW, name="narrow", features=(Feature("n", "INT64", "n"),))
ALL = range(len(KINDS))


def emptied(connection):
    """Leave nothing in the database of a store."""
    for (part,) in connection.execute("select tablename from pg_tables where tablename like 'part\\_%'").fetchall():
        connection.execute(f"drop table lagoa_features.{part}")
    connection.execute("truncate lagoa_features.states, lagoa_features.applied")


def postgres(folder):
    """Open the publisher's store in the PostgreSQL of the stack, emptied."""
    import psycopg

    from lagoa.adapters.env.secrets import EnvSecrets
    from lagoa.adapters.postgres.lazy import Login
    from lagoa.adapters.postgres.online import PostgresOnlineFeatures
    from lagoa.adapters.postgres.receipts import receipts_password
    from lagoa.domain.credentials import read_credentials

    url = os.environ["LAGOA_POSTGRES_URL"]
    stack = Path(os.environ["LAGOA_TEST_STACK"]) / ".lagoa/stack"
    admin = read_credentials(stack / "credentials.json")["postgres-admin"]
    with psycopg.connect(url, user="postgres", password=admin) as connection:
        emptied(connection)
    return PostgresOnlineFeatures(Login(url, "publisher", partial(receipts_password, EnvSecrets, stack, "publisher")))


# `tests/stack/run` brings the server up and sets the variables.
FACTORIES = (
    {"postgres": postgres}
    if "LAGOA_TEST_STACK" in os.environ
    else {"sqlite": lambda folder: SqliteOnlineFeatures(folder / "features.db")}
)


@pytest.fixture(params=FACTORIES)
def store(request, tmp_path):
    made = FACTORIES[request.param](tmp_path)
    yield made
    made.close()


@dataclass
class Rows:
    """A view with rows that a test has made."""

    view: FeatureView
    found: list[OnlineRow] = field(default_factory=list)
    pointer: str = "file:///wide.metadata.json"

    def rows(self):
        yield from self.found


def row(shop: str, *values, moment: int = 0) -> OnlineRow:
    return OnlineRow(entity_key([shop]), moment, values)


def put(store, number: int, *, view: FeatureView = NARROW, kept=None, moment: int = 0):
    """Put in a state whose shop `a` has the number of the state."""
    return store.replace(number - 1, f"commit {number}", kept or {}, [Rows(view, [row("a", number, moment=moment)])])


def number_of(store, state, shop="a"):
    found = store.read(state.views["narrow"].part, NARROW, [entity_key([shop])], [0])
    return found[entity_key([shop])].values[0] if found else None


def test_before_anything_was_put_in_it_is_empty(store):
    assert (store.definitions(), store.registry(), store.standing()) == (None, None, None)


def test_the_registry_and_what_it_defines_are_those_of_the_last_time(store):
    for registry, project in ((b"\x00\xff first", "ã"), (b"", "zweites")):
        definitions = Definitions(
            project,
            {"wide": VIEW},
            {"model": ("wide:f_int64",)},
            {"computed": OnDemandView({"x": "DOUBLE"}, ("wide:f_int64",))},
        )
        store.set_registry(registry, definitions)
        assert (store.registry(), store.definitions()) == (registry, definitions)


EXTREMES = (
    (0, 0.0, "", b"", 1, "0.00", 0, "[]"),
    (2**63 - 1, math.inf, "\x00 in the middle \x00", b"\x00\xff", 0, "-9" * 19, 2**62, "[1, null]"),
    (
        -(2**63),
        -math.inf,
        "ação 🌊 \\ \\N ' \" \t\n\r",
        bytes(range(256)),
        1,
        "1E+38",
        -(2**62),
        "[9223372036854775807]",
    ),
    (1, 5e-324, "\\x41", b"\\x41", 1, "NaN", -1, "null"),
    (1, 1.7976931348623157e308, "NaN", b"NaN", 1, "", 1, ""),
    (None,) * len(KINDS),
)


def test_every_value_comes_back_exact(store):
    found = [row(f"shop {number}", *values, moment=number - 3) for number, values in enumerate(EXTREMES)]
    state = store.replace(0, "c", {}, [Rows(VIEW, found)])
    assert state.views["wide"].entities == len(found)
    keys = [each.key for each in found]
    read = store.read(state.views["wide"].part, VIEW, [*keys, entity_key(["nobody"])], ALL)
    assert read == {each.key: each for each in found}
    some = store.read(state.views["wide"].part, VIEW, keys[1:2], [2, 0])
    assert some[keys[1]].values == (found[1].values[2], found[1].values[0])


def test_nan_and_minus_zero_stay_what_they_are(store):
    view = replace(VIEW, features=(Feature("d", "DOUBLE", "d"),))
    state = store.replace(0, "c", {}, [Rows(view, [row("a", math.nan), row("b", -0.0)])])
    read = store.read(state.views["wide"].part, view, [entity_key(["a"]), entity_key(["b"])], [0])
    values = {key: each.values[0] for key, each in read.items()}
    assert math.isnan(values[entity_key(["a"])])
    assert math.copysign(1, values[entity_key(["b"])]) == -1


@pytest.mark.parametrize("shop", ["", "\x00", "ação 🌊", "' or true --", "%s", "x" * 2000])
def test_a_key_is_any_text(store, shop):
    state = store.replace(0, "c", {}, [Rows(NARROW, [row(shop, 7), row("other", 8)])])
    assert number_of(store, state, shop) == 7


def test_a_state_names_its_commit_and_has_what_was_kept(store):
    first = store.replace(0, "c1", {}, [Rows(NARROW, [row("a", 1, moment=10**6)]), Rows(VIEW)])
    assert (first.number, first.commit) == (1, "c1")
    assert first.views["narrow"].latest == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert (first.views["wide"].entities, first.views["wide"].latest) == (0, None)
    second = store.replace(1, "c2", {"narrow": first.views["narrow"]}, [])
    assert store.standing() == second
    assert second.views == {"narrow": first.views["narrow"]}
    assert number_of(store, second) == 1


def test_parts_stay_until_two_states_later(store):
    first = put(store, 1)
    put(store, 2)
    assert number_of(store, first) == 1
    third = put(store, 3)
    with pytest.raises(OnlineStateLost):
        number_of(store, first)
    with pytest.raises(OnlineStateLost):
        store.pushed(first.views["narrow"].part)
    assert number_of(store, third) == 3


def test_who_follows_another_state_than_the_present_one_is_refused(store):
    first = put(store, 1)
    for expected in (0, 2):
        with pytest.raises(OnlineStateLost):
            store.replace(expected, "c", {}, [])
    assert store.standing() == first


def test_of_many_who_follow_one_state_one_succeeds(store):
    put(store, 1)
    done, lost = [], []

    def follow():
        try:
            done.append(put(store, 2))
        except OnlineStateLost:
            lost.append(1)

    threads = [threading.Thread(target=follow) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert (len(done), len(lost)) == (1, 3)
    assert store.standing() == done[0]


def test_readers_see_one_state_or_another_and_never_wait_for_a_long_one(store):
    put(store, 1)
    inside, go = threading.Event(), threading.Event()

    class Slow(Rows):
        def rows(self):
            yield row("a", 2)
            inside.set()
            assert go.wait(30)
            yield row("b", 2)

    writer = threading.Thread(target=store.replace, args=(1, "c2", {}, [Slow(NARROW)]))
    writer.start()
    try:
        assert inside.wait(30)
        state = store.standing()
        assert (state.number, number_of(store, state), number_of(store, state, "b")) == (1, 1, None)
    finally:
        go.set()
        writer.join()
    state = store.standing()
    assert (state.number, number_of(store, state), number_of(store, state, "b")) == (2, 2, 2)


def test_a_failure_in_the_middle_leaves_what_was_there(store):
    state = put(store, 1)

    class Broken(Rows):
        def rows(self):
            yield row("a", 99)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.replace(1, "c2", {}, [Broken(NARROW)])
    assert store.standing() == state
    assert number_of(store, state) == 1
    assert number_of(store, put(store, 2)) == 2


class Killed(Rows):
    """A view whose rows end with the process."""

    def rows(self):
        yield from (row(f"shop {number}", number) for number in range(5000))
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_process_killed_in_the_middle_leaves_what_was_there(store):
    state = put(store, 1)
    process = multiprocessing.get_context("fork").Process(target=store.replace, args=(1, "c2", {}, [Killed(NARROW)]))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert store.standing() == state
    assert number_of(store, put(store, 2)) == 2


def test_pushed_rows_stay_while_they_are_the_newest(store):
    state = put(store, 1, moment=10)
    part = state.views["narrow"].part
    assert store.push(NARROW, [row("a", 50, moment=9), row("b", 51, moment=5)]) == 1
    assert (number_of(store, state), number_of(store, state, "b"), store.pushed(part)) == (1, 51, 1)
    assert store.push(NARROW, [row("a", 52, moment=10), row("b", 53, moment=20)]) == 2
    assert (number_of(store, state), number_of(store, state, "b"), store.pushed(part)) == (52, 53, 2)
    state = put(store, 2, moment=10)  # of the same moment, so newer than what was pushed
    assert (number_of(store, state), number_of(store, state, "b")) == (2, 53)
    assert (state.views["narrow"].entities, store.pushed(state.views["narrow"].part)) == (2, 1)
    other = replace(NARROW, features=(Feature("n", "INT64", "other"),))
    state = put(store, 3, view=other, moment=10)
    assert store.read(state.views["narrow"].part, other, [entity_key(["b"])], [0]) == {}


def test_nothing_is_pushed_to_a_view_that_is_not_there_or_is_another_by_now(store):
    with pytest.raises(OnlineStateLost):
        store.push(NARROW, [row("a", 1)])
    put(store, 1)
    with pytest.raises(OnlineStateLost):
        store.push(replace(NARROW, timestamp="other"), [row("a", 1)])


def test_a_forked_process_reads_on_its_own_connection(store):
    state = put(store, 1)
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    process = context.Process(target=lambda: answers.put(number_of(store, state)))
    process.start()
    assert answers.get(timeout=30) == 1
    process.join(30)
    assert number_of(store, state) == 1


def test_many_entities_are_read_at_once(store):
    found = [row(f"shop {number}", number) for number in range(3000)]
    state = store.replace(0, "c", {}, [Rows(NARROW, found)])
    keys = [each.key for each in found]
    assert store.read(state.views["narrow"].part, NARROW, keys, [0]) == {each.key: each for each in found}
    assert state.views["narrow"].entities == 3000
