"""pynessie and its command `nessie` on our Nessie: what docs/nessie-clients.md says of them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import httpx
import pytest
from checkout import ROOT
from marshmallow import ValidationError

from lagoa.bootstrap import examine_lake
from lagoa.domain.refs import MAIN
from lagoa.domain.roles import JOURNAL, SCRATCH
from tests.stack.test_sign_in import Servers

with warnings.catch_warnings(action="ignore"):  # of marshmallow, at its import
    import pynessie
    from pynessie.error import (
        NessieContentNotFoundException,
        NessieException,
        NessiePermissionException,
        NessieReferenceAlreadyExistsException,
        NessieReferenceConflictException,
        NessieReferenceNotFoundException,
        NessieUnauthorizedException,
    )
    from pynessie.model import Branch, ContentKey, Delete, IcebergTable, Put, Tag

pytestmark = pytest.mark.timeout(240)

PAGE = ROOT / "docs" / "nessie-clients.md"
SHELL, *PYTHON = re.findall(r"^```(?:python)?\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
PEOPLE = ContentKey(["bronze", "people"])
NESSIE = Path(sys.executable).with_name("nessie")


def v1(nessie_url):
    return nessie_url.removesuffix("v2") + "v1"


def client(nessie_url, token=None):
    auth = {"type": "bearer", "token": token} if token else {"type": "none"}
    return pynessie.init(config_dict={"endpoint": v1(nessie_url), "verify": True, "auth": auth})


def head(nessie, ref):
    return nessie.get_reference(ref).hash_


def references(nessie):
    """Return the references that are for people, with their kinds."""
    found = {each.name: type(each) for each in nessie.list_references().references}
    return {name: kind for name, kind in found.items() if not name.startswith((SCRATCH, JOURNAL))}


def tables(nessie, ref):
    """Return the pointer of each table of a reference."""
    keys = [each.name.elements for each in nessie.list_keys(ref).entries if each.kind == "ICEBERG_TABLE"]
    return {".".join(key): nessie.get_content(ref, ContentKey(key)).metadata_location for key in keys}


def pointers(lake, ref=MAIN):
    return {str(table): pointer for table, pointer in lake.tables(ref).items()}


@pytest.fixture
def lake(small):
    """Return a lake with two publications."""
    with small.open() as opened:
        for number in (1, 2):
            with opened.run("load") as branch:
                branch.append("bronze.people", small.people(number))
                branch.append("bronze.pets", small.pets(number, owner=number))
                branch.transform()
                branch.publish()
        yield opened


@pytest.fixture
def nessie(lake, empty_nessie):
    return client(empty_nessie)


def test_references_are_listed_made_moved_and_deleted(nessie, lake):
    main = head(nessie, MAIN)
    assert (nessie.get_default_branch(), main) == (MAIN, lake.resolve(MAIN).id)
    assert nessie.create_branch("dev", MAIN, main) == Branch("dev", main)
    assert nessie.create_tag("monday", MAIN, main) == Tag("monday", main)
    assert references(nessie) == {MAIN: Branch, "dev": Branch, "monday": Tag}
    assert {"dev", "monday"} <= {ref.name for ref in lake.refs()}
    with pytest.raises(NessieReferenceAlreadyExistsException):
        nessie.create_branch("dev", MAIN, main)
    with pytest.raises(NessieException, match="Target hash must be provided"):
        nessie.create_branch("other", MAIN)
    with pytest.raises(NessieReferenceNotFoundException):
        nessie.get_reference("nosuch")
    with pytest.raises(NessieException, match="Reference name must start with a letter"):
        nessie.get_reference(f"{MAIN}~1")  # is API v2's

    first = lake.resolve(f"{MAIN}~1").id
    nessie.assign_branch("dev", MAIN, first)
    nessie.assign_tag("monday", MAIN, first)
    assert {head(nessie, "dev"), head(nessie, "monday"), lake.resolve("dev").id} == {first}
    with pytest.raises(NessieReferenceConflictException):
        nessie.delete_branch("dev", main)  # it is not there any more
    nessie.delete_branch("dev", first)
    nessie.delete_tag("monday", first)
    assert references(nessie) == {MAIN: Branch}


def test_log_keys_and_contents_show_what_was_published(nessie, lake):
    log = [each.commit_meta for each in nessie.get_log(MAIN)]
    published = [commit for commit in lake.log(MAIN) if commit.parents]
    assert [each.hash_ for each in log] == [commit.id for commit in lake.log(MAIN)]
    assert [each.message for each in log[:2]] == [commit.message for commit in published]
    assert [each.author for each in log[:2]] == ["ana", "ana"]
    assert log[0].properties["lagoa.receipt"] == lake.publications()[0].receipt
    assert [each.commit_meta.hash_ for each in nessie.get_log(MAIN, max_records=1)] == [log[0].hash_]
    own = list(nessie.get_log(MAIN, filter="commit.author == 'ana'"))
    assert [each.commit_meta.hash_ for each in own] == [commit.id for commit in published]

    assert tables(nessie, MAIN) == pointers(lake)
    kinds = {".".join(each.name.elements): each.kind for each in nessie.list_keys(MAIN).entries}
    assert (kinds["bronze"], kinds["bronze.people"]) == ("NAMESPACE", "ICEBERG_TABLE")
    bronze = nessie.list_keys(MAIN, query_filter="entry.namespace == 'bronze'").entries
    assert {each.name.elements[-1] for each in bronze} == {"people", "pets"}
    earlier = nessie.get_content(MAIN, PEOPLE, log[1].hash_)
    assert earlier.metadata_location == pointers(lake, f"{MAIN}~1")["bronze.people"]
    with pytest.raises(NessieContentNotFoundException):
        nessie.get_content(MAIN, ContentKey(["bronze", "nosuch"]))


def test_branches_are_merged_and_committed_to(nessie, lake, small):
    for name in ("one", "two"):
        nessie.create_branch(name, MAIN, head(nessie, MAIN))
    lake.branch("one").append("bronze.people", small.people(3))
    assert nessie.merge("one", "two").was_applied
    assert pointers(lake, "two") == pointers(lake, "one")
    again = nessie.merge("one", "two")
    assert (again.was_applied, again.was_successful) == (False, True)
    assert [each.to_content.metadata_location for each in nessie.get_diff(MAIN, "one").diffs] == [
        pointers(lake, "one")["bronze.people"]
    ]

    lake.branch("one").append("bronze.people", small.people(4))
    lake.branch("two").append("bronze.people", small.people(5))
    with pytest.raises(NessieReferenceConflictException, match=r"changed in conflict: 'bronze\.people'"):
        nessie.merge("one", "two")
    with pytest.raises(NessieReferenceConflictException, match=r"changed in conflict: 'bronze\.people'"):
        nessie.cherry_pick("two", "one", None, head(nessie, "one"))

    stale, there = head(nessie, "one"), nessie.get_content("one", PEOPLE)
    place = pointers(lake)["bronze.people"]
    put = IcebergTable(there.id, place, there.snapshot_id, there.schema_id, there.spec_id, there.sort_order_id)
    nessie.commit("one", stale, "back to main's", "ben", Put(PEOPLE, put))
    assert pointers(lake, "one")["bronze.people"] == place
    with pytest.raises(NessieReferenceConflictException):
        nessie.commit("one", stale, "late", "ben", Delete(PEOPLE))
    nessie.commit("one", head(nessie, "one"), "gone", "ben", Delete(PEOPLE))
    assert "bronze.people" not in pointers(lake, "one")
    assert "bronze.people" in pointers(lake, MAIN)


def test_what_api_v1_does_not_know_breaks_it(nessie, empty_nessie):
    """Properties of a namespace and views are younger than pynessie."""
    with pytest.raises(ValidationError, match="properties"):
        list(nessie.get_log(MAIN, fetch_all=True))
    nessie.create_branch("dev", MAIN, head(nessie, MAIN))
    view = {"type": "ICEBERG_VIEW", "metadataLocation": "s3://lagoa/warehouse/v.json", "versionId": 1, "schemaId": 0}
    operation = {"type": "PUT", "key": {"elements": ["bronze", "seen"]}, "content": view}
    body = {"commitMeta": {"message": "a view"}, "operations": [operation]}
    place = f"{empty_nessie}/trees/dev@{head(nessie, 'dev')}/history/commit"
    httpx.post(place, json=body).raise_for_status()

    assert "seen" in {each.name.elements[-1] for each in nessie.list_keys("dev").entries}
    assert next(nessie.get_log("dev")).commit_meta.message == "a view"
    for act in (
        lambda: nessie.get_diff(MAIN, "dev"),
        lambda: nessie.get_content("dev", ContentKey(["bronze", "seen"])),
        lambda: list(nessie.get_log("dev", max_records=1, fetch_all=True)),
    ):
        with pytest.raises(TypeError, match="IcebergView"):
            act()


def test_without_sign_in_nothing_but_the_doctor_notices_a_main_that_was_moved(nessie, lake, small):
    lake.create_branch("dev").append("bronze.people", small.people(3, age=-1))
    nessie.merge("dev", MAIN)
    found = [each.message for each in examine_lake(lake.context.settings)]
    assert f"main has 1 commits without a publication, such as {head(nessie, MAIN)[:12]}." in found


@pytest.fixture
def command(tmp_path):
    """Return the command `nessie`, with a home and variables of its own."""

    def run(*arguments, **variables):
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **variables}
        return subprocess.run([NESSIE, *arguments], capture_output=True, text=True, env=environment, check=False)

    return run


def test_the_command(command, lake, empty_nessie):
    def nessie(*arguments):
        done = command(*arguments, NESSIE_ENDPOINT=v1(empty_nessie))
        assert done.returncode == 0, done.stderr
        return done.stdout

    main, first = lake.resolve(MAIN).id, lake.resolve(f"{MAIN}~1").id
    nessie("branch", "dev", MAIN)
    nessie("tag", "monday", MAIN)
    assert {each["name"]: each["hash"] for each in json.loads(nessie("--json", "branch", "-l"))}["dev"] == main
    assert [each["name"] for each in json.loads(nessie("--json", "tag", "-l"))] == ["monday"]
    assert lake.log(MAIN)[0].message in nessie("log", "-n", "1", MAIN)
    keys = json.loads(nessie("--json", "content", "list", "-r", MAIN))
    assert {"type": "ICEBERG_TABLE", "name": {"elements": ["bronze", "people"]}} in keys
    assert pointers(lake)["bronze.people"] in nessie("content", "view", "-r", MAIN, "bronze.people")
    nessie("branch", "-f", "-o", first, "dev", MAIN)
    assert lake.resolve("dev").id == first
    assert pointers(lake)["bronze.people"] in nessie("diff", "dev", MAIN)
    nessie("merge", "-b", "dev", "-c", first, MAIN)
    assert pointers(lake, "dev") == pointers(lake)
    nessie("branch", "-d", "dev")
    nessie("tag", "-d", "monday")
    assert {"dev", "monday"}.isdisjoint(ref.name for ref in lake.refs())


def test_where_the_command_finds_the_server(command, empty_nessie, tmp_path):
    assert command("config", "--add", "endpoint", v1(empty_nessie)).returncode == 0
    assert (tmp_path / ".config" / "nessie" / "config.yaml").is_file()
    assert f"Remote URL: {v1(empty_nessie)}\n" in command("remote", "show").stdout
    (tmp_path / "config.yaml").write_text("endpoint: http://elsewhere/api/v1\n")
    done = command("config", "--get", "endpoint", NESSIEDIR=str(tmp_path))
    assert done.stdout.strip() == "http://elsewhere/api/v1"
    done = command("config", "--get", "endpoint", NESSIE_CLIENTDIR=str(tmp_path))
    assert done.stdout.strip() == v1(empty_nessie)
    done = command("--endpoint", "http://127.0.0.1:1/api/v1", "branch")
    assert done.returncode != 0


@pytest.fixture
def servers(signed):
    """Return the servers that want to know who asks, with nothing on main but its first commit."""
    found = Servers(signed)
    found.empty()
    return found


@pytest.fixture
def as_role(servers):
    """Return a client that signed in as a role."""
    return lambda role: client(servers.nessie, servers.tokens(role)().get_secret_value())


def test_who_may_do_what_with_sign_in(servers, as_role, command):
    with pytest.raises(NessieUnauthorizedException):
        client(servers.nessie).list_references()
    reader, engineer, publisher = as_role("reader"), as_role("engineer"), as_role("publisher")
    main = head(reader, MAIN)
    table = IcebergTable(None, "s3://lagoa/warehouse/bronze/people-x/metadata/1.metadata.json", 1, 0, 0, 0)

    engineer.create_branch("dev", MAIN, main)
    engineer.commit("dev", main, "a table", "eva", Put(ContentKey(["people"]), table))
    engineer.create_tag("monday", "dev", head(engineer, "dev"))
    for nessie in (reader, engineer):
        shown = nessie is engineer  # a table in none of the layers that readers read
        assert tables(nessie, "dev") == ({"people": table.metadata_location} if shown else {})
        assert [each.commit_meta.message for each in nessie.get_log("dev", max_records=1)] == ["a table"]
        differences = [each.content_key.elements for each in nessie.get_diff(MAIN, "dev").diffs]
        assert differences == ([["people"]] if shown else [])

    refused = [
        lambda nessie: nessie.merge("dev", MAIN),
        lambda nessie: nessie.assign_branch(MAIN, "dev"),
        lambda nessie: nessie.commit(MAIN, main, "a table", "eva", Put(ContentKey(["people"]), table)),
        lambda nessie: nessie.cherry_pick(MAIN, "dev", main, head(nessie, "dev")),
        lambda nessie: nessie.create_branch("lagoa/candidate/x", "dev", head(nessie, "dev")),
    ]
    branches = [
        lambda nessie: nessie.create_branch("other", MAIN, main),
        lambda nessie: nessie.commit("dev", head(nessie, "dev"), "gone", "rui", Delete(ContentKey(["people"]))),
        lambda nessie: nessie.assign_branch("dev", MAIN),
        lambda nessie: nessie.delete_branch("dev", head(nessie, "dev")),
        lambda nessie: nessie.delete_tag("monday", head(nessie, "monday")),
    ]
    for nessie, acts in ((engineer, refused), (reader, refused + branches)):
        for act in acts:
            with pytest.raises(NessiePermissionException):
                act(nessie)
    with pytest.raises(NessieException, match="Default branch 'main' cannot be deleted"):
        publisher.delete_branch(MAIN, main)
    assert head(publisher, MAIN) == main

    token = servers.tokens("engineer")().get_secret_value()
    signed_in = {"NESSIE_ENDPOINT": v1(servers.nessie), "NESSIE_AUTH_TYPE": "bearer", "NESSIE_AUTH_TOKEN": token}
    assert "dev" in command("branch", **signed_in).stdout
    done = command("merge", "-b", MAIN, "-f", "dev", **signed_in)
    assert done.returncode != 0
    assert "Forbidden" in done.stdout + done.stderr
    assert token not in done.stdout + done.stderr

    for act in branches[1:]:
        act(engineer)
    assert references(engineer) == {MAIN: Branch}


def test_what_the_page_says_to_type(lake, stack, servers, tmp_path):
    """The blocks of the page, as they are; `lake` is on the stack without sign-in."""
    home = {**os.environ, "HOME": str(tmp_path), "PATH": f"{NESSIE.parent}{os.pathsep}{os.environ['PATH']}"}
    signed_in = servers.environment | {"LAGOA_SECRET_OIDC_CLIENT_SECRET": servers.credentials["oidc-client-engineer"]}
    python = [sys.executable, "-W", "ignore", "-c"]
    plain, with_token = PYTHON
    for command, variables, wanted in (
        (["bash", "-e", "-c", SHELL], {}, "Publish "),
        ([*python, plain], {}, lake.log(MAIN)[0].id),
        ([*python, with_token], signed_in, "['main']"),
    ):
        environment = home | variables
        done = subprocess.run(command, cwd=stack._root, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert wanted in done.stdout
