"""What every store of the records of trained models does."""

from __future__ import annotations

import math
import multiprocessing
import os
import threading
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from lagoa.adapters.sqlite.training import SqliteTrainingRuns
from lagoa.domain.training import LimitResult, Metric, Promotion, Segment, SetRecord, TrainingRun, Trial
from lagoa.errors import PromotionLost, TrainingUnavailable

NOW = datetime(2026, 11, 20, 18, 0, 0, 123456, tzinfo=UTC)


def opened(role="engineer"):
    """Open a role's store in the PostgreSQL of the stack."""
    from lagoa.adapters.env.secrets import EnvSecrets
    from lagoa.adapters.postgres.lazy import Login
    from lagoa.adapters.postgres.receipts import receipts_password
    from lagoa.adapters.postgres.training import PostgresTrainingRuns

    stack = Path(os.environ["LAGOA_TEST_STACK"]) / ".lagoa/stack"
    return PostgresTrainingRuns(
        Login(os.environ["LAGOA_POSTGRES_URL"], role, partial(receipts_password, EnvSecrets, stack, role))
    )


def emptied():
    """Leave no record in the database of the stack; no role of Lagoa can do that."""
    import psycopg

    from lagoa.domain.credentials import read_credentials

    stack = Path(os.environ["LAGOA_TEST_STACK"]) / ".lagoa/stack"
    admin = read_credentials(stack / "credentials.json")["postgres-admin"]
    with psycopg.connect(os.environ["LAGOA_POSTGRES_URL"], user="postgres", password=admin) as connection:
        connection.execute("truncate lagoa_training.runs, lagoa_training.promotions")


def postgres(folder):
    emptied()
    return opened()


# `tests/stack/run` brings the server up and sets the variables.
FACTORIES = (
    {"postgres": postgres}
    if "LAGOA_TEST_STACK" in os.environ
    else {"sqlite": lambda folder: SqliteTrainingRuns(folder / "training.db")}
)


@pytest.fixture(params=FACTORIES)
def store(request, tmp_path):
    made = FACTORIES[request.param](tmp_path)
    yield made
    made.close()


@pytest.fixture(params=FACTORIES)
def another(request, tmp_path, store):
    """Return a function that opens the same records again."""
    return opened if request.param == "postgres" else lambda: SqliteTrainingRuns(tmp_path / "training.db")


def trained(number: int = 1, model: str = "late", **fields) -> TrainingRun:
    rows = SetRecord(
        digest="d" * 64,
        rows=100,
        trained=80,
        tested=20,
        cut=NOW,
        until=NOW,
        tables={"gold.orders": "s3://lagoa/ação.metadata.json"},
        views="{}",
        features=("distance", "estado ü"),
        texts=("estado ü",),
    )
    run = TrainingRun(
        id=f"20261120T180000-{number:06x}",
        model=model,
        at=NOW,
        author="ana 'x'; drop table runs; --",
        ref="main",
        branch="",
        commit="c" * 64,
        tag=f"ml/{model}/{number}",
        files={"late.py": "def late():\n    return '\x00 \\u0000 🌊'\n", "late.sql": "select 1"},
        parameters={"strength": 0.1, "n": 3, "on": True, "names": ["a", None]},
        rows=rows,
        metrics={"auc": Metric(0.1 + 0.2, 5e-324, 1.0, 0.5), "brier": Metric(math.inf, -0.0, 1e308, -math.inf)},
        segments=(Segment("estado ü", "SP", 3, 0.5, 0.25),),
        limits=(LimitResult("auc", "at least 0.6", 0.7, kept=True),),
        importances={"distance": 0.1},
        drift={"distance": 0.0},
        predictions="e" * 64,
        packages={"python": "3.11"},
        hardware={"cpu": "x"},
        notes=("a note",),
        seconds=1.5,
        scores=(0.1, 0.2),
        trials=(Trial({"strength": 1}, 0.5),),
        version=number,
        tracking="f" * 32,
        place="mlflow-artifacts:/1/models/m",
    )
    return replace(run, **fields)


def promotion(number: int, model: str = "late", **fields) -> Promotion:
    made = Promotion(
        number, model, "20261120T180000-000001", 1, "promote", "ana", "ação 🌊", NOW, ("auc 0.7", "a\x00b")
    )
    return replace(made, **fields)


def test_before_anything_was_kept_it_is_empty(store):
    assert (list(store.runs()), list(store.runs("late")), list(store.promotions("late"))) == ([], [], [])


def test_what_was_kept_comes_back_exact_and_newest_first(store, another):
    runs = [trained(3), trained(1, "days"), trained(2)]
    for each in runs:
        store.add(each)
    for number in (1, 2):
        store.promote(promotion(number))
    store.promote(promotion(1, "days", kind="rollback", gate=()))
    for reader in (store, another()):
        assert list(reader.runs()) == runs[::-1]
        assert list(reader.runs("late")) == [runs[2], runs[0]]
        assert list(reader.runs("other")) == list(reader.promotions("other")) == []
        assert list(reader.promotions("late")) == [promotion(2), promotion(1)]
        assert list(reader.promotions("days")) == [promotion(1, "days", kind="rollback", gate=())]
        reader.close()


def test_a_run_is_kept_once_and_not_replaced(store):
    store.add(trained())
    store.add(trained())
    with pytest.raises(TrainingUnavailable, match="it has another run 20261120T180000-000001"):
        store.add(trained(notes=("another",)))
    assert list(store.runs()) == [trained()]


def test_a_promotion_whose_number_is_not_the_next_one_is_lost(store):
    for number in (0, 2, -1):
        with pytest.raises(PromotionLost):
            store.promote(promotion(number))
    store.promote(promotion(1))
    store.promote(promotion(1))  # the same: as after an answer that was lost
    for other in (promotion(1, why="another"), promotion(3), promotion(1, version=2)):
        with pytest.raises(PromotionLost, match="late has another champion"):
            store.promote(other)
    assert list(store.promotions("late")) == [promotion(1)]


def test_of_threads_that_promote_at_once_one_wins_each_time(store, another):
    stores, won = [another() for _ in range(6)], []
    for number in range(1, 6):
        start = threading.Barrier(len(stores))

        def promote(mine, who, number=number, start=start):
            start.wait()
            try:
                mine.promote(promotion(number, by=f"person {who}"))
                won.append((number, who))
            except PromotionLost:
                pass

        threads = [threading.Thread(target=promote, args=(each, who)) for who, each in enumerate(stores)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    for each in stores:
        each.close()
    assert [number for number, _ in won] == [1, 2, 3, 4, 5]
    assert [each.by for each in store.promotions("late")] == [f"person {who}" for _, who in reversed(won)]


def promote_all(folder, who, pipe):
    """Promote numbers 1 to 20 in a process of its own, and tell which were ours."""
    mine = opened() if "LAGOA_TEST_STACK" in os.environ else SqliteTrainingRuns(folder / "training.db")
    pipe.recv()
    won = []
    for number in range(1, 21):
        mine.add(trained(1000 * who + number))
        try:
            mine.promote(promotion(number, by=str(who)))
            won.append(number)
        except PromotionLost:
            pass
    mine.close()
    pipe.send(won)


def test_processes_that_train_and_promote_at_once_lose_nothing(store, tmp_path):
    context = multiprocessing.get_context("spawn")
    pipes, started = [], []
    for who in (1, 2):
        ours, theirs = context.Pipe()
        process = context.Process(target=promote_all, args=(tmp_path, who, theirs))
        process.start()
        pipes.append(ours)
        started.append(process)
    for pipe in pipes:
        pipe.send("go")
    won = [pipe.recv() for pipe in pipes]
    for process in started:
        process.join()
    assert sorted(won[0] + won[1]) == list(range(1, 21))
    assert [each.number for each in store.promotions("late")] == list(range(20, 0, -1))
    assert len(store.runs()) == len({each.id for each in store.runs()}) == 40
