"""Approvals where people sign in: the name is Keycloak's, and nobody but the publisher can keep one in it."""

from __future__ import annotations

import html
import os
import re
import secrets
import subprocess
import sys
import uuid
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from urllib.error import HTTPError
from urllib.parse import urlencode, urljoin
from urllib.request import HTTPCookieProcessor, ProxyHandler, build_opener

import psycopg
import pyarrow as pa
import pytest
from lakes import LakeFolder
from pydantic import SecretStr

from lagoa.adapters.oidc.people import OidcPeople
from lagoa.adapters.postgres.lazy import Login, login_of
from lagoa.adapters.postgres.receipts import PostgresReceipts
from lagoa.adapters.shared.receipt_documents import write_approval
from lagoa.domain.approvals import Approval
from lagoa.domain.credentials import drawn_password, read_credentials
from lagoa.errors import ApprovalMissing, NotAllowed, SignInFailed, StackError
from lagoa.stack.servers.keycloak.people import People
from tests.stack.test_sign_in import Servers

pytestmark = pytest.mark.timeout(300)

TABLE = "silver.orders"


class Person:
    """Somebody at Keycloak, who has chosen a password at the first sign-in."""

    def __init__(self, name, first):
        self.name = name
        self._forms = {"username": name, "password": first}
        self._chosen = secrets.token_urlsafe(12)

    def allow(self, url, answer="accept"):
        """Open the address that a command shows, sign in, and answer whether the command may know who that is."""
        # On loopback browsers keep and send secure cookies without TLS, too.
        cookies = CookieJar(DefaultCookiePolicy(secure_protocols=("http", "https")))
        browser = build_opener(ProxyHandler({}), HTTPCookieProcessor(cookies))
        place, text = _opened(browser, url)
        for _ in range(6):
            form = re.search(r'<form[^>]*action="([^"]+)"[^>]*>(.*?)</form>', text, re.DOTALL)
            if form is None:
                return text
            inputs = dict(re.findall(r'<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"', form[2]))
            inputs |= {
                name: value for value, name in re.findall(r'<input[^>]*value="([^"]*)"[^>]*name="([^"]+)"', form[2])
            }
            if 'name="password-new"' in form[2]:
                values = {"password-new": self._chosen, "password-confirm": self._chosen}
                self._forms["password"] = self._chosen
            elif 'name="username"' in form[2]:
                values = dict(self._forms)
            else:
                values = {name: each for name, each in inputs.items() if name not in ("accept", "cancel")}
                values[answer] = "x"
            place, text = _opened(browser, urljoin(place, html.unescape(form[1])), values)
        raise AssertionError(text)


def _opened(browser, url, form=None):
    try:
        page = browser.open(url, urlencode(form).encode() if form else None, timeout=30)
    except HTTPError as error:
        page = error
    with page:
        return page.url, page.read().decode()


@pytest.fixture(scope="module")
def person(signed):
    people, made = People(signed._site("keycloak")), []

    def make(role="reader"):
        name = f"{role}{uuid.uuid4().hex[:6]}"
        made.append(name)
        return Person(name, people.add(name, role))

    yield make
    for name in made:
        with suppress(StackError):
            people.remove(name)


@pytest.fixture
def lake(tmp_path, signed, monkeypatch):
    """Return a lake whose catalog is a file, and whose sign-in and receipts are the stack's."""
    for name in [each for each in os.environ if each.startswith("LAGOA_") and not each.startswith("LAGOA_TEST")]:
        monkeypatch.delenv(name)
    found = signed.environment()
    folder = LakeFolder(
        tmp_path, sign_in="oidc", oidc_url=found["LAGOA_OIDC_URL"], receipts="postgres",
        postgres_url=found["LAGOA_POSTGRES_URL"], author="x",
    )  # fmt: skip
    folder.contract(TABLE, "id:long*")
    (tmp_path / ".lagoa").mkdir(exist_ok=True)
    (tmp_path / ".lagoa" / "stack").symlink_to(signed._state)
    with folder.open() as opened:
        yield opened


def asking(lake, *people):
    """Let the file ask for an approval by one of some people, and return the lake so."""
    with (lake.settings.root / "lagoa.toml").open("a") as file:
        names = ", ".join(f'"{each.name}"' for each in people)
        file.write(f"approval = {{ owners = true, teams = {{ tests = [{names}] }} }}\n")
    return lake


def login(lake, role):
    password = read_credentials(lake.settings.state_folder / "stack/credentials.json")[drawn_password(role)]
    return Login(lake.settings.postgres_url, role, lambda: SecretStr(password))


def test_who_signed_in_approves_and_the_publisher_publishes(lake, person):
    ana, bia = person(), person("engineer")
    asking(lake, ana)
    dev = lake.create_branch("dev")
    dev.append(TABLE, pa.table({"id": pa.array([1], pa.int64())}))
    with pytest.raises(ApprovalMissing, match=f"can be approved by {ana.name}"):
        dev.publish()
    given = dev.approve("mine", on_sign_in=bia.allow)
    assert (given.by, given.enforced) == (bia.name, True)
    with pytest.raises(ApprovalMissing):
        dev.publish()
    given = dev.approve("ours", on_sign_in=ana.allow)
    publication = dev.publish()
    assert given in publication.approvals
    assert "not enforced" not in given.shown


def test_nobody_but_the_publisher_keeps_an_approval_in_anybodys_name(lake, person):
    ana = person()
    asking(lake, ana)
    dev = lake.create_branch("dev")
    dev.append(TABLE, pa.table({"id": pa.array([1], pa.int64())}))
    forged = Approval("dev", dev.head, ana.name, datetime.now(UTC), enforced=True)
    with closing(PostgresReceipts(login(lake, "engineer"))) as store:
        store.approve(forged)
        assert list(store.approvals(dev.head)) == [replace(forged, enforced=False)]
    with pytest.raises(ApprovalMissing, match="the publisher did not keep it"):
        dev.publish()
    for role in ("reader", "ingest"):
        with closing(PostgresReceipts(login(lake, role))) as store, pytest.raises(NotAllowed):
            store.approve(forged)
    at = login(lake, "engineer")
    for sql in (
        "insert into lagoa.approvals (kept_by, commit_id, document) values ('lagoa_publisher', %s, %s)",
        "update lagoa.approvals set kept_by = 'lagoa_publisher' where commit_id = %s or document = %s",
        "delete from lagoa.approvals where commit_id = %s or document = %s",
    ):
        with (
            psycopg.connect(at.url, user=login_of("engineer"), password=at.password().get_secret_value()) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(sql, (dev.head, write_approval(forged)))


def test_a_token_for_anything_else_proves_nothing(lake, signed):
    dev = lake.create_branch("dev")
    dev.append(TABLE, pa.table({"id": pa.array([1], pa.int64())}))
    for token in ("", "abc", Servers(signed).tokens("engineer")().get_secret_value()):
        with pytest.raises(SignInFailed):
            lake.context.publisher.approve("dev", dev.head, "", SecretStr(token))


def test_who_was_removed_since_or_denies_it_approves_nothing(lake, person, signed):
    ana = person()
    with pytest.raises(SignInFailed, match="did not let anybody"):
        lake.context.people.sign_in(lambda url: ana.allow(url, "cancel"))
    token = lake.context.people.sign_in(ana.allow)
    servers = Servers(signed)
    publisher = OidcPeople(servers.oidc, servers.tokens("publisher"), 10)
    assert publisher.who(token) == ana.name
    People(signed._site("keycloak")).remove(ana.name)
    with pytest.raises(SignInFailed):
        publisher.who(token)


def test_what_a_person_signs_in_for_is_shown_by_the_command(lake, person):
    ana = person()
    asking(lake, ana)
    dev = lake.create_branch("dev")
    dev.append(TABLE, pa.table({"id": pa.array([1], pa.int64())}))
    command = [sys.executable, "-m", "lagoa.cli", "--lake", str(lake.settings.root), "approve", "dev"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr:
            found = re.search(r"http\S+", line)
            if found:
                ana.allow(found[0])
                break
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert f"approved by {ana.name}" in out
    assert dev.publish().approvals[0].by == ana.name
