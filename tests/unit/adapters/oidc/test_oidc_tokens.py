"""Tokens by client credentials, from a small sign-in server of the test's own."""

from __future__ import annotations

import json
import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs

import pytest
from pydantic import SecretStr

from lagoa.adapters.oidc.tokens import OidcOptions, OidcTokens, client_secret
from lagoa.errors import SecretNotFound, SecretsUnavailable, SignInFailed, SignInUnavailable

SECRET = "s3cret-of+the/client%"  # noqa: S105 - the test server's


class SignIn(ThreadingHTTPServer):
    """A sign-in server: each token is another; `stumbles` are answers that come before any useful one."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Answers)
        self.issuer = f"http://127.0.0.1:{self.server_port}/realms/test"
        self.asked = 0
        self.stumbles: list[int] = []
        self.life = 300
        self.known = {"lagoa-ingest": SECRET}


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path != "/realms/test/.well-known/openid-configuration":
            self._answer(404, {})
        else:
            self._answer(200, {"token_endpoint": f"{self.server.issuer}/token"})

    def do_POST(self):
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.server.asked += 1
        if self.server.stumbles:
            self._answer(self.server.stumbles.pop(0), {})
        elif self.server.known.get(form["client_id"][0]) != form["client_secret"][0]:
            self._answer(401, {"error": "invalid_client", "error_description": form["client_secret"][0]})
        else:
            token = f"token-{self.server.asked}"
            self._answer(200, {"access_token": token, "expires_in": self.server.life, "token_type": "Bearer"})

    def _answer(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    with SignIn() as found:
        thread = Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield found
        found.shutdown()
        thread.join()


class Clock:
    """A time that the test moves."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def tokens_of(server, clock=None, *, secret=SECRET, issuer=None, patience_s=2.0):
    options = OidcOptions(timeout_s=2, patience_s=patience_s, **({"clock": clock} if clock else {}))
    return OidcTokens(issuer or server.issuer, "ingest", lambda: SecretStr(secret), options)


def test_a_token_is_asked_for_once(server, clock):
    tokens = tokens_of(server, clock)
    assert [tokens().get_secret_value() for _ in range(3)] == ["token-1"] * 3
    assert server.asked == 1
    assert tokens.role == "ingest"


def test_it_is_renewed_before_it_runs_out(server, clock):
    tokens = tokens_of(server, clock)
    tokens()
    clock.now += 300 * 0.7
    assert tokens().get_secret_value() == "token-1"
    clock.now += 300 * 0.1
    assert tokens().get_secret_value() == "token-2"


def test_a_server_that_is_away_is_not_noticed_while_the_token_holds(server, clock):
    tokens = tokens_of(server, clock, patience_s=0.3)
    tokens()
    clock.now += 300 * 0.8
    server.stumbles = [503] * 100
    assert tokens().get_secret_value() == "token-1"
    assert tokens().get_secret_value() == "token-1"
    assert server.asked == 2, "it was asked once, then left alone for a while"
    clock.now += 300 * 0.19
    assert tokens().get_secret_value() == "token-1"
    clock.now += 300 * 0.02
    with pytest.raises(SignInUnavailable, match="503"):
        tokens()
    server.stumbles = []
    assert tokens().get_secret_value().startswith("token-")


def test_a_stumble_is_overcome(server):
    server.stumbles = [500, 503, 429]
    assert tokens_of(server)().get_secret_value() == "token-4"


def test_a_server_that_is_not_there_is_told_in_bounded_time(server, clock):
    with pytest.raises(SignInUnavailable, match="lagoa stack status") as told:
        tokens_of(server, issuer="http://127.0.0.1:9/realms/test", patience_s=0.3)()
    assert SECRET not in repr(told.value)


def test_a_wrong_secret_is_told_at_once_and_stands_in_no_text(server):
    wrong = "wr0ng"
    with pytest.raises(SignInFailed, match=r"'lagoa-ingest' \(invalid_client\)") as told:
        tokens_of(server, secret=wrong)()
    assert server.asked == 1
    assert wrong not in str(told.value)
    assert told.value.__cause__ is None


def test_an_address_that_is_no_issuer_is_told(server):
    with pytest.raises(SignInFailed, match="/realms/NAME"):
        tokens_of(server, issuer=f"{server.issuer}x")()


def test_a_token_that_was_refused_is_given_no_more(server, clock):
    tokens = tokens_of(server, clock)
    refused = tokens()
    tokens.forget(refused)
    assert tokens().get_secret_value() == "token-2"
    tokens.forget(refused)  # told again by another thread: the new one stays
    assert tokens().get_secret_value() == "token-2"


def test_many_threads_ask_once(server):
    tokens = tokens_of(server)
    with ThreadPoolExecutor(8) as pool:
        assert {each.get_secret_value() for each in pool.map(lambda _: tokens(), range(64))} == {"token-1"}
    assert server.asked == 1


def test_a_forked_process_is_not_held_by_its_parents_lock(server):
    tokens = tokens_of(server)
    tokens()
    with tokens._lock:
        child = multiprocessing.get_context("fork").Process(target=tokens)
        child.start()
        child.join(10)
    assert child.exitcode == 0


class NoSecrets:
    def get(self, name):
        raise SecretNotFound(name, "the test", "")


class Away:
    def get(self, name):
        raise SecretsUnavailable(f"the one that has {name}")


def test_the_stacks_secret_is_used_where_there_is_no_other(tmp_path):
    with pytest.raises(SecretNotFound):
        client_secret(NoSecrets, tmp_path, "ingest")
    kept = tmp_path / "credentials.json"
    kept.write_text(json.dumps({"oidc-client-ingest": "drawn"}))
    kept.chmod(0o600)
    assert client_secret(NoSecrets, tmp_path, "ingest").get_secret_value() == "drawn"
    with pytest.raises(SecretsUnavailable):  # what should be in Vault is not taken from elsewhere
        client_secret(Away, tmp_path, "ingest")
