"""MLflow's server: who may do what in it, and models that several machines train, promote, score with and repeat."""

from __future__ import annotations

import io
import json
import threading
import uuid
from contextlib import closing, contextmanager
from urllib.parse import urlparse

import httpx
import psutil
import psycopg
import pytest
from minio import Minio, MinioAdmin
from minio.credentials.providers import StaticProvider
from minio.error import S3Error
from trained import BOOSTED, DEFINITION, FUNCTION, QUANTILES, SCORES, TrainedLake, orders, publish
from typer.testing import CliRunner

from lagoa.adapters.mlflow.server import MlflowServer
from lagoa.adapters.mlflow.tracking import MlflowTracking
from lagoa.cli.main import app
from lagoa.errors import (
    ModelChanged,
    NotAllowed,
    PromotionLost,
    PromotionRefused,
    SignInFailed,
    StackError,
    TrainingError,
    TrainingSetGone,
    TrainingUnavailable,
)
from lagoa.stack.credentials import Credentials
from lagoa.stack.run import Stack
from lagoa.stack.servers.minio.objects import ARTIFACTS, MLFLOW_USER, WAREHOUSE
from lagoa.training import elsewhere
from tests.contract.test_training_runs import emptied
from tests.stack.breaking import paused, within
from tests.stack.test_sign_in import Servers

pytestmark = pytest.mark.timeout(300)

AT_REST = 600 * 1024**2
QUICK = {"timeout_s": 2.0, "patience_s": 1.0}


@pytest.fixture(scope="module")
def url(stack):
    return stack.environment()["LAGOA_MLFLOW_URL"]


@pytest.fixture
def as_role(url, credentials):
    """Return a client of the server that signs in as a role, or as its administrator."""
    opened = []

    def client(role):
        user, password = ("admin", "mlflow-admin") if role == "admin" else (f"lagoa_{role}", f"mlflow-{role}")
        opened.append(httpx.Client(base_url=f"{url}/api/", auth=(user, credentials[password]), timeout=30))
        return opened[-1]

    yield client
    for each in opened:
        each.close()


@pytest.fixture
def objects(stack, credentials):
    """Return a client of MinIO that signs in as one of its users."""

    def client(user, password, kind=Minio):
        provider = StaticProvider(user, credentials[password])
        return kind(endpoint=stack.manifest["minio"].address, credentials=provider, secure=False, region="us-east-1")

    return client


@pytest.fixture
def root(objects, credentials):
    return objects(credentials["minio-root-user"], "minio-root-password")


@pytest.fixture
def machine(tmp_path, empty_nessie, stack, credentials, monkeypatch):
    """Return what makes the same lake in a folder with a state of its own."""
    emptied()
    monkeypatch.setenv("LAGOA_SECRET_RECEIPTS_PASSWORD", credentials["postgres-lagoa-engineer"])
    monkeypatch.setenv("LAGOA_SECRET_MLFLOW_PASSWORD", credentials["mlflow-engineer"])
    shared = {
        "catalog": "nessie",
        "nessie_url": empty_nessie,
        "warehouse": f"s3://lagoa/warehouse/{uuid.uuid4().hex}",
        "receipts": "postgres",
        "training": "postgres",
        "postgres_url": stack.environment()["LAGOA_POSTGRES_URL"],
        "tracking": "server",
        "mlflow_url": stack.environment()["LAGOA_MLFLOW_URL"],
    }

    def make(name, **settings):
        folder = TrainedLake(tmp_path / name)
        folder.settings(**shared, **settings)
        folder.contract("gold.risk", SCORES)
        return folder

    return make


@pytest.fixture
def one(machine):
    """Return the lake on the first machine, with a published state and a model that was trained on it."""
    with machine("one").open() as lake:
        publish(lake, orders(100))
        lake.train()
        yield lake


@pytest.fixture
def two(machine, one):
    with machine("two").open() as lake:
        yield lake


@contextmanager
def client_of(url, monkeypatch, folder):
    """Use MLflow's own client as people do in the folder of a lake."""
    import mlflow

    before = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
    monkeypatch.setenv("MLFLOW_TRACKING_AUTH", "lagoa")
    monkeypatch.setenv("LAGOA_LAKE", str(folder))
    mlflow.set_tracking_uri(url)
    mlflow.set_registry_uri(url)
    try:
        yield mlflow.MlflowClient(url, url)
    finally:
        mlflow.set_tracking_uri(before[0])
        mlflow.set_registry_uri(before[1])


class TestServer:
    def test_it_is_well_and_small(self, stack, url):
        (state,) = (each for each in stack.status() if each.name == "mlflow")
        assert (state.state, state.healthy, state.url) == ("RUNNING", True, url)
        assert state.memory < AT_REST

    def test_nobody_is_let_in_without_a_password_or_by_another_name(self, url, as_role):
        place = f"{url}/api/2.0/mlflow/experiments/search?max_results=1"
        assert httpx.get(place).status_code == 401
        assert httpx.get(place, auth=("lagoa_engineer", "not-the-password")).status_code == 401
        assert httpx.get(url, auth=("lagoa_engineer", "not-the-password")).status_code == 401
        engineer = as_role("engineer")
        assert engineer.get("2.0/mlflow/experiments/search?max_results=1").status_code == 200
        foreign = engineer.get("2.0/mlflow/experiments/search?max_results=1", headers={"Host": "example.org"})
        assert (foreign.status_code, "Invalid Host" in foreign.text) == (403, True)
        other = {"Origin": "http://example.org"}
        written = engineer.post("2.0/mlflow/runs/create", json={"experiment_id": "1"}, headers=other)
        assert written.status_code == 403

    @pytest.mark.parametrize("role", ["reader", "ingest"])
    def test_who_only_reads_writes_nothing(self, as_role, one, role):
        (run,) = one.context.training.runs()
        client = as_role(role)
        assert client.get("2.0/mlflow/runs/get", params={"run_id": run.tracking}).status_code == 200
        experiment = client.get("2.0/mlflow/experiments/get-by-name?experiment_name=lagoa").json()["experiment"]
        attempts = {
            "2.0/mlflow/runs/create": {"experiment_id": experiment["experiment_id"]},
            "2.0/mlflow/runs/set-tag": {"run_id": run.tracking, "key": "a", "value": "b"},
            "2.0/mlflow/model-versions/create": {"name": "late", "source": f"runs:/{run.tracking}/model"},
            "2.0/mlflow/registered-models/alias": {"name": "late", "alias": "champion", "version": str(run.version)},
            "2.0/mlflow/runs/delete": {"run_id": run.tracking},
            "2.0/mlflow/users/create": {"username": "another", "password": "long-enough-for-it"},
            "3.0/mlflow/users/permissions/grant": {
                "username": f"lagoa_{role}",
                "resource_type": "experiment",
                "resource_id": "*",
                "permission": "MANAGE",
            },
        }
        assert {at: client.post(at, json=given).status_code for at, given in attempts.items()} == dict.fromkeys(
            attempts, 403
        )
        place = f"2.0/mlflow-artifacts/artifacts{urlparse(run.place).path}/data/model/model.json"
        assert client.get(place).status_code == 200
        assert client.put(place, content=b"{}").status_code == 403

    def test_who_trains_deletes_no_run_and_makes_no_user(self, as_role, one):
        (run,) = one.context.training.runs()
        client = as_role("engineer")
        assert client.post("2.0/mlflow/runs/delete", json={"run_id": run.tracking}).status_code == 403
        user = {"username": "another", "password": "long-enough-for-it"}
        assert client.post("2.0/mlflow/users/create", json=user).status_code == 403
        admin = {"username": "lagoa_engineer", "is_admin": True}
        assert client.patch("2.0/mlflow/users/update-admin", json=admin).status_code == 403

    @pytest.mark.parametrize("role", ["reader", "engineer", "admin"])
    def test_nobody_says_where_files_are_or_has_it_do_something_else(self, url, as_role, one, tmp_path, role):
        (run,) = one.context.training.runs()
        client = as_role(role)
        place = {"name": uuid.uuid4().hex, "artifact_location": tmp_path.as_uri()}
        camel = {"name": uuid.uuid4().hex, "artifactLocation": str(tmp_path)}
        for given in (place, camel, json.dumps(place), {**place, "artifact_location": f"s3://{ARTIFACTS}/1"}):
            for at in ("api", "ajax-api"):
                answer = client.post(f"{url}/{at}/2.0/mlflow/experiments/create", json=given)
                assert (answer.status_code, "Permission denied" in answer.text) == (403, True)
        for source in (tmp_path.as_uri(), str(tmp_path)):
            given = {"name": "late", "source": source, "run_id": run.tracking}
            assert client.post("2.0/mlflow/model-versions/create", json=given).status_code in {400, 403}
        for at in (
            "api/2.0/mlflow/webhooks",
            "api/3.0/mlflow/gateway/endpoints/create",
            "ajax-api/2.0/mlflow/gateway-proxy",
            f"ajax-api/2.0/mlflow/upload-artifact?run_uuid={run.tracking}&path=x",
            "ajax-api/3.0/mlflow/jobs/search",
            "v1/traces",
            "api/2.0/mlflow/runs-of-another-kind",
        ):
            answer = client.post(f"{url}/{at}", json={})
            assert (answer.status_code, "runs and models alone" in answer.text) == (403, True), at

    def test_who_trains_makes_experiments_and_models_of_other_names_and_who_reads_does_not(self, as_role):
        for role, allowed in {"engineer": 200, "reader": 403, "ingest": 403}.items():
            for kind in ("experiments", "registered-models"):
                answer = as_role(role).post(f"2.0/mlflow/{kind}/create", json={"name": uuid.uuid4().hex})
                assert answer.status_code == allowed, (role, kind)
        assert as_role("reader").post("2.0/mlflow/experiments/search", json={"max_results": 1}).status_code == 200

    def test_its_key_opens_its_own_bucket_alone_and_deletes_nothing(self, objects, one):
        (run,) = one.context.training.runs()
        client = objects(MLFLOW_USER, f"minio-{MLFLOW_USER}")
        key = f"{urlparse(run.place).path.strip('/')}/data/model/model.json"
        assert client.stat_object(bucket_name=ARTIFACTS, object_name=key).size > 0
        for attempt in (
            lambda: client.remove_object(bucket_name=ARTIFACTS, object_name=key),
            lambda: list(client.list_objects(bucket_name=WAREHOUSE)),
            lambda: client.put_object(bucket_name=WAREHOUSE, object_name="x", data=io.BytesIO(b"x"), length=1),
            lambda: client.make_bucket(bucket_name="mlflow-own"),
        ):
            with pytest.raises(S3Error, match=r"Access ?Denied"):
                attempt()

    def test_its_database_is_its_own(self, postgres_url, credentials):
        for database in ("lagoa", "nessie", "postgres"):
            place = f"{postgres_url.rpartition('/')[0]}/{database}"
            with pytest.raises(psycopg.OperationalError, match="permission denied"):
                psycopg.connect(place, user="mlflow", password=credentials["postgres-mlflow"])

    def test_no_secret_is_on_a_command_line_or_in_a_log(self, stack, credentials, one):
        one.train()
        secrets = [value for name, value in credentials.items() if "mlflow" in name]
        assert len(secrets) >= 8
        (state,) = (each for each in stack.status() if each.name == "mlflow")
        said = " ".join(psutil.Process(state.pid).cmdline()) + stack.log("mlflow", 100_000)
        assert [secret for secret in secrets if secret in said] == []

    def test_making_ready_brings_back_a_password_and_takes_back_a_right(self, stack, as_role):
        admin = as_role("admin")
        given = {"username": "lagoa_reader", "password": "another-password"}
        admin.patch("2.0/mlflow/users/update-password", json=given).raise_for_status()
        admin.patch("2.0/mlflow/users/update-admin", json={"username": "lagoa_reader", "is_admin": True})
        grant = {"username": "lagoa_reader", "resource_type": "experiment", "resource_id": "*"}
        admin.post("3.0/mlflow/users/permissions/revoke", json=grant)
        admin.post("3.0/mlflow/users/permissions/grant", json={**grant, "permission": "EDIT"}).raise_for_status()
        stack.up(["mlflow"])
        has = admin.get("3.0/mlflow/users/permissions/get", params=grant).json()
        assert has["permission"] == "READ"
        me = as_role("reader").get("2.0/mlflow/users/current").raise_for_status().json()
        assert (me["user"]["username"], me["user"]["is_admin"]) == ("lagoa_reader", False)

    def test_tables_of_a_later_mlflow_are_not_used(self, stack, postgres_url, credentials):
        place = f"{postgres_url.rpartition('/')[0]}/mlflow"
        with psycopg.connect(place, user="postgres", password=credentials["postgres-admin"], autocommit=True) as db:
            (version,) = db.execute("select version_num from alembic_version").fetchone()
            db.execute("update alembic_version set version_num = 'a_later_one'")
            try:
                stack._supervisor.end("mlflow")
                with pytest.raises(StackError, match="a_later_one"):
                    stack.up(["mlflow"])
            finally:
                db.execute("update alembic_version set version_num = %s", (version,))
                stack.up(["mlflow"])


class TestMachines:
    def test_what_one_trains_another_promotes_scores_with_and_repeats(self, one, two):
        (run,) = two.context.training.runs("late")
        assert run == one.trained_run("late")
        assert (run.ref, run.branch, run.commit) == ("main", "", one.resolve("main").id)
        assert two.promote_model("late", "the first").version == run.version
        assert one.trained_run("late@champion") == run
        with two.run("score") as branch:
            scores = branch.score("gold.risk", "late@champion")
            branch.publish()
        assert (scores.rows, scores.run) == (80, run)
        query = "select count(*), any_value(model_version), any_value(data_commit) from gold.risk"
        assert one.sql(query).fetchall() == [(80, run.version, scores.commit)]
        found = two.reproduce("late@champion")
        assert found.same_rows
        assert found.same_predictions
        folder = one.context.tracking.files(run), two.context.tracking.files(run)
        assert folder[0] != folder[1]
        assert folder[0].joinpath("model.json").read_bytes() == folder[1].joinpath("model.json").read_bytes()

    def test_people_find_it_by_mlflows_own_client(self, one, two, url, monkeypatch, tmp_path):
        import mlflow

        two.promote_model("late", "the first")
        run = two.trained_run("late@champion")
        one.close()
        (tmp_path / "one").rename(tmp_path / "gone")  # as on a machine that never had it
        with client_of(url, monkeypatch, tmp_path / "two") as client:
            shown = client.get_run(run.tracking)
            assert shown.data.tags["lagoa.commit"] == run.commit
            assert int(client.get_model_version_by_alias("late", "champion").version) == run.version
            frame = mlflow.data.get_source(shown.inputs.dataset_inputs[0]).load()
            assert len(frame) == run.rows.rows
            model = mlflow.pyfunc.load_model("models:/late@champion")
            assert model.predict(frame)["probability"].between(0, 1).all()

    def test_the_command_line_shows_it_on_the_other_machine(self, one, two, monkeypatch):
        monkeypatch.setenv("LAGOA_LAKE", str(two.settings.root))
        done = CliRunner().invoke(app, ["ml", "promote", "late", "--why", "the first"])
        assert done.exit_code == 0, done.output
        done = CliRunner().invoke(app, ["ml", "show", "late@champion", "--json"])
        assert json.loads(done.stdout)["id"] == one.trained_run("late@champion").id
        done = CliRunner().invoke(app, ["ml", "reproduce", "late@champion"])
        assert done.exit_code == 0, done.output

    def test_of_two_that_promote_at_once_one_wins(self, one, two):
        one.promote_model("late", "the first")
        publish(one, orders(130))
        versions = [one.train()[0].version, two.train()[0].version]
        start, ends = threading.Barrier(2), []

        def promote(lake, version):
            start.wait()
            try:
                ends.append(lake.promote_model(f"late@{version}", "at once").version)
            except PromotionLost as lost:
                ends.append(lost)

        threads = [threading.Thread(target=promote, args=pair) for pair in zip((one, two), versions, strict=True)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        promotions = one.context.training.promotions("late")
        won = [each for each in ends if isinstance(each, int)]
        assert [each.number for each in promotions] == list(range(len(won) + 1, 0, -1))
        assert promotions[0].version in versions
        assert two.trained_run("late@champion").version == promotions[0].version

    def test_a_run_is_repeated_after_main_moved_on_and_was_rolled_back(self, one, two):
        first = one.resolve("main").id
        publish(one, orders(120))
        second = two.train()[0]
        two.rollback(f"main@{first}")
        publish(two, orders(90, seed=7))
        for run in one.context.training.runs():
            found = one.reproduce(run.id)
            assert found.same_rows
            assert found.same_predictions
        assert {each.name for each in one.refs() if each.kind == "tag"} == {
            each.tag for each in one.context.training.runs()
        }
        with pytest.raises(PromotionRefused, match="was rolled back"):
            one.promote_model(second.id, "after all")

    def test_lineage_goes_down_to_batches_and_up_to_models_also_after_a_rollback(self, one, two):
        first = one.resolve("main").id
        with one.run("load") as branch:
            branch.append("gold.orders", orders(110).slice(800), batch="tuesday")
            branch.publish()
        (run,) = two.train()
        (table,) = one.model_lineage("late").tables
        assert (str(table.table), table.pointer) == ("gold.orders", run.rows.tables["gold.orders"])
        assert [(each.id, each.withdrawn) for each in table.batches] == [("tuesday", False)]
        assert [each.run for each in two.learned_from("tuesday")] == [run]
        one.rollback(f"main@{first}")
        assert two.model_lineage(run.id).withdrawn == ("gold.orders: tuesday",)
        assert [each.withdrawn for each in one.learned_from("tuesday")] == [("gold.orders: tuesday",)]

    def test_a_commit_that_is_gone_says_what_is_left(self, one, two):
        branch = one.create_branch("dev/ana")
        branch.replace("gold.orders", orders(90, seed=3))
        (run,) = one.train(ref="dev/ana")
        two.delete_ref("dev/ana")
        assert two.reproduce(run.id).same_rows
        two.delete_ref(run.tag)
        with pytest.raises(TrainingSetGone, match="main has 0 of its 1 tables"):
            one.reproduce(run.id)
        published = one.context.training.runs()[-1]
        two.delete_ref(published.tag)
        assert one.reproduce(published.id).same_predictions  # main has it

    def test_a_training_on_a_branch_shows_as_that_branch_and_is_not_promoted(self, one, two, as_role):
        one.create_branch("dev/ana")
        (run,) = two.train(["late"], "dev/ana")
        assert (run.branch, run.ref) == ("dev/ana", "dev/ana")
        shown = as_role("reader").get("2.0/mlflow/runs/get", params={"run_id": run.tracking}).json()
        tags = {each["key"]: each["value"] for each in shown["run"]["data"]["tags"]}
        assert tags["lagoa.ref"] == "dev/ana"
        with pytest.raises(PromotionRefused, match="dev/ana"):
            one.promote_model(run.id, "it is good")
        model = as_role("reader").get("2.0/mlflow/registered-models/get", params={"name": "late"}).json()
        named = {each["alias"]: int(each["version"]) for each in model["registered_model"]["aliases"]}
        assert run.version not in named.values()


class TestTrouble:
    def test_files_that_somebody_swapped_are_not_loaded(self, one, two, root):
        one.promote_model("late", "the first")
        run = two.trained_run("late@champion")
        kept = one.context.tracking.files(run)
        key = f"{urlparse(run.place).path.strip('/')}/data/model/model.json"
        with closing(root.get_object(bucket_name=ARTIFACTS, object_name=key)) as answer:
            other = answer.read().replace(b"distance", b"distancf")
        root.put_object(bucket_name=ARTIFACTS, object_name=key, data=io.BytesIO(other), length=len(other))
        with pytest.raises(ModelChanged, match="are not those that were saved"):
            two.context.tracking.files(run)
        branch = two.create_branch("score")
        with pytest.raises(ModelChanged):
            branch.score("gold.risk", "late@champion")
        assert one.context.tracking.files(run) == kept  # fetched before
        (kept / "model.json").write_bytes(other)
        with pytest.raises(ModelChanged):
            one.context.tracking.files(run)
        assert one.reproduce("late@champion").same_predictions

    def test_a_server_that_is_down_ends_a_training_and_nothing_is_kept(self, machine, stack):
        with machine("quick", **QUICK).open() as lake:
            publish(lake, orders(100))
            stack._supervisor.end("mlflow")
            try:
                with within(60), pytest.raises(TrainingUnavailable, match="MLflow at http"):
                    lake.train()
            finally:
                stack.up(["mlflow"])
            assert lake.context.training.runs() == []
            assert [each.name for each in lake.refs() if each.kind == "tag"] == []
            (run,) = lake.train()
            stack._supervisor.end("mlflow")
            try:
                assert lake.reproduce(run.id).same_predictions
                with pytest.raises(TrainingUnavailable, match="MLflow does not show it yet"):
                    lake.promote_model(run.id, "the first")
                assert lake.trained_run("late@champion") == run
            finally:
                stack.up(["mlflow"])

    def test_a_server_that_hangs_is_given_up(self, machine, stack):
        with machine("quick", **QUICK).open() as lake:
            publish(lake, orders(100))
            with paused(stack, "mlflow"), within(90), pytest.raises(TrainingUnavailable, match="MLflow at http"):
                lake.train()
            assert [each.name for each in lake.refs() if each.kind == "tag"] == []

    def test_a_store_that_is_full_ends_a_training_and_nothing_is_kept(self, machine, objects, credentials):
        admin = objects(credentials["minio-root-user"], "minio-root-password", MinioAdmin)
        with machine("quick", **QUICK).open() as lake:
            publish(lake, orders(100))
            admin.bucket_quota_set(ARTIFACTS, 1)
            try:
                with pytest.raises(TrainingUnavailable, match="MLflow at http"):
                    lake.train()
            finally:
                admin.bucket_quota_clear(ARTIFACTS)
            assert lake.context.training.runs() == []
            assert [each.name for each in lake.refs() if each.kind == "tag"] == []
            lake.train()

    def test_a_password_that_is_wrong_and_a_role_that_may_not_are_told(self, url, tmp_path, credentials, one):
        from pydantic import SecretStr

        (run,) = one.context.training.runs()
        wrong = MlflowServer(url, "lagoa_engineer", lambda: SecretStr("not-the-password"))
        with pytest.raises(SignInFailed) as caught:
            MlflowTracking(tmp_path / "a", tmp_path, wrong).set_alias("late", "champion", run.version)
        assert "not-the-password" not in f"{caught.value} {caught.value.__cause__}"
        reader = MlflowServer(url, "lagoa_reader", lambda: SecretStr(credentials["mlflow-reader"]))
        tracking = MlflowTracking(tmp_path / "b", tmp_path, reader)
        assert tracking.files(run).joinpath("model.json").exists()
        with pytest.raises(NotAllowed):
            tracking.set_alias("late", "champion", run.version)

    def test_a_server_that_is_asked_by_another_name_refuses(self, tmp_path, stack):
        port = stack.manifest["mlflow"].port
        other = MlflowServer(f"http://127.1:{port}", "lagoa_engineer", lambda: None, **QUICK)
        with pytest.raises(TrainingUnavailable, match="Invalid Host header"):
            MlflowTracking(tmp_path, tmp_path, other).prepare()


class TestSignIn:
    @pytest.fixture
    def lake_of(self, tmp_path, signed, monkeypatch):
        """Return what opens the lake as a role, on the stack whose servers want to know who asks."""
        servers = Servers(signed)
        servers.empty()
        for name, value in servers.environment.items():  # the other stack's stand there
            monkeypatch.setenv(name, value)
        admin = servers.credentials["postgres-admin"]
        with psycopg.connect(servers.environment["LAGOA_POSTGRES_URL"], user="postgres", password=admin) as database:
            database.execute("truncate lagoa_training.runs, lagoa_training.promotions")
        folder = TrainedLake(tmp_path / "lake")
        folder.contract("gold.risk", SCORES)
        folder.settings(
            state=".stack",
            catalog="nessie",
            warehouse=f"s3://lagoa/warehouse/{uuid.uuid4().hex}",
            sign_in="oidc",
            receipts="postgres",
            training="postgres",
            tracking="server",
        )
        (folder.root / ".stack").mkdir()
        (folder.root / ".stack" / "stack").symlink_to(servers.folder)

        def opened(role, **settings):
            monkeypatch.setenv("LAGOA_ROLE", role)
            folder.settings(**settings)
            return folder.open()

        return opened

    def test_engineers_train_and_promote_flows_score_and_readers_look(self, lake_of):
        with lake_of("ingest") as lake:
            publish(lake, orders(100))
            with pytest.raises(NotAllowed):
                lake.train()
        with lake_of("engineer", secrets="vault") as lake:
            (run,) = lake.train()
            assert lake.promote_model("late", "the first").version == run.version
        with lake_of("reader", secrets="env") as lake:
            assert lake.trained_run("late@champion") == run
            assert lake.reproduce("late@champion").same_predictions
            for attempt in (lake.train, lambda: lake.rollback_model("late", "no reason")):
                with pytest.raises((NotAllowed, TrainingError)):
                    attempt()
        with lake_of("ingest") as lake, lake.run("score") as branch:
            assert branch.score("gold.risk", "late@champion").rows == 80
            branch.publish()
        with lake_of("reader") as lake:
            assert lake.sql("select count(*) from gold.risk").fetchall() == [(80,)]

    # PySpark has a connection for each thread, and leaves it to the garbage collector to close it.
    @pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
    def test_spark_scores_as_duckdb_does_bit_for_bit(self, lake_of, tmp_path, monkeypatch):
        folder = TrainedLake(tmp_path / "lake")
        select = """
            select id, placed_at, known_at, late, price, state, distance, o.n + 1 as neighbours, placed_at::date as day
            from gold.orders join (select state, count(*) as n from gold.orders group by state) as o using (state)
        """
        columns = "columns: [distance, state, neighbours]"
        folder.model_files(DEFINITION.replace("columns: [distance, state]", columns), FUNCTION, select)
        folder.file("ml/price.yaml", QUANTILES.replace("columns: [distance, state]", columns))
        folder.file("ml/price.py", BOOSTED)
        quantiles = "q10:double! q50:double! q90:double!"
        folder.contract("gold.prices", SCORES.replace("probability:double!", quantiles))
        monkeypatch.setattr(elsewhere, "PART", 30)
        found = {}
        for engine in ("duckdb", "spark"):
            monkeypatch.setenv("LAGOA_ENGINE", engine)
            with lake_of("engineer") as lake:
                if engine == "duckdb":
                    publish(lake, orders(100))
                    lake.train()
                else:
                    worked = watched(lake.context.model_engine, monkeypatch)
                branch = lake.create_branch(f"dev/engineer/{engine}")
                for model, table in {"late": "gold.risk", "price": "gold.prices"}.items():
                    assert branch.score(table, f"{model}@candidate").rows == 80
                    query = f"select * exclude (data_commit) from {table} order by id"
                    found[engine, table] = lake.sql(query, branch.name).arrow()
        assert worked == {"build": 2, "run": 6}
        for table in ("gold.risk", "gold.prices"):
            assert found["spark", table].equals(found["duckdb", table])


def watched(engine, monkeypatch):
    """Count what an engine is told to do."""
    told = {"build": 0, "run": 0}

    def counting(owner, name):
        before = getattr(owner, name)

        def called(*given):
            told[name] += 1
            return before(*given)

        monkeypatch.setattr(owner, name, called)

    counting(engine, "build")
    counting(engine.workers, "run")
    return told


def test_a_stack_keeps_what_was_trained(one, stack, credentials):
    (run,) = one.context.training.runs()
    stack._supervisor.end("mlflow")
    again = Stack(stack._root, stack._state)
    again.up(["mlflow"])
    assert (
        Credentials(stack._state / "credentials.json")["mlflow-engineer"].get_secret_value()
        == credentials["mlflow-engineer"]
    )
    assert one.context.tracking.files(run).joinpath("model.json").exists()
    assert one.train()[0].version > run.version
