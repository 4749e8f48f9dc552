"""Vault of the stack: unsealed and filled by `lagoa stack up`, read by the roles, and told when it is not there."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import hvac
import psutil
import pytest
from hvac.exceptions import Forbidden
from pydantic import SecretStr
from typer.testing import CliRunner

import lagoa
from lagoa.adapters.vault.secrets import AppRole, VaultSecrets, app_role
from lagoa.bootstrap import examine_lake
from lagoa.cli.main import app
from lagoa.domain.credentials import read_credentials
from lagoa.errors import NotAllowed, SecretNotFound, SecretsUnavailable, SettingsError, SignInFailed, StackError
from lagoa.settings import Settings
from lagoa.stack.credentials import Credentials
from lagoa.stack.run import Stack, free_ports

ROOT = Path(__file__).parents[2]
NAME = "oidc-client-secret"
ROLES = ("reader", "ingest", "engineer", "publisher", "maintainer")

pytestmark = pytest.mark.timeout(120)


class Vault:
    """The Vault of the stack that `tests/stack/run` has brought up, as its root sees it."""

    def __init__(self, lake):
        self.lake = lake
        self.folder = lake / ".lagoa/stack"
        self.url = os.environ["LAGOA_VAULT_URL"]
        self.stack = Stack(lake, self.folder)
        self.root = hvac.Client(self.url, token=self.credentials["vault-root-token"])

    @property
    def credentials(self):
        return read_credentials(self.folder / "credentials.json")

    @property
    def state(self):
        (found,) = [each for each in self.stack.status() if each.name == "vault"]
        return found

    def secrets(self, role):
        return VaultSecrets(self.url, role, lambda: app_role(self.folder, role))

    def put(self, role, name, value):
        kv, path, mount = self.root.secrets.kv.v2, f"roles/{role}", {"mount_point": "lagoa"}
        kept = kv.read_secret_version(path, raise_on_deleted_version=True, **mount)["data"]["data"]
        kv.create_or_update_secret(path, {**kept, name: value}, **mount)

    def audited(self):
        """Return how often each path was asked for since the audit trail began."""
        lines = (self.folder / "vault/audit.log").read_text().splitlines()
        entries = [json.loads(line) for line in lines]
        return Counter(each["request"]["path"] for each in entries if each["type"] == "response")


@pytest.fixture
def vault(monkeypatch):
    """Return the stack's Vault; it is unsealed again after the test."""
    for part in ("ROLE", "SECRET"):
        monkeypatch.delenv(f"LAGOA_VAULT_{part}_ID", raising=False)
    place = os.environ.get("LAGOA_TEST_STACK")
    assert place, "No stack is up: run `make test-stack`."
    vault = Vault(Path(place))
    yield vault
    vault.root.adapter.close()
    if not vault.state.healthy:
        vault.stack.up(["vault"])


@pytest.fixture
def small(tmp_path):
    """Return a stack of a Vault alone, to be started, and its folder."""
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra/go").symlink_to(ROOT / "infra/go")
    text = (ROOT / "infra/stack.toml").read_text()
    (tmp_path / "infra/stack.toml").write_text("[vault]" + text.partition("[vault]")[2].partition("\n[")[0])
    stack = Stack(tmp_path, tmp_path / "stack")
    stack.choose_ports(free_ports(stack.manifest))
    yield stack, tmp_path / "stack"
    stack.down()


@pytest.fixture
def serve():
    """Return a function that answers HTTP by a handler of (method, path) -> (status, body), and returns its address."""
    servers = []

    def start(answer):
        class Handler(BaseHTTPRequestHandler):
            def handle_any(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, body = answer(self.command, self.path)
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            do_GET = do_POST = do_PUT = handle_any  # noqa: N815 - the names are http.server's

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def anybody():
    return AppRole(SecretStr("some-role-id"), SecretStr("some-secret-id"))


def wait_until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.1)


class TestUp:
    def test_each_role_reads_its_own_secret(self, vault):
        for role in ROLES:
            assert vault.secrets(role).get(NAME).get_secret_value() == vault.credentials[f"oidc-client-{role}"]

    def test_a_lake_takes_its_secrets_from_there(self, vault, tmp_path):
        (tmp_path / ".lagoa").mkdir()
        (tmp_path / ".lagoa/stack").symlink_to(vault.folder)
        settings = Settings(root=tmp_path, secrets="vault", vault_url=vault.url, role="ingest")
        with lagoa.open_lake(settings) as lake:
            got = lake.context.secrets.get(NAME)
        assert got.get_secret_value() == vault.credentials["oidc-client-ingest"]

    def test_again_changes_nothing_but_what_somebody_broke(self, vault):
        kv, approle = vault.root.secrets.kv.v2, vault.root.auth.approle
        vault.put("engineer", "of-somebody", "kept")
        before = kv.read_secret_metadata("roles/engineer", mount_point="lagoa")["data"]["current_version"]
        vault.root.sys.create_or_update_policy("lagoa-engineer", 'path "lagoa/*" { capabilities = ["read"] }')
        approle.delete_role("lagoa-ingest")
        vault.stack.up(["vault"])
        assert kv.read_secret_metadata("roles/engineer", mount_point="lagoa")["data"]["current_version"] == before
        assert vault.secrets("engineer").get("of-somebody").get_secret_value() == "kept"
        assert vault.secrets("ingest").get(NAME)
        other = VaultSecrets(vault.url, "reader", lambda: app_role(vault.folder, "engineer"))
        with pytest.raises(NotAllowed):
            other.get(NAME)

    def test_keeps_its_secrets_to_itself(self, vault):
        vault.secrets("publisher").get(NAME)
        hidden = [value for name, value in vault.credentials.items() if name.startswith(("vault", "oidc"))]
        for name in ("credentials.json", "vault", "vault/audit.log", "vault/vault.json"):
            path = vault.folder / name
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
        shown = [
            (vault.folder / "vault/audit.log").read_text(),
            (vault.folder / "logs/vault.log").read_text(),
            " ".join(psutil.Process(vault.state.pid).cmdline()),
        ]
        assert not [text[:40] for text in shown for value in hidden if value in text]

    def test_it_takes_little_memory(self, vault):
        assert vault.state.memory < 400 * 2**20

    def test_a_long_audit_trail_is_put_aside_at_the_next_start(self, small):
        stack, folder = small
        stack.up()
        stack.down()
        log = folder / "vault/audit.log"
        with log.open("r+b") as file:
            file.truncate(11_000_000)
        assert [each.healthy for each in stack.up()] == [True]
        assert log.with_name("audit.log.1").stat().st_size == 11_000_000
        assert log.stat().st_size < 1_000_000

    def test_a_vault_of_other_credentials_is_told(self, small):
        stack, folder = small
        stack.up()
        Credentials(folder / "credentials.json").keep({"vault-root-token": "of another"})
        with pytest.raises(StackError, match=r"permission denied.*other credentials") as caught:
            stack.up()
        assert "of another" not in str(caught.value)
        (folder / "credentials.json").unlink()
        with pytest.raises(StackError, match=r"credentials\.json is missing, but there is data of vault"):
            stack.up()
        Credentials(folder / "credentials.json").keep({"vault-root-token": "of another"})
        with pytest.raises(StackError, match="credentials have not the key"):
            stack.up()


class TestWhatARoleMayNot:
    def test_another_roles_secret_is_refused(self, vault):
        for role in ROLES[:3]:
            foreign = VaultSecrets(vault.url, "publisher", lambda role=role: app_role(vault.folder, role))
            with pytest.raises(NotAllowed, match="roles/publisher"):
                foreign.get(NAME)

    @pytest.mark.parametrize("role", ROLES)
    def test_nor_anything_else(self, vault, role):
        known = app_role(vault.folder, role)
        client = hvac.Client(vault.url, token="")
        client.auth.approle.login(known.role_id.get_secret_value(), known.secret_id.get_secret_value())
        kv = client.secrets.kv.v2
        refused = [
            lambda: kv.create_or_update_secret(f"roles/{role}", {NAME: "mine"}, mount_point="lagoa"),
            lambda: kv.delete_metadata_and_all_versions(f"roles/{role}", mount_point="lagoa"),
            lambda: kv.list_secrets("roles", mount_point="lagoa"),
            lambda: client.auth.approle.generate_secret_id("lagoa-publisher"),
            lambda: client.auth.token.create(policies=["root"]),
            lambda: client.sys.create_or_update_policy(f"lagoa-{role}", 'path "*" { capabilities = ["sudo"] }'),
            client.sys.list_policies,
            client.sys.seal,
        ]
        for attempt in refused:
            with pytest.raises(Forbidden):
                attempt()
        client.adapter.close()


class TestSignIn:
    def test_a_wrong_secret_id_is_told_without_it(self, vault):
        known = app_role(vault.folder, "reader")
        wrong = VaultSecrets(vault.url, "reader", lambda: AppRole(known.role_id, SecretStr("not-the-secret-id")))
        with pytest.raises(SignInFailed, match="reader") as caught:
            wrong.get(NAME)
        shown = f"{caught.value} {caught.value.__cause__}"
        assert "not-the-secret-id" not in shown
        assert known.role_id.get_secret_value() not in shown

    def test_the_environment_goes_before_the_stack(self, vault, monkeypatch):
        publisher = app_role(vault.folder, "publisher")
        monkeypatch.setenv("LAGOA_VAULT_ROLE_ID", publisher.role_id.get_secret_value())
        monkeypatch.setenv("LAGOA_VAULT_SECRET_ID", publisher.secret_id.get_secret_value())
        assert vault.secrets("publisher").get(NAME)
        assert app_role(vault.folder, "reader") == publisher

    @pytest.mark.usefixtures("vault")
    def test_nothing_to_sign_in_with_is_told(self, tmp_path):
        with pytest.raises(SettingsError, match="LAGOA_VAULT_ROLE_ID"):
            app_role(tmp_path, "reader")

    def test_a_token_that_runs_out_is_renewed_and_then_signed_in_for_anew(self, vault):
        """Tokens of this AppRole hold for 1 s, and for 3 s when they are renewed."""
        approle = vault.root.auth.approle
        approle.create_or_update_approle(
            "test-short",
            token_policies=["lagoa-reader"],
            token_no_default_policy=True,
            token_ttl="1s",  # noqa: S106 - a duration
            token_max_ttl="3s",  # noqa: S106
        )
        role_id = approle.read_role_id("test-short")["data"]["role_id"]
        secret_id = approle.generate_secret_id("test-short")["data"]["secret_id"]
        secrets = VaultSecrets(vault.url, "reader", lambda: AppRole(SecretStr(role_id), SecretStr(secret_id)))
        before = vault.audited()
        until = time.monotonic() + 5
        while time.monotonic() < until:
            assert secrets.get(NAME)
            time.sleep(0.1)
        logins, renewals = (
            vault.audited()[path] - before[path] for path in ("auth/approle/login", "auth/token/renew-self")
        )
        assert 2 <= logins <= 10
        assert renewals >= 2
        time.sleep(1.5)  # asked for nothing, it ran out
        assert secrets.get(NAME)

    def test_a_token_that_was_revoked_is_signed_in_for_anew(self, vault):
        secrets = vault.secrets("reader")
        assert secrets.get(NAME)
        vault.root.sys.revoke_prefix("auth/approle/login")
        assert secrets.get(NAME)

    def test_a_process_forked_during_a_sign_in_makes_its_own(self, vault):
        parent, begun, go_on = os.getpid(), threading.Event(), threading.Event()

        def sign_in():
            if os.getpid() == parent:
                begun.set()
                go_on.wait()
            return app_role(vault.folder, "reader")

        secrets = VaultSecrets(vault.url, "reader", sign_in)
        thread = threading.Thread(target=secrets.get, args=(NAME,))
        thread.start()
        begun.wait()
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            os._exit(0 if secrets.get(NAME).get_secret_value() else 1)
        assert os.waitpid(child, 0)[1] == 0
        go_on.set()
        thread.join()


class TestTrouble:
    def test_a_sealed_vault_is_told_at_once_and_unsealed_by_up(self, vault):
        secrets = vault.secrets("reader")
        assert secrets.get(NAME)
        vault.root.sys.seal()
        began = time.monotonic()
        with pytest.raises(SecretsUnavailable, match=r"sealed.*lagoa stack up"):
            secrets.get(NAME)
        assert time.monotonic() - began < 2
        with pytest.raises(SecretsUnavailable, match="sealed"):
            vault.secrets("reader").get(NAME)
        assert not vault.state.healthy
        shown = CliRunner().invoke(app, ["--lake", str(vault.lake), "stack", "status", "--json"])
        assert shown.exit_code == 1
        vault.stack.up(["vault"])
        assert vault.state.healthy
        assert secrets.get(NAME)

    def test_doctor_tells_a_sealed_vault(self, vault, tmp_path):
        settings = Settings(root=tmp_path, secrets="vault", vault_url=vault.url, role="reader")
        (tmp_path / ".lagoa").mkdir()
        (tmp_path / ".lagoa/stack").symlink_to(vault.folder)
        assert examine_lake(settings) == []
        vault.root.sys.seal()
        (found,) = examine_lake(settings)
        assert (found.part, "sealed" in found.message) == ("secrets", True)
        assert "lagoa stack up" in found.advice

    def test_a_vault_that_died_comes_back_sealed_and_is_unsealed_by_up(self, vault):
        secrets = vault.secrets("reader")
        assert secrets.get(NAME)
        pid = vault.state.pid
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: vault.state.pid not in {None, pid})
        with pytest.raises(SecretsUnavailable):
            secrets.get(NAME)
        vault.stack.up(["vault"])
        assert secrets.get(NAME)

    def test_a_vault_that_is_down_is_told_in_bounded_time(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{taken.getsockname()[1]}"
            began = time.monotonic()
            with pytest.raises(SecretsUnavailable, match=f"Vault at {url}: it does not answer"):
                VaultSecrets(url, "reader", anybody).get(NAME)
            assert 4 < time.monotonic() - began < 15

    def test_one_that_takes_the_connection_and_says_nothing_too(self):
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            began = time.monotonic()
            with pytest.raises(SecretsUnavailable, match="does not answer"):
                VaultSecrets(f"http://127.0.0.1:{silent.getsockname()[1]}", "reader", anybody, patience_s=1).get(NAME)
            assert time.monotonic() - began < 4

    def test_one_that_stumbles_is_asked_again(self, serve):
        answers = {
            "/v1/auth/approle/login": {"auth": {"client_token": "t", "lease_duration": 60}},
            "/v1/lagoa/data/roles/reader": {"data": {"data": {"a": "secret"}}},
        }
        asked = Counter()

        def stumble(_, path):
            asked[path] += 1
            return (500, '{"errors": ["stumbled"]}') if asked[path] < 3 else (200, json.dumps(answers[path]))

        assert VaultSecrets(serve(stumble), "reader", anybody).get("a").get_secret_value() == "secret"
        assert set(asked.values()) == {3}

    def test_one_that_keeps_failing_is_told_with_its_words(self, serve):
        url = serve(lambda *_: (500, '{"errors": ["no space left"]}'))
        with pytest.raises(SecretsUnavailable, match="no space left"):
            VaultSecrets(url, "reader", anybody, patience_s=0.5).get(NAME)

    def test_what_is_no_vault_is_told(self, serve):
        with pytest.raises(SettingsError, match="vault_url"):
            VaultSecrets(serve(lambda *_: (200, "<html>")), "reader", anybody).get(NAME)

    def test_a_secret_that_was_deleted_is_told_as_none(self, vault):
        vault.root.secrets.kv.v2.delete_latest_version_of_secret("roles/reader", mount_point="lagoa")
        with pytest.raises(SecretNotFound, match="roles/reader"):
            vault.secrets("reader").get(NAME)
        vault.stack.up(["vault"])
        assert vault.secrets("reader").get(NAME)
