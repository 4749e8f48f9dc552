"""Signing in, on a stack whose servers want to know who asks: what each role does, and what it is told it may not."""

from __future__ import annotations

import json
import time
import uuid
from contextlib import contextmanager
from datetime import timedelta
from urllib.parse import quote

import httpx
import pyarrow as pa
import pytest
from aged import later
from command_line import ok
from main_job import ROOT, SCALE, rows, run_daily
from pydantic import SecretStr

import lagoa
from flows.sources.olist import generate
from lagoa.adapters.nessie.catalog import NessieCatalog
from lagoa.adapters.oidc.tokens import OidcOptions, OidcTokens
from lagoa.bootstrap import examine_lake
from lagoa.domain.refs import CANDIDATE_PREFIX, MAIN
from lagoa.domain.roles import PUBLISHER
from lagoa.domain.tables import TableName
from lagoa.errors import (
    AuditFailed,
    NotAllowed,
    NotCollectable,
    NothingToPublish,
    SignInFailed,
    StateExpired,
    TableNotFound,
)
from lagoa.settings import load_settings
from lagoa.storage.s3 import S3Server, S3Storage
from lagoa.storage.s3.keys import WebIdentityKeys

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def servers(signed):
    """Return where the servers are, and a way to get tokens."""
    return Servers(signed)


class Servers:
    """The servers of a stack with sign-in."""

    def __init__(self, stack):
        self.folder = stack._state
        found = self.environment = stack.environment()
        self.nessie, self.s3 = found["LAGOA_NESSIE_URL"], found["LAGOA_S3_ENDPOINT"]
        self.oidc = found["LAGOA_OIDC_URL"]
        self.credentials = json.loads((self.folder / "credentials.json").read_text())

    def tokens(self, role, **options):
        secret = self.credentials[f"oidc-client-{role}"]
        return OidcTokens(self.oidc, role, lambda: SecretStr(secret), OidcOptions(**options))

    @contextmanager
    def as_publisher(self):
        bearer = f"Bearer {self.tokens(PUBLISHER)().get_secret_value()}"
        with httpx.Client(base_url=f"{self.nessie}/", headers={"Authorization": bearer}, timeout=30) as http:
            yield http

    def references(self):
        with self.as_publisher() as http:
            found = http.get("trees", params={"max-records": 1000}).raise_for_status().json()["references"]
        return {ref["name"]: ref["hash"] for ref in found}

    def empty(self):
        """Leave nothing but a main with its first commit."""
        with self.as_publisher() as http:
            log = http.get("trees/main/history", params={"max-records": 1000}).raise_for_status().json()["logEntries"]
            root = log[-1]["commitMeta"]["hash"]
            for name, head in self.references().items():
                place = f"trees/{quote(name, safe='')}@{head}"
                if name == MAIN:
                    http.put(place, json={"type": "DETACHED", "hash": root}).raise_for_status()
                else:
                    http.delete(place).raise_for_status()

    @contextmanager
    def tokens_that_last(self, role, seconds):
        """Let the tokens of a role hold for so long."""
        base, _, realm = self.oidc.partition("/realms/")
        form = {"grant_type": "password", "client_id": "admin-cli", "username": "admin"}
        form["password"] = self.credentials["keycloak-admin"]
        with httpx.Client(timeout=30) as http:
            token = http.post(f"{base}/realms/master/protocol/openid-connect/token", data=form).json()["access_token"]
            http.headers["Authorization"] = f"Bearer {token}"
            clients = f"{base}/admin/realms/{realm}/clients"
            client = http.get(clients, params={"clientId": f"lagoa-{role}"}).raise_for_status().json()[0]
            place, attributes = f"{clients}/{client['id']}", client["attributes"]
            lasting = {**client, "attributes": {**attributes, "access.token.lifespan": str(seconds)}}
            http.put(place, json=lasting).raise_for_status()
            try:
                yield
            finally:
                usual = {**client, "attributes": {**attributes, "access.token.lifespan": ""}}
                http.put(place, json=usual).raise_for_status()


@pytest.fixture
def folder(tmp_path, servers, monkeypatch):
    return reference_lake(tmp_path, servers, monkeypatch)


def reference_lake(tmp_path, servers, monkeypatch):
    """Make a lake of the reference lake's files, to be run embedded and on the stack, with nothing in it."""
    servers.empty()
    for name, value in servers.environment.items():  # the other stack's stand there, and go before the file
        monkeypatch.setenv(name, value)
    for name in ("iceberg", "transformations", "soda", "flows"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / ".stack").mkdir()
    (tmp_path / ".stack" / "stack").symlink_to(servers.folder)
    (tmp_path / "lagoa.toml").write_text(
        f'[profiles.stack]\nstate = ".stack"\ncatalog = "nessie"\nnessie_url = "{servers.nessie}"\n'
        f'warehouse = "s3://lagoa/warehouse/{uuid.uuid4().hex}"\ns3_endpoint = "{servers.s3}"\n'
        f'sign_in = "oidc"\noidc_url = "{servers.oidc}"\nreceipts = "postgres"\n'
    )
    return tmp_path


@pytest.fixture
def lake_of(folder, monkeypatch):
    """Return what opens the lake as a role."""
    opened = []

    def open_as(role):
        monkeypatch.setenv("LAGOA_ROLE", role)
        opened.append(lagoa.open_lake(folder, "stack"))
        return opened[-1]

    yield open_as
    for lake in opened:
        lake.close()


WORK = "dev/engineer/work"
"""A branch of the engineer's own."""

_SE = {"zip_code_prefix": ["01001"], "city": ["sao paulo"], "state": ["SP"], "region": ["Southeast"]}
GOLD = pa.table(_SE | {"latitude": [-23.5], "longitude": [-46.6]})
"""Rows of gold.dim_geography."""

SELLERS = pa.table({"seller_id": ["a" * 32], "seller_zip_code_prefix": ["01001"], "seller_city": ["sao paulo"]})


def sellers(state="SP"):
    return SELLERS.append_column("seller_state", pa.array([state]))


def test_flows_publish_as_they_do_embedded_though_their_role_may_not_move_main(folder, servers, monkeypatch):
    generate(folder / "data", scale=SCALE)
    run_daily(folder)
    monkeypatch.delenv("LAGOA_ROLE", raising=False)  # a flow then signs in as the role that loads data
    run_daily(folder, "--profile", "stack")
    with lagoa.open_lake(folder) as embedded, lagoa.open_lake(folder, "stack") as stack:
        assert stack.settings.role == "engineer"
        assert sorted(embedded.tables()) == sorted(stack.tables())
        for table in sorted(stack.tables()):
            assert rows(stack, table).equals(rows(embedded, table)), table
        (publication,) = stack.publications()
        assert publication.report.passed
    assert [name for name in servers.references() if name.startswith((CANDIDATE_PREFIX, "run/"))] == []


def test_an_engineer_works_on_branches_and_hands_over(lake_of):
    lake = lake_of("engineer")
    branch = lake.create_branch(WORK)
    branch.append("bronze.sellers", sellers())
    publication = branch.publish("a seller")
    assert lake.resolve(MAIN).id == publication.commit
    assert lake.row_counts() == dict.fromkeys(lake.tables(), 1)
    with pytest.raises(NothingToPublish):
        branch.publish()
    back = lake.rollback(f"main@{publication.previous}")
    assert (lake.resolve(MAIN).id, lake.tables()) == (back.commit, {})


def test_an_engineer_has_sandboxes(lake_of):
    lake = lake_of("engineer")
    made = lake.create_sandbox("engineer_churn")
    lake.branch(made.branch).append("bronze.sellers", sellers())
    later = lake.extend_sandbox("engineer_churn", timedelta(days=30))
    assert later.ends_at - made.ends_at > timedelta(days=22)
    assert [(each.name, each.ends_at, each.expired) for each in lake.sandboxes()] == [
        ("engineer_churn", later.ends_at, False)
    ]
    lake.branch(made.branch).publish()
    assert lake.row_counts() == dict.fromkeys(lake.tables(), 1)
    found = lake.sandbox("engineer_churn")
    lake.delete_ref(found.branch, found.commit)
    assert lake.sandboxes() == []


def test_a_failed_audit_of_the_publishers_is_told(lake_of):
    lake = lake_of("engineer")
    branch = lake.create_branch(WORK)
    branch.append("bronze.sellers", sellers("XX"))
    with pytest.raises(AuditFailed) as told:
        branch.publish()
    assert "bronze.sellers/enum/seller_state" in {each.check for each in told.value.report.blocking}
    assert lake.audit_of(WORK).report.commit == told.value.report.commit
    assert lake.tables() == {}


REFUSED = {
    "reader": [("work", "engineer and publisher"), ("run/x/1", "ingest, engineer and publisher")],
    "ingest": [
        ("work", "engineer and publisher"),
        ("sandbox/ana", "begins with"),
        (f"{CANDIDATE_PREFIX}x", "publisher"),
    ],
    "engineer": [(f"{CANDIDATE_PREFIX}x", "publisher"), ("dev/somebody/x", "somebody")],
}


@pytest.mark.parametrize("role", REFUSED)
def test_what_a_role_may_not_is_told_with_who_may(lake_of, servers, role):
    lake = lake_of(role)
    before = servers.references()
    head = lake.resolve(MAIN).id
    for branch, who in REFUSED[role]:
        with pytest.raises(NotAllowed, match=f"role '{role}' to do this: make '{branch}'") as told:
            lake.create_branch(branch)
        assert who in told.value.advice
    catalog = lake.context.catalog
    with pytest.raises(NotAllowed, match=f"role '{role}' to do this: move 'main'") as told:
        catalog._assign(MAIN, head, head)
    assert told.value.advice == "The role publisher may."
    assert "Bearer" not in str(told.value)
    if role != "engineer":
        with pytest.raises(NotAllowed, match=f"role '{role}' to do this: roll main back"):
            lake.rollback("main~1")
    assert {name: at for name, at in servers.references().items() if "/scratch/" not in name} == before


def test_a_reader_reads_the_layers_of_the_policy_and_no_others(lake_of, folder):
    branch = lake_of("engineer").create_branch(WORK)
    branch.append("bronze.sellers", sellers())
    branch.append("gold.dim_geography", GOLD)
    branch.publish()
    lake = lake_of("reader")
    assert lake.sql("SELECT city FROM gold.dim_geography").fetchall() == [("sao paulo",)]
    for ref in (MAIN, WORK):
        assert [str(table) for table in lake.tables(ref)] == ["gold.dim_geography"]
    assert [str(state.table) for state in lake.describe()] == ["gold.dim_geography"]
    (write,) = lake.blame("gold.dim_geography", "01001").writes
    assert (write.kind, write.how, write.branch) == ("added", ("append",), WORK)
    assert lake.publications()[0].report.passed
    (found,) = examine_lake(load_settings(folder, "stack"))
    assert "not looked at" in found.message
    assert "role 'reader'" in found.message
    for query in ("SELECT * FROM bronze.sellers", "SELECT * FROM bronze.sellers, gold.dim_geography"):
        with pytest.raises(TableNotFound, match=r"no table bronze\.sellers"):
            lake.sql(query)
    with pytest.raises(NotAllowed, match=f"publish '{WORK}'"):
        lake.branch(WORK).publish()


def test_the_maintainer_alone_lets_states_expire_and_collects_files(lake_of, folder):
    with (folder / "lagoa.toml").open("a") as file:
        file.write("[retention]\nhistory_days = 10\n")
    engineer, reader = lake_of("engineer"), lake_of("reader")
    branch = engineer.create_branch(WORK)
    branch.append("gold.dim_geography", GOLD)
    first = branch.publish().commit
    branch.replace("gold.dim_geography", pa.table(_SE | {"latitude": [-23.6], "longitude": [-46.6]}))
    branch.publish()
    assert reader.sql("SELECT city FROM gold.dim_geography", f"main@{first}").fetchall() == [("sao paulo",)]
    with pytest.raises(NotCollectable, match="maintainer"):
        engineer.collect()
    done = ok(folder, "--profile", "stack", "maintain", "--expire", "--collect", "--yes", "--json").json()
    assert (done["expiry"]["expired"], done["collection"]["garbage"]) == (0, 0)
    assert done["collection"]["listed"] > 0

    maintainer = lake_of("maintainer")
    for branch_of_nobody in ("run/x/1", "work"):
        with pytest.raises(NotAllowed, match="role 'maintainer' to do this: make"):
            maintainer.create_branch(branch_of_nobody)
    with pytest.raises(NotAllowed, match=f"delete '{WORK}'"):
        maintainer.delete_ref(WORK)
    with pytest.raises(NotAllowed, match="publish"):
        maintainer.branch(WORK).publish()
    engineer.delete_ref(WORK)
    maintainer = later(maintainer, 12)
    assert maintainer.expire(dry_run=False).expired == 1
    for _ in range(2):
        assert maintainer.collect(dry_run=False).garbage == 0
        maintainer = later(maintainer, 2)
    assert maintainer.collect(dry_run=False).garbage > 0
    for other in (engineer, reader):
        assert other.sql("SELECT city FROM gold.dim_geography").fetchall() == [("sao paulo",)]
        with pytest.raises(StateExpired, match=r"\[retention\]"):
            other.sql("SELECT city FROM gold.dim_geography", f"main@{first}")


@pytest.mark.parametrize("branch", ["work", "run/daily/1"])
def test_an_engineer_loads_data_on_branches_of_their_own_alone(lake_of, branch):
    lake = lake_of("engineer")
    elsewhere = lake.create_branch(branch)
    with pytest.raises(NotAllowed, match=rf"change bronze, bronze\.sellers on '{branch}'") as told:
        elsewhere.append("bronze.sellers", sellers())
    assert "the role ingest, on `run/…`" in told.value.advice
    assert lake.tables(branch) == {}
    elsewhere.append("gold.dim_geography", GOLD)
    assert [str(table) for table in lake.tables(branch)] == ["gold.dim_geography"]


def test_a_reader_sees_no_quarantine_and_is_told_so(lake_of, folder):
    lines = [f"{number:032x},01001,sao paulo,SP" for number in range(200)] + [f"{'b' * 32},01001,sao paulo,XX"]
    file = folder / "olist_sellers_dataset.csv"
    file.write_text("\n".join(["seller_id,seller_zip_code_prefix,seller_city,seller_state", *lines]) + "\n")
    branch = lake_of("engineer").create_branch(WORK)
    assert branch.ingest(file, into="bronze.sellers").quarantined == 1
    branch.append("gold.dim_geography", GOLD)
    branch.publish()
    lake = lake_of("reader")
    assert lake.row_counts() == {TableName(("gold",), "dim_geography"): 1}
    assert [str(state.table) for state in lake.describe()] == ["gold.dim_geography"]
    (write,) = lake.blame("gold.dim_geography", "01001").writes
    assert (write.kind, write.how, write.branch) == ("added", ("append",), WORK)
    for looked_at in (
        lake.quarantine,
        lambda: lake.refused_records("bronze.sellers"),
        lambda: lake.batches("bronze.sellers"),
        lambda: lake.sql("SELECT * FROM quarantine.bronze__sellers"),
        lambda: lake.blame("quarantine.bronze__sellers", {}),
        lambda: lake.audit(MAIN),
    ):
        with pytest.raises(NotAllowed, match="role 'reader' to do this: read the quarantine"):
            looked_at()


def test_commits_are_made_on_scratch_branches_of_the_role(lake_of, servers):
    lake_of("engineer").create_branch(WORK).append("bronze.sellers", sellers())
    scratch = [name for name in servers.references() if name.startswith("lagoa/scratch/")]
    assert scratch
    assert all(name.startswith("lagoa/scratch/engineer/own/") for name in scratch)


@pytest.mark.parametrize("role", ["reader", "publisher"])
def test_who_only_reads_writes_no_object(servers, role):
    place = f"s3://lagoa/warehouse/{uuid.uuid4().hex}"
    keys = WebIdentityKeys(servers.s3, servers.tokens(role))
    files = S3Storage(place, S3Server(servers.s3, "us-east-1", keys, role)).file_io({})
    with pytest.raises(NotAllowed, match=f"role '{role}'"), files.new_output(f"{place}/x").create() as stream:
        stream.write(b"x")


def test_work_goes_on_past_the_life_of_a_token(lake_of, servers):
    with servers.tokens_that_last("engineer", 2):
        lake = lake_of("engineer")
        branch = lake.create_branch(WORK)
        began, seen = time.monotonic(), set()
        while time.monotonic() - began < 6:
            branch.append("bronze.sellers", sellers(), batch=f"{time.monotonic()}")
            seen.add(lake.context.catalog._http._tokens().get_secret_value())
        assert len(seen) > 2, "the tokens were to run out meanwhile"


def test_a_token_that_a_server_takes_no_more_is_replaced(servers):
    with servers.tokens_that_last("engineer", 1):
        stopped = servers.tokens("engineer", clock=lambda: 0.0)  # its clock stands: it takes the token to hold
        old = stopped()
        time.sleep(2)
    catalog = NessieCatalog(servers.nessie, stopped, create=False)
    assert catalog.ref(MAIN)
    catalog.close()
    assert stopped() != old
    with servers.tokens_that_last("engineer", 1):
        stopped.forget(stopped())
        old = stopped()
        time.sleep(2)
    keys = WebIdentityKeys(servers.s3, stopped)()
    assert keys.token.get_secret_value()
    assert stopped() != old


def test_a_wrong_secret_is_told_and_stands_in_no_text(folder, monkeypatch):
    monkeypatch.setenv("LAGOA_SECRET_OIDC_CLIENT_SECRET", "wr0ng-secret")
    with pytest.raises(SignInFailed, match="'lagoa-engineer'") as told:
        lagoa.open_lake(folder, "stack")
    assert "wr0ng" not in repr(told.value)
