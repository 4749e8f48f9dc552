"""People who sign in on any device, and who they are, from a small sign-in server of the test's own."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs

import pytest
from pydantic import SecretStr

from lagoa.adapters.oidc.people import CLIENT, OidcPeople
from lagoa.adapters.oidc.tokens import OidcTokens
from lagoa.errors import SignInFailed, SignInUnavailable

ANA = {
    "active": True,
    "azp": CLIENT,
    "aud": ["lagoa-publisher", "account"],
    "preferred_username": "ana",
    "groups": ["reader"],
}


class Server(ThreadingHTTPServer):
    """A sign-in server that gives these answers to who asks for a token, in turn, and says this of any token."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Answers)
        self.issuer = f"http://127.0.0.1:{self.server_port}/realms/test"
        self.begun = {"device_code": "d", "verification_uri_complete": "http://x/?user_code=A", "expires_in": 20}
        self.tokens = []
        self.known = dict(ANA)
        self.forms = []


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        names = ("device_authorization_endpoint", "token_endpoint", "introspection_endpoint")
        self._answer(200, {name: f"{self.server.issuer}/{name}" for name in names})

    def do_POST(self):
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.server.forms.append((self.path.rpartition("/")[2], {name: value for name, (value,) in form.items()}))
        match self.path.rpartition("/")[2]:
            case "device_authorization_endpoint":
                self._answer(200, self.server.begun)
            case "token_endpoint":
                found = self.server.tokens.pop(0)
                self._answer(found if isinstance(found, int) else 400 if "error" in found else 200, found)
            case _:
                self._answer(200, self.server.known)

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
    with Server() as made:
        Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield made
        made.shutdown()


@pytest.fixture
def slept():
    return []


@pytest.fixture
def people(server, slept):
    tokens = OidcTokens(server.issuer, "publisher", lambda: SecretStr("s3cret"))
    return OidcPeople(server.issuer, tokens, 5, slept.append)


def test_somebody_signs_in_while_this_waits(server, people, slept):
    server.tokens = [{"error": "authorization_pending"}, {"error": "slow_down"}, {"access_token": "t"}]
    shown = []
    assert people.sign_in(shown.append).get_secret_value() == "t"
    assert shown == ["http://x/?user_code=A"]
    assert slept == [5, 5, 10]
    assert {form["client_id"] for _, form in server.forms} == {CLIENT}


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        ([{"error": "authorization_pending"}] * 4, "Nobody signed in in time"),
        ([{"error": "access_denied", "error_description": "The end user denied it"}], "The end user denied it"),
        ([{}], "no reason"),
    ],
)
def test_nobody_does(server, people, tokens, said):
    server.tokens = tokens
    with pytest.raises(SignInFailed, match=said):
        people.sign_in(lambda _: None)


def test_a_server_without_the_client(server, people):
    server.begun = {"error": "invalid_client"}
    with pytest.raises(SignInFailed, match="invalid_client") as told:
        people.sign_in(lambda _: None)
    assert "`lagoa stack up`" in told.value.advice


def test_a_server_that_stumbles_or_is_away(server, people):
    server.tokens = [503]
    with pytest.raises(SignInUnavailable, match="503"):
        people.sign_in(lambda _: None)
    gone = OidcPeople("http://127.0.0.1:9/realms/test", people._tokens, 1)
    with pytest.raises(SignInUnavailable):
        gone.sign_in(lambda _: None)


def test_the_server_says_who_it_is_and_is_asked_as_the_publisher(server, people):
    people._tokens.client = lambda: ("", "lagoa-publisher", SecretStr("s3cret"))
    assert people.who(SecretStr("t")) == "ana"
    assert server.forms == [
        ("introspection_endpoint", {"token": "t", "client_id": "lagoa-publisher", "client_secret": "s3cret"})
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"active": False}, "has ended"),
        ({"active": "true"}, "has ended"),
        ({"azp": "lagoa-trino"}, "was not one for approvals"),
        ({"azp": "lagoa-engineer", "preferred_username": "service-account-lagoa-engineer"}, "was not one"),
        ({"aud": "nessie"}, "was not one"),
        ({"aud": None}, "was not one"),
        ({"preferred_username": None}, "does not say who"),
        ({"groups": []}, "none of the roles"),
        ({"groups": ["publisher"]}, "none of the roles"),
        ({"groups": "reader"}, "none of the roles"),
    ],
)
def test_another_token_proves_nothing(server, people, change, said):
    server.known |= change
    with pytest.raises(SignInFailed, match=said):
        people.who(SecretStr("t"))
