"""Published data over SQL for people who sign in at Keycloak in a browser: who sees what, and whom it lets in."""

from __future__ import annotations

import base64
import html
import json
import os
import re
import secrets
import shutil
import ssl
import subprocess
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import HTTPCookieProcessor, HTTPRedirectHandler, HTTPSHandler, ProxyHandler, build_opener

import httpx
import pytest
import requests
from command_line import lagoa, ok
from trino.auth import OAuth2Authentication
from trino.exceptions import HttpError, TrinoUserError

from lagoa.stack.artefacts import fetch
from lagoa.stack.servers.keycloak.realm import open_realm
from lagoa.stack.servers.server import java
from lagoa.stack.servers.trino.catalogs import ADMIN
from tests.stack.test_sign_in import Servers
from tests.stack.test_trino import CLI
from tests.stack.test_trino_clients import JDBC
from tests.stack.trino_lake import Analyst, analysts, lake_on, refusal, without_sandboxes

pytestmark = pytest.mark.timeout(300)

MASKED = [(1, None), (2, None)]
SALES = [(date(2026, 3, 1),)]


class NotLetIn(Exception):
    """Keycloak, or Trino after it, shows another page than that of somebody who has signed in."""


class Browser:
    """What a browser does when it signs somebody in: follows redirects, keeps cookies, fills in forms."""

    def __init__(self, ca, name, password):
        # On loopback browsers keep and send secure cookies without TLS, too.
        cookies = CookieJar(DefaultCookiePolicy(secure_protocols=("http", "https")))
        tls = HTTPSHandler(context=ssl.create_default_context(cafile=ca))
        self._opener = build_opener(ProxyHandler({}), tls, HTTPCookieProcessor(cookies), _Back())
        self._forms = [{"username": name, "password": password}]

    def choose(self, password):
        """Take this password when Keycloak asks for a new one."""
        self._forms.append({"password-new": password, "password-confirm": password})
        return self

    def open(self, url):
        """Return the text of the page on which it ends, or where it would go on to."""
        text = self._get(url)
        for form in self._forms:
            there = re.search(r'action="([^"]+)"', text)
            if there is None or f'name="{next(iter(form))}"' not in text:
                break
            text = self._get(html.unescape(there[1]), form)
        return text

    def _get(self, url, form=None):
        try:
            page = self._opener.open(url, urlencode(form).encode() if form else None, timeout=30)
        except HTTPError as error:
            page = error
        with page:
            return page.headers["Location"] if page.status == 302 else page.read().decode()


class _Back(HTTPRedirectHandler):
    """Goes everywhere but to a program of the test's own."""

    def redirect_request(self, request, stream, code, message, headers, url):
        if urlsplit(url).path == "/test":
            return None
        return super().redirect_request(request, stream, code, message, headers, url)


class Person(Analyst):
    """Somebody who signs in at Keycloak, when Trino wants it, with a password of their own."""

    def __init__(self, stack, name, password, chosen=None):
        super().__init__(stack, name, password)
        self._chosen = chosen
        self.signed_in = 0

    def connect(self, **options):
        return super().connect(**{"user": None, "auth": OAuth2Authentication(self._sign_in), **options})

    def _sign_in(self, url):
        browser = Browser(self.ca, self.name, self.password)
        if self._chosen:
            browser.choose(self._chosen)
        text = browser.open(url)
        if "OAuth2 authentication succeeded" not in text:
            raise NotLetIn(" ".join(re.sub(r"<script.*?</script>|<[^>]+>", " ", text, flags=re.DOTALL).split()))
        self.signed_in += 1
        if self._chosen:
            self.password, self._chosen = self._chosen, None


@pytest.fixture(scope="module")
def stack(signed, tmp_path_factory):
    with lake_on(signed, tmp_path_factory.mktemp("lake")) as here, without_sandboxes(here):
        yield here


@pytest.fixture(scope="module")
def person(stack):
    """Return what makes somebody by the command, who has chosen a password."""
    made = []

    def make(role, name=None):
        name = name or f"{role}{uuid.uuid4().hex[:6]}"
        first = ok(stack._root, "stack", "user", "add", name, "--role", role, "--sign-in", "keycloak").out.strip()
        made.append(name)
        return Person(stack, name, first, chosen=secrets.token_urlsafe(12))

    yield make
    for name in made:
        if name in stack.people().all():
            ok(stack._root, "stack", "user", "remove", name, "--sign-in", "keycloak")


@pytest.fixture(scope="module")
def reader(person):
    """Return a reader who has signed in before."""
    made = person("reader")
    made.rows("SELECT 1")
    return made


@pytest.fixture(scope="module")
def engineer(person):
    return person("engineer")


@contextmanager
def redirect_to(stack, place):
    """Let Keycloak send people who sign in for Trino to a program of the test's own; give client and secret."""
    with open_realm(stack._site("keycloak"), "the realm cannot be opened") as realm:
        (client,) = realm.get("clients", clientId="lagoa-trino")
        realm.send("PUT", f"clients/{client['id']}", {**client, "redirectUris": [place]})
        try:
            yield client["clientId"], stack._credentials()["oidc-client-trino"].get_secret_value()
        finally:
            realm.send("PUT", f"clients/{client['id']}", client)


@pytest.fixture
def realm(stack):
    """Give the realm, as its administrator."""
    with open_realm(stack._site("keycloak"), "the realm cannot be opened") as found:
        yield found


@pytest.fixture
def made_by_hand(stack, realm):
    """Return what makes somebody as Keycloak's own page does, with any name and roles."""
    made = []

    def make(name, *roles):
        password = secrets.token_urlsafe(12)
        credential = {"type": "password", "value": password, "temporary": False}
        realm.send("POST", "users", {"username": name, "enabled": True, "credentials": [credential]})
        (found,) = realm.get("users", username=name, exact="true")
        made.append(found["id"])
        wanted = [realm.get(f"roles/{role}") for role in roles]
        realm.send("POST", f"users/{found['id']}/role-mappings/realm", wanted)
        return Person(stack, name, password)

    yield make
    for each in made:
        realm.send("DELETE", f"users/{each}")


class TestWhoSeesWhat:
    def test_a_reader_sees_gold_masked_under_their_own_name_and_nothing_else(self, reader):
        assert reader.rows("SELECT current_user") == [(reader.name,)]
        assert reader.rows("SELECT id, name FROM gold.customers ORDER BY id") == MASKED
        assert refusal(reader, "SELECT * FROM silver.people") == "PERMISSION_DENIED"
        assert refusal(reader, "DELETE FROM gold.sales") == "PERMISSION_DENIED"
        assert refusal(reader, "SELECT 1", user="ana") == "PERMISSION_DENIED"  # as somebody else

    def test_an_engineer_sees_silver_too_and_writes_in_sandboxes_of_their_name(self, stack, engineer, person):
        assert engineer.rows("SELECT id, name FROM silver.people") == [(1, None)]
        other = person("engineer")
        for owner in (engineer, other):
            ok(stack._root, "sandbox", "create", owner.name)
        insert = "INSERT INTO gold.sales VALUES (DATE '2026-03-02', 7)"
        assert engineer.rows(insert, catalog=f"sandbox_{engineer.name}") == [(1,)]
        assert refusal(other, insert, catalog=f"sandbox_{engineer.name}") == "PERMISSION_DENIED"
        assert refusal(engineer, insert) == "PERMISSION_DENIED"

    @pytest.mark.parametrize("roles", [(), ("publisher",), ("sandbox",)])
    def test_one_without_a_role_over_sql_sees_nothing(self, made_by_hand, roles):
        guest = made_by_hand(f"guest{uuid.uuid4().hex[:6]}", *roles)
        for sql in ("SELECT 1", "SELECT id FROM lake.gold.customers", "SHOW CATALOGS"):
            assert refusal(guest, sql) == "PERMISSION_DENIED"
        assert guest.signed_in == 3

    def test_roles_that_are_given_on_keycloaks_own_page_apply(self, made_by_hand):
        somebody = made_by_hand(f"bo{uuid.uuid4().hex[:6]}", "reader")
        assert somebody.rows("SELECT day FROM gold.sales") == SALES


class TestWhoIsLetIn:
    def test_the_first_password_is_changed_at_the_first_sign_in(self, stack, person):
        new = person("reader")
        assert new.rows("SELECT day FROM gold.sales") == SALES
        again = Person(stack, new.name, new.password)
        assert again.rows("SELECT day FROM gold.sales") == SALES
        short = person("reader")
        short._chosen = "short"
        with pytest.raises(NotLetIn, match="minimum length"):
            short.rows("SELECT 1")

    def test_a_wrong_password_or_name_is_refused(self, stack, reader):
        for name, password in ((reader.name, "wrong"), ("nobody", reader.password)):
            with pytest.raises(NotLetIn, match="Invalid username or password"):
                Person(stack, name, password).rows("SELECT 1")

    def test_the_two_ways_to_sign_in_share_no_password(self, stack, reader):
        assert refusal(Analyst(stack, reader.name, reader.password), "SELECT 1") == "401"
        with analysts(stack) as make:
            other = make("reader")
            with pytest.raises(NotLetIn):
                Person(stack, other.name, other.password).rows("SELECT 1")

    @pytest.mark.parametrize("name", [ADMIN, "1bo", "bo@example.org"])
    def test_a_name_that_no_user_has_is_refused_as_that_of_lagoas_own_user(self, made_by_hand, name):
        with pytest.raises(HttpError, match=r"401.*No user mapping patterns match"):
            made_by_hand(name, "engineer").rows("SELECT 1")

    def test_who_is_removed_or_loses_their_role_does_no_more_when_their_token_ends(self, signed, stack, person, realm):
        with Servers(signed).tokens_that_last("trino", 2):
            first, second = person("reader"), person("reader")
            with first.connect() as one, second.connect() as two:
                for connection in (one, two):
                    assert connection.cursor().execute("SELECT count(*) FROM gold.sales").fetchall() == [[1]]
                (found,) = realm.get("users", username=first.name, exact="true")
                realm.send("DELETE", f"users/{found['id']}/role-mappings/realm", [realm.get("roles/reader")])
                ok(stack._root, "stack", "user", "remove", second.name, "--sign-in", "keycloak")
                time.sleep(3)
                with pytest.raises(TrinoUserError, match="Access Denied"):
                    one.cursor().execute("SELECT count(*) FROM gold.sales").fetchall()
                with pytest.raises(NotLetIn, match="Invalid username"):
                    two.cursor().execute("SELECT count(*) FROM gold.sales").fetchall()
            assert (first.signed_in, second.signed_in) == (1, 1)


def _encoded(part):
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


class TestTokens:
    def test_a_session_goes_on_past_a_token_without_a_browser(self, signed, person):
        with Servers(signed).tokens_that_last("trino", 2):
            somebody = person("reader")
            with somebody.connect() as connection:
                for _ in range(3):
                    assert connection.cursor().execute("SELECT count(*) FROM gold.sales").fetchall() == [[1]]
                    time.sleep(3)

                def count(_):
                    return connection.cursor().execute("SELECT count(*) FROM gold.sales").fetchall()

                with ThreadPoolExecutor(4) as pool:  # as a BI tool fills a page
                    assert list(pool.map(count, range(8))) == [[[1]]] * 8
            assert somebody.signed_in == 1

    def test_those_of_others_are_refused_and_forged_ones(self, signed, stack, reader):
        servers = Servers(signed)
        tokens = {role: servers.tokens(role)().get_secret_value() for role in ("reader", "engineer", "publisher")}
        claims = {"iss": servers.oidc, "aud": "lagoa-trino", "sql_user": reader.name, "groups": ["reader"]}
        claims["exp"] = int(time.time()) + 300
        tokens["unsigned"] = f"{_encoded({'alg': 'none', 'typ': 'JWT'})}.{_encoded(claims)}."
        tokens["nothing"] = "x"
        own = self._own(stack, reader)
        assert self._asks(stack, reader, own) == 200
        tokens["changed"] = f"{own[:-8]}{own[:4]}{own[-4:]}"
        assert {name: self._asks(stack, reader, each) for name, each in tokens.items()} == dict.fromkeys(tokens, 401)

    def test_one_of_keycloaks_is_good_for_trino_alone(self, signed, stack, reader):
        servers = Servers(signed)
        token = self._of_keycloak(stack, servers, reader)
        _, body, _ = token.split(".")
        claims = json.loads(base64.urlsafe_b64decode(f"{body}=="))
        assert (claims["aud"], claims["groups"], claims["sql_user"]) == ("lagoa-trino", ["reader"], reader.name)
        assert self._asks(stack, reader, token) == 200
        bearer = {"Authorization": f"Bearer {token}"}
        assert httpx.get(f"{servers.nessie}/trees", headers=bearer, timeout=30).status_code == 401
        form = {"Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15", "WebIdentityToken": token}
        assert httpx.post(servers.s3, data=form, timeout=30).status_code in {400, 403}

    def test_one_that_another_program_got_for_the_same_person_is_refused(self, signed, stack, reader, realm):
        servers = Servers(signed)
        groups = {"claim.name": "groups", "multivalued": "true", "access.token.claim": "true"}
        mapper = {"name": "groups", "protocol": "openid-connect", "config": groups}
        mapper["protocolMapper"] = "oidc-usermodel-realm-role-mapper"
        program = {"clientId": "other", "publicClient": True, "directAccessGrantsEnabled": True}
        realm.send("POST", "clients", {**program, "protocolMappers": [mapper]})
        try:
            form = {"grant_type": "password", "client_id": "other", "scope": "openid"}
            form |= {"username": reader.name, "password": reader.password}
            answer = httpx.post(f"{servers.oidc}/protocol/openid-connect/token", data=form, timeout=30)
            token = answer.raise_for_status().json()["access_token"]
            assert self._asks(stack, reader, token) == 401
        finally:
            realm.send("DELETE", f"clients/{realm.get('clients', clientId='other')[0]['id']}")

    def test_one_that_has_ended_and_whose_session_has_too_is_refused(self, signed, stack, reader):
        with Servers(signed).tokens_that_last("trino", 2):
            own = self._own(stack, reader)
            assert self._asks(stack, reader, own) == 200
            time.sleep(3)
            assert self._asks(stack, reader, own) == 401

    def _of_keycloak(self, stack, servers, who):
        """Return the token that Keycloak gives to whoever has the secret of Trino's client."""
        place = "http://127.0.0.1/test"
        with redirect_to(stack, place) as (client, secret):
            ask = {"response_type": "code", "client_id": client, "scope": "openid", "state": "x", "redirect_uri": place}
            protocol = f"{servers.oidc}/protocol/openid-connect"
            to = Browser(who.ca, who.name, who.password).open(f"{protocol}/auth?{urlencode(ask)}")
            form = {"grant_type": "authorization_code", "redirect_uri": place}
            form["code"] = parse_qs(urlsplit(to).query)["code"][0]
            answer = httpx.post(f"{protocol}/token", data=form, auth=(client, secret), timeout=30)
        return answer.raise_for_status().json()["access_token"]

    def _own(self, stack, who):
        """Return the token that Trino gives to somebody."""
        answer = self._statement(stack, who, {})
        found = dict(re.findall(r'(x_redirect_server|x_token_server)="([^"]+)"', answer.headers["WWW-Authenticate"]))
        who._sign_in(found["x_redirect_server"])
        return requests.get(found["x_token_server"], verify=who.ca, timeout=30).json()["token"]

    def _asks(self, stack, who, token):
        return self._statement(stack, who, {"Authorization": f"Bearer {token}"}).status_code

    def _statement(self, stack, who, headers):
        url = f"https://{stack.manifest['trino'].address}/v1/statement"
        return requests.post(url, data="SELECT 1", headers=headers, verify=who.ca, timeout=30)


class TestRedirects:
    def test_keycloak_sends_nobody_elsewhere_than_to_trino(self, stack, reader):
        servers = Servers(stack)
        here = f"https://{stack.manifest['trino'].address}"
        for place in ("https://example.org/oauth2/callback", f"{here}/oauth2/callback/x", f"{here}/", "*"):
            ask = {"response_type": "code", "client_id": "lagoa-trino", "scope": "openid", "redirect_uri": place}
            url = f"{servers.oidc}/protocol/openid-connect/auth?{urlencode(ask)}"
            assert "Invalid parameter: redirect_uri" in Browser(reader.ca, reader.name, reader.password).open(url)

    def test_trino_takes_no_answer_to_what_it_did_not_ask(self, stack, reader):
        here = f"https://{stack.manifest['trino'].address}/oauth2/callback"
        for state in ("x", "eyJhbGciOiJub25lIn0.eyJhdWQiOlsidHJpbm9fb2F1dGhfdWkiXX0."):
            answer = requests.get(here, params={"state": state, "code": "x"}, verify=reader.ca, timeout=30)
            assert answer.status_code == 400

    def test_a_password_given_to_trinos_client_itself_gets_no_token(self, stack, reader):
        servers = Servers(stack)
        form = {"grant_type": "password", "username": reader.name, "password": reader.password}
        client = ("lagoa-trino", servers.credentials["oidc-client-trino"])
        answer = httpx.post(f"{servers.oidc}/protocol/openid-connect/token", data=form, auth=client, timeout=30)
        assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")


class TestCommands:
    def test_a_name_is_one_persons_however_they_sign_in(self, stack, reader, engineer):
        root = stack._root
        listed = ok(root, "stack", "user", "list", "--sign-in", "keycloak", "--json").json()
        assert {"name": reader.name, "role": "reader"} in listed
        assert not [each for each in listed if each["name"].startswith("service-account")]
        for sign_in in ("keycloak", "password"):
            twice = lagoa(root, "stack", "user", "add", reader.name, "--sign-in", sign_in)
            assert (twice.code, f"there is a user '{reader.name}'" in twice.err) == (1, True)
            near = lagoa(root, "stack", "user", "add", f"{engineer.name}_x", "--role", "engineer", "--sign-in", sign_in)
            assert (near.code, "sandboxes of" in near.err) == (1, True)
        assert f"{engineer.name}_x" not in stack.people().all()
        gone = lagoa(root, "stack", "user", "remove", "nobody", "--sign-in", "keycloak")
        assert (gone.code, "there is no user 'nobody'" in gone.err) == (1, True)

    def test_who_was_removed_on_keycloaks_page_can_be_added_again(self, stack, realm):
        name = f"bo{uuid.uuid4().hex[:6]}"
        ok(stack._root, "stack", "user", "add", name, "--sign-in", "keycloak")
        (found,) = realm.get("users", username=name, exact="true")
        realm.send("DELETE", f"users/{found['id']}")
        ok(stack._root, "stack", "user", "remove", name, "--sign-in", "keycloak")
        ok(stack._root, "stack", "user", "add", name, "--sign-in", "keycloak")
        ok(stack._root, "stack", "user", "remove", name, "--sign-in", "keycloak")
        assert name not in stack.people().all()


@pytest.mark.nightly
class TestClients:
    """Programs on a person's machine, started as `lagoa connect` says; the test is the browser that they open."""

    def test_sqlalchemy(self, stack, reader):
        code = ok(stack._root, "connect", "sqlalchemy").out
        assert "('customers',)" in self._printed(reader, [sys.executable, "-c", code])

    def test_the_cli_of_trino(self, stack, reader, tmp_path):
        line = ok(stack._root, "connect", "trino").out.strip().splitlines()[-1]
        _, *words = line.replace("USER", reader.name).split()
        jar = fetch(stack._root, "trino-cli", CLI, print)
        command = [*java(tmp_path), "-jar", jar, *words, "--external-authentication-redirect-handler", "PRINT"]
        printed = self._printed(reader, [*command, "--execute", "SELECT id, name FROM customers ORDER BY id"])
        assert '"1",""\n"2",""' in printed

    def test_jdbc(self, stack, reader):
        if shutil.which("javac") is None:
            pytest.skip("java runs a source file only where a JDK is installed")
        jar = fetch(stack._root, "trino-jdbc", JDBC, print)
        url = re.findall(r"jdbc:trino:\S+", ok(stack._root, "connect", "dbeaver").out)[-1]
        url = f"{url}&externalAuthenticationRedirectHandlers=PRINT"
        source = Path(__file__).with_name("Jdbc.java")
        assert "rows [0.10]" in self._printed(reader, ["java", "-cp", jar, source, url, reader.name, "lake"])

    def _printed(self, who, command):
        """Run a program that prints where to sign in, do so, and return what it prints afterwards."""
        without = ("LAGOA_TRINO_USER", "LAGOA_TRINO_PASSWORD", "TRINO_PASSWORD", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
        environment = {name: value for name, value in os.environ.items() if name not in without}
        printed = []
        with subprocess.Popen(command, env=environment, stdout=-1, stderr=subprocess.STDOUT, text=True) as process:
            for line in process.stdout:
                printed.append(line)
                if url := re.search(r"https://\S+/oauth2/token/initiate/\w+", line):
                    who._sign_in(url[0])
        assert process.returncode == 0, "".join(printed)
        return "".join(printed)
