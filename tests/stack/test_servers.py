"""The whole stack, in which nobody does anything without having signed in: what each server is, and lets whom do."""

from __future__ import annotations

import base64
import io
import json
import os
import pwd
import signal
import tempfile
import uuid
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest
from minio import Minio
from minio.credentials import WebIdentityProvider
from minio.error import S3Error

from lagoa.domain.roles import MAINTAINER
from lagoa.errors import StackError
from lagoa.stack.credentials import Credentials
from lagoa.stack.run import Stack
from lagoa.stack.servers.keycloak.realm import PLACE
from lagoa.stack.servers.trino.catalogs import SANDBOX, SQL
from tests.stack.test_stack import ROOT, lagoa, wait_until

ROLES = ("reader", "ingest", "engineer", "publisher")
AT_REST = 4 * 1024**3

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def credentials(signed):
    return Credentials(signed._state / "credentials.json")


@pytest.fixture(scope="module")
def token(signed, credentials):
    """Return what gives a role's token."""
    url = f"{signed.environment()['LAGOA_OIDC_URL']}/protocol/openid-connect/token"

    def give(role):
        client = (f"lagoa-{role}", credentials[f"oidc-client-{role}"].get_secret_value())
        answer = httpx.post(url, data={"grant_type": "client_credentials"}, auth=client, timeout=30)
        return answer.raise_for_status().json()["access_token"]

    return give


@pytest.fixture
def claims(token):
    """Return what gives the claims of a role's token."""

    def give(role):
        payload = token(role).split(".")[1]
        return json.loads(base64.urlsafe_b64decode(f"{payload}=="))

    return give


@pytest.fixture
def nessie(signed, token):
    """Return what opens Nessie as a role."""
    opened = []

    def open_as(role):
        headers = {"Authorization": f"Bearer {token(role)}"} if role else {}
        url = signed.environment()["LAGOA_NESSIE_URL"]
        opened.append(httpx.Client(base_url=f"{url}/", headers=headers, timeout=30))
        return opened[-1]

    yield open_as
    for http in opened:
        http.close()


@pytest.fixture
def objects(signed, token):
    """Return what opens the object store as a role."""
    endpoint = signed.environment()["LAGOA_S3_ENDPOINT"]

    def open_as(role):
        keys = WebIdentityProvider(
            jwt_provider_func=lambda: {"access_token": token(role)}, sts_endpoint=endpoint, duration_seconds=900
        )
        return Minio(endpoint=endpoint.removeprefix("http://"), credentials=keys, secure=False, region="us-east-1")

    return open_as


class TestWhole:
    def test_every_server_is_well_and_they_take_little_memory(self, signed, capsys):
        states = signed.status()
        assert {state.name for state in states} == set(signed.manifest)
        assert [state.name for state in states if not state.healthy] == []
        with capsys.disabled():
            told = ", ".join(f"{state.name} {state.memory / 1024**2:.0f} MiB" for state in states)
            print(f"\nat rest: {told}")  # noqa: T201 - to be seen in the log of CI
        assert sum(state.memory for state in states) < AT_REST

    def test_they_listen_on_this_machine_alone(self, signed):
        for state in signed.status():
            process = psutil.Process(state.pid)
            listening = [
                place.laddr.ip
                for each in (process, *process.children(recursive=True))
                for place in each.net_connections("inet")
                if place.status == psutil.CONN_LISTEN
            ]
            assert listening, state.name
            assert set(listening) <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}, state.name

    def test_no_secret_stands_on_a_command_line_or_in_a_log(self, signed):
        drawn = json.loads((signed._state / "credentials.json").read_text())
        told = [" ".join(psutil.Process(state.pid).cmdline()) for state in signed.status()]
        told += [path.read_text("utf-8", "replace") for path in signed._supervisor.logs.iterdir()]
        assert len(drawn) > 10
        assert [name for name, value in drawn.items() if any(value in text for text in told)] == []

    def test_what_lies_in_its_folder_is_its_owners_alone(self, signed):
        for path in signed._state.iterdir():
            assert path.stat().st_mode & 0o077 == 0, path
        assert signed._state.stat().st_mode & 0o066 == 0


class TestPostgres:
    @pytest.fixture
    def reachable(self):
        """Return a folder that PostgreSQL's user comes to, as it does not to pytest's."""
        with tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o711)
            yield Path(folder)

    def test_it_does_not_run_as_root(self, signed):
        (state,) = [each for each in signed.status() if each.name == "postgres"]
        assert psutil.Process(state.pid).uids().effective != 0
        owner = (signed._state / "postgres/data").stat().st_uid
        assert owner == psutil.Process(state.pid).uids().effective != pwd.getpwnam("root").pw_uid

    def test_each_user_comes_to_its_own_database_alone(self, signed, credentials):
        where = {"host": "127.0.0.1", "port": signed.manifest["postgres"].port}
        for user in ("nessie", "keycloak"):
            password = credentials[f"postgres-{user}"].get_secret_value()
            with psycopg.connect(**where, user=user, password=password, dbname=user) as connection:
                assert connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = user").fetchone() == (False,)
            for other in {"nessie", "keycloak", "lagoa", "postgres"} - {user}:
                with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
                    psycopg.connect(**where, user=user, password=password, dbname=other)
            with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
                psycopg.connect(**where, user=user, password=uuid.uuid4().hex, dbname=user)

    def test_its_data_is_there_again_after_down_and_up(self, reachable):
        lake = reachable
        (lake / "infra").mkdir()
        (lake / "lagoa.toml").write_text('name = "stack"\n')
        text = (ROOT / "infra/stack.toml").read_text()
        (lake / "infra/stack.toml").write_text(text[text.index("[postgres]") : text.index("[keycloak]")])
        stack = Stack(lake, lake / ".lagoa/stack")
        assert lagoa(lake, "stack", "up", "--free-ports").exit_code == 0
        try:
            password = Credentials(stack._state / "credentials.json")["postgres-prefect"].get_secret_value()
            stack._read()
            where = f"host=127.0.0.1 port={stack.manifest['postgres'].port} user=prefect dbname=prefect"
            with psycopg.connect(where, password=password) as connection:
                connection.execute("CREATE TABLE t AS SELECT 7 AS n")
            assert stack.down()
            with pytest.raises(psycopg.OperationalError, match="refused"):
                psycopg.connect(where, password=password)
            stack.up()
            with psycopg.connect(where, password=password) as connection:
                assert connection.execute("SELECT n FROM t").fetchone() == (7,)
        finally:
            stack.down()

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root starts it as somebody else")
    def test_a_folder_that_its_user_does_not_come_through_is_told(self, tmp_path):
        (tmp_path / "infra").symlink_to(ROOT / "infra")
        closed = tmp_path / "closed"
        closed.mkdir(mode=0o700)
        tmp_path.chmod(0o700)
        with pytest.raises(StackError, match="does not come through"):
            Stack(tmp_path, closed / "stack").up(["postgres"])


class TestKeycloak:
    @pytest.mark.parametrize("role", ROLES)
    def test_a_roles_token_says_what_the_servers_go_by(self, claims, role):
        found = claims(role)
        assert found["groups"] == [role]
        assert found["policy"] == f"lagoa-{role}"
        assert found["upn"] == role
        assert sorted(found["aud"]) == ["minio", "nessie"]
        assert found["exp"] - found["iat"] == 300

    def test_a_wrong_secret_is_refused_and_logged(self, signed):
        url = f"{signed.environment()['LAGOA_OIDC_URL']}/protocol/openid-connect/token"
        client = ("lagoa-publisher", f"guessed-{uuid.uuid4().hex}")
        assert httpx.post(url, data={"grant_type": "client_credentials"}, auth=client).status_code == 401
        wait_until(lambda: "CLIENT_LOGIN_ERROR" in signed.log("keycloak", 50), 10)
        assert client[1] not in signed.log("keycloak", 50)

    def test_what_somebody_changed_is_brought_back(self, signed, credentials, claims):
        realm = _Admin(signed, credentials)
        reader = realm.client("lagoa-reader")
        account = realm.get(f"clients/{reader['id']}/service-account-user")["id"]
        realm.send("PUT", "", {"accessTokenLifespan": 36000, "bruteForceProtected": False})
        realm.send("PUT", f"clients/{reader['id']}", {**reader, "fullScopeAllowed": True})
        realm.send("POST", f"users/{account}/role-mappings/realm", [realm.get("roles/publisher")])
        mapper = next(each for each in reader["protocolMappers"] if each["name"] == "policy")
        mapper["config"]["claim.value"] = "lagoa-engineer"
        realm.send("PUT", f"clients/{reader['id']}/protocol-mappers/models/{mapper['id']}", mapper)
        assert {"reader", "publisher"} <= set(claims("reader")["groups"])
        assert claims("reader")["policy"] == "lagoa-engineer"

        signed.up(["keycloak"])
        found = claims("reader")
        assert (found["groups"], found["policy"]) == (["reader"], "lagoa-reader")
        assert found["exp"] - found["iat"] == 300
        assert realm.get("")["bruteForceProtected"] is True

    def test_the_realms_file_holds_no_secret(self):
        document = json.loads((ROOT / PLACE).read_text())
        public = [client["clientId"] for client in document["clients"] if client.get("publicClient")]
        assert public == ["lagoa-approve"]  # people's own sign-in: it has none
        assert {client["secret"] for client in document["clients"] if client["clientId"] not in public} == {
            f"${{LAGOA_OIDC_CLIENT_{role.upper()}}}" for role in (*ROLES, MAINTAINER, SANDBOX, SQL, "trino")
        }


class _Admin:
    """Keycloak as its administrator sees it."""

    def __init__(self, stack, credentials):
        base, _, name = stack.environment()["LAGOA_OIDC_URL"].partition("/realms/")
        form = {"grant_type": "password", "client_id": "admin-cli", "username": "admin"}
        form["password"] = credentials["keycloak-admin"].get_secret_value()
        answer = httpx.post(f"{base}/realms/master/protocol/openid-connect/token", data=form, timeout=30)
        self._base = f"{base}/admin/realms/{name}/"
        self._headers = {"Authorization": f"Bearer {answer.raise_for_status().json()['access_token']}"}

    def get(self, place, **parameters):
        url = f"{self._base}{place}".rstrip("/")
        return httpx.get(url, params=parameters, headers=self._headers, timeout=30).raise_for_status().json()

    def send(self, method, place, body):
        url = f"{self._base}{place}".rstrip("/")
        httpx.request(method, url, json=body, headers=self._headers, timeout=30).raise_for_status()

    def client(self, name):
        return self.get("clients", clientId=name)[0]


class TestNessie:
    def test_it_lets_nobody_in_without_a_token_of_the_realm(self, nessie):
        assert nessie(None).get("trees").status_code == 401
        forged = nessie(None)
        forged.headers["Authorization"] = "Bearer eyJhbGciOiJub25lIn0.eyJncm91cHMiOlsicHVibGlzaGVyIl19."
        assert forged.get("trees").status_code == 401

    @pytest.mark.parametrize("role", ROLES)
    def test_everybody_reads_and_the_publisher_alone_moves_main(self, signed, nessie, role):
        http = nessie(role)
        main = http.get("trees/main").raise_for_status().json()["reference"]
        moved = http.put(f"trees/main@{main['hash']}", json={"type": "DETACHED", "hash": main["hash"]})
        assert moved.status_code == (200 if role == "publisher" else 403)
        if role != "publisher":
            wait_until(lambda: f"- {role} " in signed.log("nessie", 50) and " 403 " in signed.log("nessie", 50), 10)

    @pytest.mark.parametrize(
        ("role", "branch", "may"),
        [
            ("reader", "work", False),
            ("ingest", "work", False),
            ("ingest", "run/daily/1", True),
            ("ingest", "lagoa/scratch/ingest/1", True),
            ("ingest", "lagoa/scratch/engineer/1", False),
            ("engineer", "work", True),
            ("engineer", "run/daily/1", True),
            ("engineer", "dev/engineer/x", True),
            ("engineer", "dev/ana/x", False),
            ("engineer", "sandbox/engineer_x", True),
            ("engineer", "sandbox/ana", True),
            ("engineer", "lagoa/candidate/1", False),
            ("engineer", "lagoa/scratch/publisher/1", False),
            ("publisher", "lagoa/candidate/1", True),
        ],
    )
    def test_each_role_has_branches_of_its_own(self, nessie, role, branch, may):
        http = nessie(role)
        main = http.get("trees/main").json()["reference"]
        made = http.post("trees", params={"name": branch, "type": "BRANCH"}, json=main)
        assert made.status_code == (200 if may else 403), made.text
        if may:
            place = f"trees/{branch.replace('/', '%2F')}@{main['hash']}"
            nothing = {"type": "UNCHANGED", "key": {"elements": ["x"]}}
            body = {"commitMeta": {"message": "Nothing"}, "operations": [nothing]}
            commit = http.post(f"{place}/history/commit", json=body).raise_for_status().json()["targetBranch"]["hash"]
            http.delete(f"{place.partition('@')[0]}@{commit}").raise_for_status()

    def test_its_commits_lie_in_postgresql_and_outlast_a_crash_of_both(self, signed, nessie):
        before = nessie("reader").get("trees/main").json()["reference"]
        pids = {state.name: state.pid for state in signed.status()}
        for name in ("postgres", "nessie"):
            os.kill(pids[name], signal.SIGKILL)
        wait_until(
            lambda: {s.name for s in signed.status() if s.healthy and s.pid != pids[s.name]} >= {"postgres", "nessie"},
            120,
        )
        wait_until(lambda: nessie("reader").get("trees/main").status_code == 200, 60)
        assert nessie("reader").get("trees/main").json()["reference"] == before
        assert not (signed._state / "nessie/rocksdb").exists()


class TestMinio:
    NEW = f"warehouse/silver/t-{uuid.uuid4().hex}/data/a"
    GOLD = NEW.replace("silver", "gold")
    QUARANTINED = f"warehouse/quarantine/t-{uuid.uuid4().hex}/data/a"

    @pytest.fixture(autouse=True)
    def files(self, objects):
        """Put a table's file, and a file of records that were refused."""
        for name in (self.NEW, self.GOLD, self.QUARANTINED):
            objects("ingest").put_object(bucket_name="lagoa", object_name=name, data=io.BytesIO(b"x"), length=1)

    @pytest.mark.parametrize("role", ROLES)
    def test_a_role_may_with_its_token_what_its_policy_says(self, objects, role):
        store = objects(role)

        def may(action):
            try:
                action()
            except S3Error as error:
                if error.code != "AccessDenied":
                    raise
                return False
            return True

        def put(bucket, name):
            return lambda: store.put_object(bucket_name=bucket, object_name=name, data=io.BytesIO(b"y"), length=1)

        writes, reads_all = role in {"ingest", "engineer"}, role != "reader"
        assert may(lambda: store.get_object(bucket_name="lagoa", object_name=self.GOLD).close())
        assert may(lambda: list(store.list_objects(bucket_name="lagoa", prefix="warehouse/gold/")))
        for name in (self.NEW, self.QUARANTINED):
            assert may(lambda name=name: store.get_object(bucket_name="lagoa", object_name=name).close()) == reads_all
        for prefix in ("", "warehouse/", "warehouse/silver/"):
            assert may(lambda prefix=prefix: list(store.list_objects(bucket_name="lagoa", prefix=prefix))) == reads_all
        assert may(put("lagoa", f"{self.NEW}-{role}")) == writes
        assert not may(put("lagoa", "elsewhere/a"))
        saved = f"{uuid.uuid4().hex}/a"
        assert may(put("backup", saved)) == (role == "publisher")
        assert not may(lambda: store.remove_object(bucket_name="backup", object_name=saved))
        assert not may(lambda: store.remove_object(bucket_name="lagoa", object_name=self.NEW))
        reads_saved = role in {"engineer", "publisher"}
        assert may(lambda: list(store.list_objects(bucket_name="backup"))) == reads_saved

    def test_there_is_no_user_but_those_of_servers(self, signed, credentials):
        from minio import MinioAdmin
        from minio.credentials.providers import StaticProvider

        root = (credentials[f"minio-root-{part}"].get_secret_value() for part in ("user", "password"))
        endpoint = signed.manifest["minio"].address
        admin = MinioAdmin(endpoint=endpoint, credentials=StaticProvider(*root), secure=False, region="us-east-1")
        assert set(json.loads(admin.user_list())) == {"nessie", "mlflow", "trino"}
