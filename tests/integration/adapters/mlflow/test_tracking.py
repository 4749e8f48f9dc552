"""MLflow's own view of what was trained: runs, datasets, models and aliases, and what it must not do."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest
from pydantic import SecretStr
from trained import BOOSTED, DEFINITION, FUNCTION, QUANTILES, SELECT, TrainedLake, orders, publish

from lagoa.adapters.mlflow.server import MlflowServer
from lagoa.errors import ModelChanged, TrainingUnavailable

PICKLES = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
"""How pickles begin."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a lake with two models that were trained on main, one of them also on a branch, and promoted."""
    found = TrainedLake(tmp_path_factory.mktemp("mlflow"))
    found.file("ml/price.yaml", QUANTILES)
    found.file("ml/price.py", BOOSTED)
    with found.open() as lake:
        publish(lake, orders(100))
        lake.train()
        lake.promote_model("late", "the first")
        lake.create_branch("dev/ana")
        lake.train(["late"], "dev/ana")
    return found


@pytest.fixture
def client(folder):
    """Return MLflow's client of the lake's store; its functions mean that store, too."""
    import mlflow

    uri = f"sqlite:///{folder.root / '.lagoa' / 'mlflow' / 'mlflow.db'}"
    mlflow.set_tracking_uri(uri)  # the registry is there, too
    yield mlflow.MlflowClient(uri, uri)
    mlflow.set_tracking_uri(None)


@pytest.mark.slow
def test_mlflow_means_what_it_meant_before(folder, tmp_path, monkeypatch):
    import mlflow

    monkeypatch.delenv("MLFLOW_REGISTRY_URI", raising=False)
    with folder.open() as lake:
        lake.train(["late"], "dev/ana")
    assert "MLFLOW_REGISTRY_URI" not in os.environ
    for name in ("one", "other"):
        uri = f"sqlite:///{tmp_path / name}.db"
        mlflow.set_tracking_uri(uri)
        assert mlflow.get_registry_uri() == uri, "it follows"
    mlflow.set_tracking_uri(None)
    assert not mlflow.is_tracking_uri_set()
    with folder.open() as lake:
        lake.train(["late"], "dev/ana")
    assert not mlflow.is_tracking_uri_set()


def test_a_run_shows_what_it_learned_from(folder, client):
    with folder.open() as lake:
        ours = lake.trained_run("late@champion")
        receipts = [each.receipt for each in lake.publications() if each.commit == ours.commit]
    run = client.get_run(ours.tracking)
    assert run.info.status == "FINISHED"
    assert run.data.tags["lagoa.commit"] == ours.commit
    assert run.data.tags["lagoa.ref"] == "main"
    assert run.data.tags["lagoa.rows"] == ours.rows.digest
    assert run.data.params == {"strength": "1.0"}
    assert run.data.metrics["auc"] == ours.metrics["auc"].value
    assert run.data.metrics["auc.low"] < run.data.metrics["auc"] < run.data.metrics["auc.high"]
    assert run.data.metrics["auc.baseline"] == 0.5
    shown = {each.path for each in client.list_artifacts(ours.tracking, "plots")}
    assert shown == {f"plots/{name}.svg" for name in ("ranking", "calibration", "importances", "drift")}
    assert {each.path for each in client.list_artifacts(ours.tracking, "files")} >= {"files/late.py", "files/run.json"}
    (given,) = run.inputs.dataset_inputs
    assert (given.dataset.name, given.dataset.source_type) == ("late", "lagoa")
    assert given.dataset.digest == f"{ours.rows.digest[:23]}-{ours.commit[:12]}"
    assert json.loads(given.dataset.profile)["commit"] == ours.commit
    assert [json.loads(given.dataset.source)["receipt"]] == receipts == [ours.receipt]
    assert json.loads(given.dataset.schema)["mlflow_colspec"][1] == {
        "name": "state",
        "type": "string",
        "required": False,
    }


def test_a_run_of_a_branch_shows_as_that_branch_and_is_no_candidate(folder, client):
    with folder.open() as lake:
        ours = lake.trained_run("late@2")
    assert client.get_run(ours.tracking).data.tags["lagoa.ref"] == "dev/ana"
    assert client.get_model_version("late", "2").tags["lagoa.ref"] == "dev/ana"
    assert client.get_registered_model("late").aliases == {"candidate": 1, "champion": 1}


def test_mlflow_builds_the_rows_again(folder, client):
    import mlflow

    with folder.open() as lake:
        ours = lake.trained_run("late@champion")
        publish(lake, orders(20, seed=9))
    (given,) = client.get_run(ours.tracking).inputs.dataset_inputs
    frame = mlflow.data.get_source(given).load()
    assert len(frame) == ours.rows.rows
    dataset = mlflow.data.from_lagoa("late@champion", str(folder.root))
    assert (dataset.name, dataset.digest, dataset.source.document["commit"]) == (
        "late",
        f"{ours.rows.digest[:23]}-{ours.commit[:12]}",
        ours.commit,
    )
    assert dataset.profile["num_rows"] == ours.rows.rows
    assert dataset.source.to_dict() == json.loads(given.dataset.source)
    pd.testing.assert_frame_equal(dataset.source.load(), frame)


def test_a_model_is_loaded_by_its_alias_and_predicts_the_same(folder, client):
    import mlflow

    rows = pd.DataFrame({"distance": [0.0, 3.0, None], "state": ["BA", "SP", "XX"], "other": [1, 2, 3]})
    found = mlflow.pyfunc.load_model("models:/late@champion").predict(rows)
    assert list(found.columns) == ["probability"]
    assert found["probability"][0] < found["probability"][1]
    example = mlflow.models.Model.load("models:/late@champion").load_input_example()
    assert list(example.columns) == ["distance", "state"]
    assert (abs(example["distance"][0]) < 0.3, example["state"][0] in {"SP", "BA"}) == (True, True)
    assert 0 < mlflow.pyfunc.load_model("models:/late@champion").predict(example)["probability"][0] < 1
    quantiles = mlflow.pyfunc.load_model("models:/price/1").predict(rows.fillna({"distance": 0.0}))
    assert list(quantiles.columns) == ["quantile_0.1", "quantile_0.5", "quantile_0.9"]
    with folder.open() as lake:
        ours = lake.trained_run("late@champion")
        from lagoa.training.fitted import load_fitted

        kept = load_fitted(lake.context.tracking.files(ours), ["numpy.dtype"])
    assert kept.parts[0][1].predict_proba(rows.fillna({"distance": 0.0}).astype({"state": "category"})).shape == (3, 2)


def test_no_artifact_is_a_pickle_and_nobody_is_told(folder):
    files = [each for each in (folder.root / ".lagoa" / "mlflow" / "artifacts").rglob("*") if each.is_file()]
    assert len(files) > 20
    assert [each for each in files if each.read_bytes().startswith(PICKLES) or each.suffix in {".pkl", ".joblib"}] == []
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_a_run_can_be_repeated_without_anything_of_mlflow(folder):
    (folder.root / ".lagoa" / "mlflow").rename(folder.root / "away")
    try:
        with folder.open() as lake:
            assert lake.reproduce("late@champion").same_predictions
            with pytest.raises(TrainingUnavailable, match="are not there"):
                lake.context.tracking.files(replace(lake.trained_run("late"), place="/nowhere"))
    finally:
        (folder.root / "away").rename(folder.root / ".lagoa" / "mlflow")


def test_files_that_were_changed_are_not_loaded(folder):
    with folder.open() as lake:
        run = lake.trained_run("late@champion")
        tracking = lake.context.tracking
        files = tracking.files(run)
        about = files / "model.json"
        text = about.read_text("utf-8")
        for change in (lambda: about.write_text(f"{text} "), (files / "more.txt").touch):
            change()
            with pytest.raises(ModelChanged, match=r"The files of late 1 at .* their SHA-256 is another one"):
                tracking.files(run)
            with pytest.raises(ModelChanged):
                lake.compare_models("late@2")
            assert tracking.files(replace(run, saved="")) == files  # a record of before
            about.write_text(text, "utf-8")
            (files / "more.txt").unlink(missing_ok=True)
        assert tracking.files(run) == files


def test_a_server_that_does_not_answer_is_said_and_nothing_is_kept(tmp_path):
    place = TrainedLake(tmp_path)
    place.settings(tracking="server", mlflow_url="http://127.0.0.1:1", timeout_s=1, patience_s=0)
    with place.open() as lake:
        publish(lake, orders(100))
        with pytest.raises(TrainingUnavailable, match=r"MLflow at http://127\.0\.0\.1:1 cannot be used"):
            lake.train()
        assert lake.trained_models()[0].runs == ()
        assert [each.name for each in lake.refs() if each.kind == "tag"] == []
    assert "MLFLOW_TRACKING_AUTH" not in os.environ


def test_models_on_a_server_need_its_address(folder, tmp_path):
    with folder.open() as lake:
        run = replace(lake.trained_run("late@champion"), place="mlflow-artifacts:/1/models/m-1/artifacts")
        with pytest.raises(TrainingUnavailable, match=r"are on a server, and the lake has none.*tracking"):
            lake.context.tracking.files(run)


def test_only_the_server_itself_is_told_the_password():
    from lagoa.adapters.mlflow.server import sign_in
    from lagoa.mlflow.sign_in import LakeSignIn

    MlflowServer("http://one.example:5000/", "lagoa_engineer", lambda: SecretStr("secret")).remember()
    MlflowServer("http://open.example:5000", "lagoa_engineer", lambda: None).remember()
    assert LakeSignIn().get_auth() is sign_in

    def headers(url):
        return sign_in(SimpleNamespace(url=url, headers={})).headers

    assert headers("http://one.example:5000/api") == {"Authorization": "Basic bGFnb2FfZW5naW5lZXI6c2VjcmV0"}
    for other in ("http://one.example:5000.evil.example/api", "http://two.example:5000/api", "http://one.example/api"):
        assert headers(other) == {}
    assert headers("http://open.example:5000/api") == {}


def test_a_store_that_is_no_database_is_said_and_nothing_is_kept(tmp_path):
    broken = TrainedLake(tmp_path)
    broken.file(".lagoa/mlflow/mlflow.db", b"no database, but long enough to be looked at as one" * 100)
    with broken.open() as lake:
        publish(lake, orders(100))
        with pytest.raises(TrainingUnavailable, match="cannot be used"):
            lake.train()
        assert lake.trained_models()[0].runs == ()
        assert [each.name for each in lake.refs() if each.kind == "tag"] == []


def test_a_store_of_a_newer_mlflow_is_said(folder, tmp_path):
    place = TrainedLake(tmp_path)
    file = tmp_path / ".lagoa" / "mlflow" / "mlflow.db"
    file.parent.mkdir(parents=True)
    shutil.copy(folder.root / ".lagoa" / "mlflow" / "mlflow.db", file)
    with closing(sqlite3.connect(file)) as db:
        db.execute("update alembic_version set version_num = 'a_later_one'")
        db.commit()
    with place.open() as lake:
        publish(lake, orders(100))
        with pytest.raises(TrainingUnavailable, match=r"mlflow cannot be used: .*(a_later_one|schema)"):
            lake.train()


@pytest.mark.slow
def test_processes_that_open_an_empty_store_at_once_wait_for_each_other(tmp_path):
    program = """
import sys
from pathlib import Path
from lagoa.adapters.mlflow.store import LocalStore
LocalStore(Path(sys.argv[1]), Path("."))
"""
    command = [sys.executable, "-W", "ignore", "-c", program, str(tmp_path / "store")]
    started = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    said = [each.communicate()[1] for each in started]
    assert [each.returncode for each in started] == [0, 0, 0], said


@pytest.mark.slow
def test_a_store_whose_creation_was_interrupted_is_made_anew(tmp_path, monkeypatch):
    from lagoa.adapters.mlflow import store

    def interrupted(*_: object) -> None:
        raise OSError(28, "No space left on device")

    folder = tmp_path / "mlflow"
    (folder / "creating-1").mkdir(parents=True)
    (folder / "creating-1" / "mlflow.db").write_bytes(b"half")
    with monkeypatch.context() as patched:
        patched.setattr(store.MlflowClient, "get_experiment_by_name", interrupted)
        with pytest.raises(TrainingUnavailable, match="No space left"):
            store.LocalStore(folder, tmp_path)
    assert [each.name for each in folder.iterdir()] == ["creating.lock"]
    store.LocalStore(folder, tmp_path)
    assert sorted(each.name for each in folder.iterdir()) == ["creating.lock", "mlflow.db"]


def test_columns_may_have_names_that_metrics_cannot(folder, client):
    folder.file("ml/odd.yaml", DEFINITION.replace("late.sql", "odd.sql").replace("distance", '"usage %, [h]"'))
    folder.file("ml/odd.sql", SELECT.replace("distance", 'distance as "usage %, [h]"'))
    folder.file("ml/odd.py", FUNCTION.replace("def late", "def odd"))
    with folder.open() as lake:
        (run,) = lake.train(["odd"], "dev/ana")
    assert "usage %, [h]" in run.importances
    assert "importance.usage __ _h_" in client.get_run(run.tracking).data.metrics
