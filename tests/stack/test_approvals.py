"""Approvals where people sign in: the name is Keycloak's, and nobody but the publisher can keep one in it.

The first tests need no Nessie; the last ones are on it, as all of the roles work there.
"""

from __future__ import annotations

import html
import json
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

import lagoa
from lagoa.adapters.oidc.people import OidcPeople
from lagoa.adapters.postgres.lazy import Login, login_of
from lagoa.adapters.postgres.receipts import PostgresReceipts
from lagoa.adapters.shared.receipt_documents import write_approval
from lagoa.audit.records import find_audit
from lagoa.domain.approvals import Approval
from lagoa.domain.credentials import drawn_password, read_credentials
from lagoa.domain.handover import read_answer
from lagoa.domain.refs import MAIN
from lagoa.errors import ApprovalMissing, ApprovalOutdated, LagoaError, NotAllowed, SignInFailed, StackError
from lagoa.stack.servers.keycloak.people import People
from tests.stack.test_sign_in import GOLD, WORK, Servers, reference_lake

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


@pytest.fixture
def on_nessie(tmp_path, signed, person, monkeypatch):
    """Return what opens the reference lake on Nessie as an engineer who signs the commits, and who else can approve."""
    ana, eng = person(), person("engineer")
    servers = Servers(signed)
    folder = reference_lake(tmp_path, servers, monkeypatch)
    with (folder / "lagoa.toml").open("a") as file:
        teams = f'{{ analytics = ["{ana.name}", "{eng.name}"] }}'
        file.write(f"approval = {{ owners = true, four_eyes = true, teams = {teams} }}\n")
    monkeypatch.setenv("LAGOA_ROLE", "engineer")
    monkeypatch.setenv("LAGOA_AUTHOR", eng.name)
    with lagoa.open_lake(folder, "stack") as opened:
        yield opened, ana, eng


def geography(*zip_codes):
    return pa.concat_tables([GOLD.set_column(0, "zip_code_prefix", pa.array([each])) for each in zip_codes])


def ask_publisher(lake, **request):
    """Ask a publisher process as any program can; return its answer, or the error."""
    command = [sys.executable, "-I", "-m", "lagoa.cli.publisher", "--lake", str(lake.settings.root)]
    command += ["--profile", "stack", "--caller", "engineer"]
    line = json.dumps({"author": "nobody", "message": "", **request}) + "\n"
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as publisher:
        publisher.stdin.write(line)
        publisher.stdin.flush()
        answer = publisher.stdout.readline()  # it ends with its standard input, in the midst of its work too
        publisher.communicate(timeout=60)
    assert publisher.returncode == 0
    try:
        return read_answer(answer)
    except LagoaError as error:
        return error


def test_on_nessie_exactly_what_another_person_approved_is_published(on_nessie):
    lake, ana, eng = on_nessie
    dev = lake.create_branch(WORK)
    dev.append("gold.dim_geography", geography("01001"))
    before = lake.resolve(MAIN).id
    with pytest.raises(ApprovalMissing) as told:
        dev.publish()
    assert told.value.missing == (
        f"analytics owns gold.dim_geography (owners; can be approved by {ana.name}, {eng.name})",
    )
    assert dev.plan_publication().consent.missing[0].shown == told.value.missing[0]
    own = dev.approve("mine", on_sign_in=eng.allow)
    assert (own.by, own.enforced) == (eng.name, True)
    with pytest.raises(ApprovalMissing, match="an author of the branch"):
        dev.publish()
    first = dev.approve("fine", on_sign_in=ana.allow)
    dev.append("gold.dim_geography", geography("01002"))
    with pytest.raises(ApprovalMissing):
        dev.publish()
    assert lake.resolve(MAIN).id == before
    with pytest.raises(ApprovalOutdated):
        dev.approve("still fine", commit=first.commit, on_sign_in=ana.allow)
    given = dev.approve("fine, too", on_sign_in=ana.allow)
    publication = dev.publish()
    assert publication.approvals == (given,)
    assert (given.by, given.commit, given.enforced) == (ana.name, dev.head, True)
    assert lake.publications()[0].approvals == (given,)
    receipt = find_audit(lake.context, MAIN).receipt
    assert (receipt.approvals, receipt.commit) == ((given,), lake.resolve(MAIN).id)
    assert lake.blame("gold.dim_geography", "01002").writes[0].author == eng.name


def test_on_nessie_a_rebase_by_the_publication_voids_an_approval(on_nessie):
    lake, ana, _ = on_nessie
    dev, other = lake.create_branch(WORK), lake.create_branch(f"{WORK}-2")
    dev.append("gold.dim_geography", geography("01001"))
    other.append("gold.dim_geography", geography(*(f"02{number:03}" for number in range(50))))
    for branch in (dev, other):
        branch.approve(on_sign_in=ana.allow)
    other.publish()
    approved = dev.head
    with pytest.raises(ApprovalMissing) as told:
        dev.publish()
    assert told.value.head == dev.head != approved
    dev.approve(on_sign_in=ana.allow)
    assert [each.by for each in dev.publish().approvals] == [ana.name]


def test_on_nessie_the_publisher_asks_whoever_sends_it_requests(on_nessie, signed):
    """A program of an engineer's sends lines to a publisher process itself: as Lagoa does, and as it does not."""
    lake, ana, _ = on_nessie
    dev = lake.create_branch(WORK)
    dev.append("gold.dim_geography", geography("01001"))
    before, head = lake.resolve(MAIN).id, dev.head
    forged = [{"by": ana.name, "commit": head, "enforced": True}]
    for request in (
        {"branch": WORK},
        {"branch": WORK, "in_turn": True, "refresh": True, "approvals": forged},
        {"branch": WORK, "author": ana.name, "approval": {"owners": False}},
    ):
        assert isinstance(ask_publisher(lake, **request), ApprovalMissing)
    for token in (None, "abc", Servers(signed).tokens("engineer")().get_secret_value()):
        asked = {"approve": WORK, "commit": head, "author": ana.name, "token": token}
        assert isinstance(ask_publisher(lake, **asked), SignInFailed)
    assert list(lake.context.receipts.approvals(head)) == []
    token = lake.context.people.sign_in(ana.allow).get_secret_value()
    assert isinstance(ask_publisher(lake, approve=WORK, commit=before, token=token), ApprovalOutdated)
    given = ask_publisher(lake, approve=WORK, commit=head, token=token)
    assert (given.by, given.enforced) == (ana.name, True)
    assert lake.resolve(MAIN).id == before
    assert ask_publisher(lake, branch=WORK).approvals == (given,)
