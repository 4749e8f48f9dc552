"""Champions: exchanged while requests are answered, and kept where another cannot be loaded."""

from __future__ import annotations

import itertools
import json
import logging
import threading
import time
from http.client import HTTPConnection

import pytest
from served import ROW, TOKEN, Answer, ask, champion, publish_served, score, served
from trained import BOOSTED, QUANTILES

from lagoa.errors import TrainingError
from lagoa.serving.champions import Champions


def wait_until(done, seconds=10):
    """Wait until something is true."""
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until
        time.sleep(0.02)


class Clients:
    """Threads that ask without a pause, and keep the answers."""

    def __init__(self, port, count=3):
        self.answers = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(port,)) for _ in range(count)]

    def __enter__(self):
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for each in self._threads:
            each.join()

    def _ask(self, port):
        connection = HTTPConnection("127.0.0.1", port, timeout=30)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        body = json.dumps(ROW)
        while not self._stop.is_set():
            connection.request("POST", "/v1/models/late/score", body, headers)
            answer = connection.getresponse()
            self.answers.append(Answer(answer.status, {}, answer.read()))
        connection.close()


def test_another_champion_takes_over_without_a_failed_request(folder, lake):
    champions = Champions(lake.context)
    with served(champions) as port, Clients(port) as clients:
        wait_until(lambda: len(clients.answers) > 20)
        champion(lake)
        wait_until(lambda: score(port).document["version"] == 2)
        wait_until(lambda: len(clients.answers) > 20)
        lake.rollback_model("late", "too many alarms")
        wait_until(lambda: score(port).document["version"] == 1)
    assert {each.status for each in clients.answers} == {200}
    seen = [version for version, _ in itertools.groupby(each.document["version"] for each in clients.answers)]
    assert set(seen) == {1, 2}
    by_version = {(each.document["version"], each.document["model_commit"]) for each in clients.answers}
    assert len(by_version) == 2


def test_new_features_are_read_while_requests_are_answered(lake):
    champions = Champions(lake.context)
    with served(champions) as port, Clients(port) as clients:
        before = score(port).document["features_commit"]
        for values in (20, 30, 40):
            publish_served(lake, values=values)
            lake.materialize_features()
        commit = lake.feature_status().online
        wait_until(lambda: score(port).document["features_commit"] == commit)
    assert {each.status for each in clients.answers} == {200}
    assert {each.document["features_commit"] for each in clients.answers} >= {before}


def test_a_champion_that_cannot_be_loaded_leaves_the_old_one(lake, caplog):
    champions = Champions(lake.context, again_s=0.5)
    champion(lake)
    files = lake.context.tracking.files(lake.trained_run("late@champion"))
    kept = (files / "part-0.skops").read_bytes()
    (files / "part-0.skops").write_bytes(b"damaged")
    with served(champions) as port, caplog.at_level(logging.INFO, "lagoa.serving"):
        wait_until(lambda: ask(port, "/ready").document["models"]["late"]["state"] == "behind")
        ready = ask(port, "/ready")
        assert (ready.status, ready.document["ready"]) == (200, True)
        assert ready.document["models"]["late"] == {"state": "behind", "version": 1, "champion": 2, "missing": {}}
        assert score(port).document["version"] == 1
        figures = ask(port, "/metrics").body.decode()
        assert 'lagoa_model_version{model="late"} 1.0' in figures
        assert 'lagoa_champion_version{model="late"} 2.0' in figures
        assert 'lagoa_champion_loads_total{model="late",result="failed"}' in figures
        (files / "part-0.skops").write_bytes(kept)
        wait_until(lambda: score(port).document["version"] == 2)
        assert ask(port, "/ready").document["models"]["late"]["state"] == "served"
    assert len([each for each in caplog.records if "cannot be loaded" in each.getMessage()]) == 1


def test_a_champion_that_cannot_be_loaded_at_the_start_is_told(lake):
    (lake.context.tracking.files(lake.trained_run("late@champion")) / "model.json").unlink()
    with served(Champions(lake.context)) as port:
        ready = ask(port, "/ready")
        assert (ready.status, ready.document["ready"], ready.document["models"]["late"]["state"]) == (
            503,
            False,
            "failed",
        )
        answer = score(port)
        assert (answer.status, "cannot be loaded" in answer.document["detail"]) == (503, True)
        assert str(lake.settings.root) not in answer.body.decode()


def test_a_model_without_a_champion_gets_one(folder, lake):
    folder.file("ml/price.yaml", QUANTILES)
    folder.file("ml/price.py", BOOSTED.replace("num_boost_round=5", "num_boost_round=40"))
    champions = Champions(lake.context)
    with served(champions) as port:
        assert ask(port, "/ready").document["models"]["price"]["state"] == "no champion"
        assert ask(port, "/ready").status == 200
        answer = score(port, model="price")
        assert (answer.status, "lagoa ml promote price" in answer.document["detail"]) == (503, True)
        assert "/v1/models/price/score" not in ask(port, "/openapi.json").document["paths"]
        champion(lake, "price")
        wait_until(lambda: ask(port, "/ready").document["models"]["price"]["state"] == "served")
        row = {name: ROW[name] for name in ("id", "placed_at", "distance", "state")}
        assert {"q10", "q50", "q90"} <= score(port, row, model="price").document.keys()
        assert "/v1/models/price/score" in ask(port, "/openapi.json").document["paths"]


def test_only_the_models_that_are_named_are_served(folder, lake):
    folder.file("ml/price.yaml", QUANTILES)
    folder.file("ml/price.py", BOOSTED)
    with served(Champions(lake.context, ["late"])) as port:
        assert [each["model"] for each in ask(port, "/v1/models").document] == ["late"]
        answer = score(port, model="price")
        assert (answer.status, answer.document["detail"]) == (
            404,
            "There is no model of this name here. There are: late.",
        )
    with pytest.raises(TrainingError, match=r"none of this name\. Did you mean 'late'\?"):
        Champions(lake.context, ["lat"])


def test_records_that_cannot_be_read_leave_what_is_served(lake, caplog):
    champions = Champions(lake.context)
    file = lake.settings.state_folder / "training.db"
    kept = file.read_bytes()
    file.write_bytes(b"no database" * 1000)
    with caplog.at_level(logging.WARNING, "lagoa.serving"):
        champions.look()
        champions.look()
    assert len([each for each in caplog.records if "cannot be looked up" in each.getMessage()]) == 1
    with served(champions) as port:
        assert ask(port, "/ready").document["watching"] is False
        assert "lagoa_watch_up 0.0" in ask(port, "/metrics").body.decode()
        assert score(port).status == 200
        again = file.with_name("again")
        again.write_bytes(kept)
        again.replace(file)  # at once: who finds an empty file makes new records of it
        wait_until(lambda: ask(port, "/ready").document["watching"])


def test_records_that_are_gone_leave_what_is_served(lake):
    champions = Champions(lake.context)
    for each in lake.settings.state_folder.glob("training.db*"):
        each.unlink()
    champions.look()
    assert [each.state for each in champions.all()] == ["served"]
    assert "its promotions are gone" in champions.unreadable


def test_what_goes_wrong_while_looking_does_not_end_the_watch(lake, caplog):
    champions = Champions(lake.context)
    (lake.settings.ml_folder).rename(lake.settings.root / "elsewhere")
    (lake.settings.root / "ml").write_text("no folder", "utf-8")
    champions.look()
    assert [each.state for each in champions.all()] == ["served"]
