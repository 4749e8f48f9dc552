"""Champions that are served with features and records in PostgreSQL, promoted by another process of the lake."""

from __future__ import annotations

import time

import psycopg
import pytest
from served import ROW, ServedLake, ask, champion, online, publish_served, score, served

from lagoa.serving.champions import Champions
from tests.contract import test_online_features, test_training_runs


@pytest.fixture
def folder(tmp_path, postgres_url, credentials, receipts_passwords, monkeypatch):
    """Return the files of a lake with its features and records in an emptied database."""
    with psycopg.connect(
        postgres_url, user="postgres", password=credentials["postgres-admin"], autocommit=True
    ) as admin:
        test_online_features.emptied(admin)
    test_training_runs.emptied()
    monkeypatch.setenv("LAGOA_SECRET_RECEIPTS_PASSWORD", receipts_passwords["publisher"].get_secret_value())
    made = ServedLake(tmp_path)
    made.settings(role="publisher", postgres_url=postgres_url, online_features="postgres", training="postgres")
    return made


def test_rows_are_answered_and_promotions_and_features_followed(folder):
    with folder.open_folder() as lake, folder.open_folder() as other:
        publish_served(lake)
        online(lake)
        champion(lake)
        with served(Champions(lake.context), local=False) as port:
            answer = score(port, [ROW, {**ROW, "shop": "nobody"}]).document
            assert (answer["version"], answer["features_commit"]) == (1, other.feature_status().online)
            assert [len(each["fallbacks"]) for each in answer["scores"]] == [0, 2]
            probability = lake.scorer("late@champion").score([{**ROW}]).rows[0].predicted["probability"]
            assert answer["scores"][0]["probability"] == pytest.approx(probability)
            champion(other)
            for values in (20, 30, 40):
                commit = publish_served(other, values=values)
                other.materialize_features()
                assert score(port).status == 200
            until = time.monotonic() + 10
            while (found := score(port).document)["version"] != 2 or found["features_commit"] != commit:
                assert time.monotonic() < until
                time.sleep(0.05)
            assert ask(port, "/ready").document["models"]["late"]["state"] == "served"
