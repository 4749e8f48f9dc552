"""What each role must not do, tried by every door: Nessie's two APIs, the Iceberg REST catalog, and the object store.

Each attempt is refused, changes no reference, and stands in a log. docs/security.md tells the same by words.
"""

from __future__ import annotations

import io
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import httpx
import pyarrow as pa
import pytest
from minio import Minio, MinioAdmin
from minio.commonconfig import ENABLED, Filter, Tags
from minio.credentials.providers import StaticProvider, WebIdentityProvider
from minio.deleteobjects import DeleteObject
from minio.error import MinioAdminException, S3Error
from minio.lifecycleconfig import Expiration, LifecycleConfig, Rule
from minio.versioningconfig import SUSPENDED, VersioningConfig
from pyiceberg.catalog.rest import RestCatalog

from lagoa.domain.credentials import read_credentials
from lagoa.stack.servers.trino.catalogs import SQL

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.timeout(240)

NOBODY, ROLES = "nobody", ("reader", "ingest", "engineer", "maintainer")
CANDIDATE, JOURNAL, SCRATCH = "lagoa/candidate/attacked", "lagoa/journal", "lagoa/scratch/publisher/attacked"
OTHERS, RUN = "dev/somebody/work", "run/attacked/1"
OWN = {"ingest": "run/own/1"} | dict.fromkeys(("engineer", "reader", "maintainer", NOBODY), "own-work")
PUBLISHERS = ("main", CANDIDATE, JOURNAL, SCRATCH)
ENDS = (CANDIDATE, SCRATCH, RUN)
"""References that the maintainer deletes, and changes in no other way."""

MAY_NOT_WRITE = {
    NOBODY: (*PUBLISHERS, OTHERS, RUN),
    "reader": (*PUBLISHERS, OTHERS, RUN),
    "ingest": (*PUBLISHERS, OTHERS, "own-work", "lagoa/scratch/engineer/attacked"),
    "engineer": (*PUBLISHERS, OTHERS, "lagoa/scratch/ingest/attacked"),
    "maintainer": ("main", JOURNAL, OTHERS, *ENDS),
}
"""References that are not a role's own; see the rules of infra/nessie."""

RENEWED_S = 120
"""How old a token may be; it holds for five minutes."""

TABLE = ("attacked", "t")
NOTHING = {"type": "UNCHANGED", "key": {"elements": ["attacked"]}}
GONE = {"type": "DELETE", "key": {"elements": list(TABLE)}}


@dataclass
class Target:
    """A lake that is attacked, and its publisher's way to look at it."""

    nessie: str
    rest: str
    publisher: httpx.Client
    heads: dict[str, str]
    parent: str
    file: str

    def refs(self):
        page = self.publisher.get("trees", params={"max-records": 1000}).raise_for_status().json()
        return {ref["name"]: (ref["type"], ref["hash"]) for ref in page["references"]}


def at(name, commit):
    return f"trees/{quote(name, safe='')}@{commit}"


def bearer(token):
    return {"Authorization": f"Bearer {token}"} if token else {}


@pytest.fixture(scope="module")
def drawn():
    """Return that stack's credentials."""
    return read_credentials(Path(os.environ["LAGOA_TEST_SIGNED_STACK"]) / ".lagoa/stack/credentials.json")


@pytest.fixture(scope="module")
def token_of(signed, drawn):
    """Return what gives a role's token; nobody has none."""
    url = f"{signed.environment()['LAGOA_OIDC_URL']}/protocol/openid-connect/token"

    held = {}

    def give(role):
        if role == NOBODY:
            return None
        if role in held and time.monotonic() - held[role][0] < RENEWED_S:
            return held[role][1]
        client = (f"lagoa-{role}", drawn[f"oidc-client-{role}"])
        answer = httpx.post(url, data={"grant_type": "client_credentials"}, auth=client)
        held[role] = time.monotonic(), answer.raise_for_status().json()["access_token"]
        return held[role][1]

    return give


@pytest.fixture(scope="module")
def target(signed, token_of):
    """Make a table on main with two commits behind it, and one branch of everybody's; take all away afterwards."""
    urls, token = signed.environment(), token_of("publisher")
    nessie = urls["LAGOA_NESSIE_URL"]
    rest = nessie.replace("/api/v2", "/iceberg")

    def sign(request):
        request.headers.update(bearer(token_of("publisher")))
        return request

    publisher = httpx.Client(base_url=f"{nessie}/", auth=sign, timeout=30)
    before = publisher.get("trees/main").raise_for_status().json()["reference"]["hash"]
    catalog = RestCatalog("publisher", uri=f"{rest}/main", warehouse="lagoa", token=token)
    catalog.create_namespace_if_not_exists(TABLE[:1])
    rows = pa.table({"id": pa.array([1, 2, 3], pa.int64())})
    table = catalog.create_table(TABLE, rows.schema)
    parent = publisher.get("trees/main").json()["reference"]["hash"]
    table.append(rows)
    head = publisher.get("trees/main").json()["reference"]["hash"]
    file = next(iter(catalog.load_table(TABLE).scan().plan_files())).file.file_path
    made = [CANDIDATE, SCRATCH, OTHERS, RUN, "lagoa/scratch/ingest/attacked", "lagoa/scratch/engineer/attacked"]
    nothing = {"type": "DETACHED", "hash": publisher.get("config").json()["noAncestorHash"]}
    answer = publisher.post("trees", json=nothing, params={"name": JOURNAL, "type": "BRANCH"})
    assert answer.status_code in {httpx.codes.OK, httpx.codes.CONFLICT}  # the latter where something was published
    for name in {*made, *OWN.values()}:
        body = {"type": "BRANCH", "name": "main", "hash": head}
        publisher.post("trees", json=body, params={"name": name, "type": "BRANCH"}).raise_for_status()
    refs = publisher.get("trees", params={"max-records": 1000}).json()["references"]
    yield Target(nessie, rest, publisher, {ref["name"]: ref["hash"] for ref in refs}, parent, file)
    for name in {*made, *OWN.values()}:
        publisher.delete(at(name, head)).raise_for_status()
    publisher.put(at("main", head), json={"type": "BRANCH", "name": "main", "hash": before}).raise_for_status()
    publisher.close()


# --- Nessie, both APIs: (name of the attempt, its request) for a reference that is not the attacker's own.


def by_v2(target, ref, own):
    """Yield the requests of API v2 that would change `ref`."""
    here = at(ref, target.heads[ref])
    merge = {"fromRefName": own, "fromHash": target.heads[own], "message": "x"}
    commit = {"commitMeta": {"message": "attack"}, "operations": [NOTHING]}
    yield "commit nothing", "POST", f"{here}/history/commit", commit
    yield "take a table away", "POST", f"{here}/history/commit", commit | {"operations": [GONE]}
    yield "merge", "POST", f"{here}/history/merge", merge
    transplant = {"fromRefName": own, "hashesToTransplant": [target.heads[own]], "message": "x"}
    yield "transplant", "POST", f"{here}/history/transplant", transplant
    yield "assign to one's own", "PUT", here, {"type": "BRANCH", "name": own, "hash": target.heads[own]}
    yield "move back", "PUT", here, {"type": "BRANCH", "name": ref, "hash": target.parent}
    yield "move to a hash", "PUT", here, {"type": "DETACHED", "hash": target.parent}
    yield "delete", "DELETE", here, None


def by_v1(target, ref, own):
    """Yield the requests of API v1 that would change `ref`."""
    path, expected = f"trees/branch/{quote(ref, safe='')}", f"?expectedHash={target.heads[ref]}"
    commit = {"commitMeta": {"message": "attack"}, "operations": [GONE]}
    yield "commit", "POST", f"{path}/commit{expected}", commit
    yield "merge", "POST", f"{path}/merge{expected}", {"fromRefName": own, "fromHash": target.heads[own]}
    transplant = {"fromRefName": own, "hashesToTransplant": [target.heads[own]]}
    yield "transplant", "POST", f"{path}/transplant{expected}", transplant
    yield "move back", "PUT", f"{path}{expected}", {"type": "BRANCH", "name": ref, "hash": target.parent}
    yield "delete", "DELETE", f"{path}{expected}", None


def attempts_on(target, role, requests_on):
    """Yield the requests of one API that would change what is not a role's own."""
    for ref in MAY_NOT_WRITE[role]:
        for what, method, path, body in requests_on(target, ref, OWN[role]):
            if role != "maintainer" or what != "delete" or ref not in ENDS:
                yield f"{what} {ref}", method, path, body


def makings(target, own):
    """Yield the requests by which references would be made where only the publisher makes them."""
    source = {"type": "BRANCH", "name": own, "hash": target.heads[own]}
    for name in ("lagoa/candidate/forged", "lagoa/scratch/publisher/forged", "dev/somebody/forged"):
        yield f"make branch {name}", "POST", "v2", f"trees?name={quote(name, safe='')}&type=BRANCH", source
        forged = {"type": "BRANCH", "name": name, "hash": target.heads[own]}
        yield f"make branch {name} by v1", "POST", "v1", f"trees/tree?sourceRefName={quote(own, safe='')}", forged
    yield "make tag", "POST", "v2", "trees?name=lagoa%2Fcandidate%2Fforged-tag&type=TAG", source


def was_refused(answer):
    """Return whether it was not allowed; the REST catalog tells that by 500 with the rule's words."""
    in_words = answer.status_code == httpx.codes.INTERNAL_SERVER_ERROR and "is not allowed for role" in answer.text
    # Nobody at all deletes main: the server says so before it asks who it is.
    not_at_all = "Default branch 'main' cannot be deleted" in answer.text
    return answer.status_code in {401, 403} or in_words or not_at_all


def try_nessie(target, token, requests):
    """Send requests and return those that were not refused, as (what, status)."""
    taken = []
    with httpx.Client(headers=bearer(token), timeout=30) as client:
        for what, method, url, body in requests:
            before = target.refs()
            answer = client.request(method, url, json=body)
            if not was_refused(answer) or target.refs() != before:
                taken.append((what, answer.status_code, answer.text[:200]))
    return taken


@pytest.mark.parametrize("role", [NOBODY, *ROLES])
class TestNessie:
    def test_v2_changes_nothing_that_is_anothers(self, target, token_of, role):
        requests = [
            (what, method, f"{target.nessie}/{path}", body)
            for what, method, path, body in attempts_on(target, role, by_v2)
        ]
        assert len(requests) >= 40
        assert try_nessie(target, token_of(role), requests) == []

    def test_v1_changes_nothing_that_is_anothers(self, target, token_of, role):
        v1 = target.nessie.replace("/api/v2", "/api/v1")
        requests = [
            (what, method, f"{v1}/{path}", body) for what, method, path, body in attempts_on(target, role, by_v1)
        ]
        assert try_nessie(target, token_of(role), requests) == []

    def test_no_reference_is_made_under_anothers_name(self, target, token_of, role):
        apis = {"v2": target.nessie, "v1": target.nessie.replace("/api/v2", "/api/v1")}
        requests = [
            (what, method, f"{apis[api]}/{path}", body) for what, method, api, path, body in makings(target, OWN[role])
        ]
        assert try_nessie(target, token_of(role), requests) == []

    @pytest.mark.parametrize("ref", ["main", CANDIDATE])
    def test_the_rest_catalog_changes_nothing(self, target, token_of, role, ref):
        prefix = f"{target.rest}/v1/{quote(f'{ref}|lagoa', safe='')}"
        table = f"{prefix}/namespaces/attacked/tables/t"
        name = {"namespace": ["attacked"], "name": "t"}
        update = {"requirements": [], "updates": [{"action": "set-properties", "updates": {"attacked": "yes"}}]}
        column = {"id": 1, "name": "id", "required": False, "type": "long"}
        schema = {"type": "struct", "schema-id": 0, "identifier-field-ids": [], "fields": [column]}
        made = {"name": "s", "schema": schema, "stage-create": False, "properties": {}}
        made |= {"partition-spec": {"spec-id": 0, "fields": []}, "write-order": {"order-id": 0, "fields": []}}
        requests = [
            ("make a namespace", "POST", f"{prefix}/namespaces", {"namespace": ["stolen"]}),
            ("change a namespace", "POST", f"{prefix}/namespaces/attacked/properties", {"updates": {"a": "b"}}),
            ("make a table", "POST", f"{prefix}/namespaces/attacked/tables", made),
            ("change a table", "POST", table, {"identifier": name, **update}),
            ("drop a table", "DELETE", table, None),
            ("drop a table with its files", "DELETE", f"{table}?purgeRequested=true", None),
            ("rename", "POST", f"{prefix}/tables/rename", {"source": name, "destination": name | {"name": "u"}}),
            (
                "change several",
                "POST",
                f"{prefix}/transactions/commit",
                {"table-changes": [{"identifier": name, **update}]},
            ),
        ]
        assert try_nessie(target, token_of(role), requests) == []


def test_the_maintainer_deletes_branches_whose_time_can_end(target, token_of):
    names = ["run/ended/1", "sandbox/ended", "hold/ended", "lagoa/candidate/ended", "lagoa/scratch/ingest/ended"]
    for name in names:
        source = {"type": "BRANCH", "name": "main", "hash": target.heads["main"]}
        target.publisher.post("trees", json=source, params={"name": name, "type": "BRANCH"}).raise_for_status()
    with httpx.Client(base_url=f"{target.nessie}/", headers=bearer(token_of("maintainer")), timeout=30) as client:
        for name in names:
            client.delete(at(name, target.heads["main"])).raise_for_status()
    assert not target.refs().keys() & set(names)


def test_nobody_reads_anything(target):
    prefix = f"{target.rest}/v1/{quote('main|lagoa', safe='')}"
    requests = [
        ("references", "GET", f"{target.nessie}/trees", None),
        ("entries", "GET", f"{target.nessie}/trees/main/entries", None),
        ("log", "GET", f"{target.nessie}/trees/main/history", None),
        ("content", "GET", f"{target.nessie}/trees/main/contents/attacked.t", None),
        ("references by v1", "GET", f"{target.nessie.replace('/api/v2', '/api/v1')}/trees", None),
        ("tables", "GET", f"{prefix}/namespaces/attacked/tables", None),
        ("a table", "GET", f"{prefix}/namespaces/attacked/tables/t", None),
    ]
    assert try_nessie(target, None, requests) == []


@pytest.mark.parametrize("token", ["x", "a.b.c"])
def test_a_token_that_is_none_opens_nothing(target, token):
    assert httpx.get(f"{target.nessie}/trees", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_a_token_whose_role_was_rewritten_opens_nothing(target, token_of):
    import base64

    head, body, signature = token_of("reader").split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    claims["groups"] = ["publisher"]
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    for token in (f"{head}.{forged}.{signature}", f"eyJhbGciOiJub25lIn0.{forged}."):
        assert httpx.get(f"{target.nessie}/trees", headers=bearer(token)).status_code == 401


# --- The object store.


@pytest.fixture(scope="module")
def store_of(signed, token_of):
    """Return what connects to the object store as a role, by its token: a client, and one of its administration."""
    endpoint = urlsplit(signed.environment()["LAGOA_S3_ENDPOINT"])

    def sign_in(role):
        if role == NOBODY:
            return StaticProvider("nobody", "knows-no-secret")
        return WebIdentityProvider(
            jwt_provider_func=lambda: {"access_token": token_of(role), "expires_in": "900"},
            sts_endpoint=endpoint.geturl(),
        )

    def connect(role):
        known = {"endpoint": endpoint.netloc, "credentials": sign_in(role), "secure": False, "region": "us-east-1"}
        return Minio(**known), MinioAdmin(**known)

    return connect


@pytest.fixture(scope="module")
def root(signed, drawn):
    """Return the object store as its root, with a refused record's file in it."""
    endpoint = urlsplit(signed.environment()["LAGOA_S3_ENDPOINT"]).netloc
    provider = StaticProvider(*(drawn[f"minio-root-{part}"] for part in ("user", "password")))
    client = Minio(endpoint=endpoint, credentials=provider, secure=False, region="us-east-1")
    put(client, "lagoa", REFUSED)
    put(client, "backup", "a")
    put(client, "feature-store", "a")
    return client


REFUSED = "warehouse/quarantine/bronze__people-0000/data/a.parquet"


def put(client, bucket, name, tags=None):
    client.put_object(bucket_name=bucket, object_name=name, data=io.BytesIO(b"x"), length=1, tags=tags)


def key_of(target):
    return target.file.removeprefix("s3://lagoa/")


def refused(call: Callable[[], Any]):
    """Return whether the object store does not allow it; any other error goes on."""
    try:
        found = call()
        if hasattr(found, "__next__"):
            list(found)
    except S3Error as error:
        return error.code in {"AccessDenied", "InvalidAccessKeyId"}
    except MinioAdminException as error:
        return any(code in str(error) for code in ("AccessDenied", "InvalidAccessKeyId"))
    return False


def tagged(name):
    tags = Tags.new_object_tags()
    tags[name] = "true"
    return tags


def on_the_store(client, admin, file, version):
    """Return what nobody but root may do there, by name."""
    cold, other = tagged("lagoa-cold"), tagged("other")
    forever = Rule(rule_id="x", status=ENABLED, rule_filter=Filter(prefix=""), expiration=Expiration(days=1))
    return {
        "delete a file": lambda: client.remove_object(bucket_name="lagoa", object_name=file),
        "delete a version": lambda: client.remove_object(bucket_name="lagoa", object_name=file, version_id=version),
        "tag a file for cold storage": lambda: client.set_object_tags(bucket_name="lagoa", object_name=file, tags=cold),
        "take tags away": lambda: client.delete_object_tags(bucket_name="lagoa", object_name=file),
        "tag a file": lambda: client.set_object_tags(bucket_name="lagoa", object_name=file, tags=other),
        "write a file with tags": lambda: put(client, "lagoa", f"{file}.tagged", tags=cold),
        "write elsewhere": lambda: put(client, "feature-store", "b"),
        "delete a backup": lambda: client.remove_object(bucket_name="backup", object_name="a"),
        "write beside the warehouse": lambda: put(client, "lagoa", "elsewhere/b"),
        "read elsewhere": lambda: client.get_object(bucket_name="feature-store", object_name="a"),
        "list elsewhere": lambda: client.list_objects(bucket_name="feature-store"),
        "make a bucket": lambda: client.make_bucket(bucket_name="stolen"),
        "delete a bucket": lambda: client.remove_bucket(bucket_name="sandbox"),
        "end versioning": lambda: client.set_bucket_versioning(bucket_name="lagoa", config=VersioningConfig(SUSPENDED)),
        "let files expire": lambda: client.set_bucket_lifecycle(bucket_name="lagoa", config=LifecycleConfig([forever])),
        "let everybody in": lambda: client.set_bucket_policy(bucket_name="lagoa", policy="{}"),
        "see the users": admin.user_list,
        "make a user": lambda: admin.user_add("stolen", "stolen-secret"),
        "make a policy": lambda: admin.policy_add("stolen", policy={"Version": "2012-10-17", "Statement": []}),
    }


def test_the_maintainer_deletes_files_and_no_version_of_them(target, store_of, root):
    file = f"{key_of(target)}.attacked"
    put(root, "lagoa", file)
    version = root.stat_object(bucket_name="lagoa", object_name=file).version_id
    client, _ = store_of("maintainer")
    client.remove_object(bucket_name="lagoa", object_name=file)
    assert refused(lambda: client.remove_object(bucket_name="lagoa", object_name=file, version_id=version))
    many = client.remove_objects(bucket_name="lagoa", delete_object_list=[DeleteObject(file, version_id=version)])
    assert [each.code for each in many] == ["AccessDenied"]
    assert root.get_object(bucket_name="lagoa", object_name=file, version_id=version).read() == b"x"


@pytest.mark.parametrize("role", [NOBODY, *ROLES, "publisher"])
class TestObjectStore:
    def test_nothing_is_deleted_and_nothing_changed_but_by_root(self, target, store_of, root, role):
        file = key_of(target)
        before = root.stat_object(bucket_name="lagoa", object_name=file)
        attempts = on_the_store(*store_of(role), file, before.version_id)
        if role == "maintainer":
            for allowed in ("delete a file", "tag a file for cold storage", "take tags away"):
                del attempts[allowed]
        assert [what for what, attempt in attempts.items() if not refused(attempt)] == []
        after = root.stat_object(bucket_name="lagoa", object_name=file)
        assert (after.version_id, after.etag) == (before.version_id, before.etag)


@pytest.mark.parametrize("role", [NOBODY, "reader", "publisher"])
def test_who_only_reads_writes_nothing(target, store_of, role):
    client, _ = store_of(role)
    assert refused(lambda: put(client, "lagoa", key_of(target)))
    assert refused(lambda: put(client, "lagoa", "warehouse/attacked/new"))


@pytest.mark.parametrize(
    ("role", "reads"),
    [(NOBODY, False), ("reader", False), ("ingest", False), ("maintainer", False), ("engineer", True)],
)
def test_who_does_not_make_backups_adds_nothing_to_them(store_of, root, role, reads):
    client, _ = store_of(role)
    assert refused(lambda: put(client, "backup", "b"))
    assert refused(lambda: put(client, "backup", "a"))
    assert refused(lambda: client.get_object(bucket_name="backup", object_name="a")) != reads


@pytest.mark.parametrize("role", [NOBODY, "reader"])
def test_refused_records_are_not_read_by_readers(store_of, root, role):
    assert refused(lambda: store_of(role)[0].get_object(bucket_name="lagoa", object_name=REFUSED))


def test_keys_handed_out_for_main_write_nothing(target, token_of):
    """Nessie's vended keys of a table are for what the asker may do to it at that ref, and read what readers may."""
    io_ = rest_of(target, token_of, "engineer", "main").load_table(TABLE).io
    with pytest.raises(OSError, match=DENIED), io_.new_output(target.file).create(True) as out:
        out.write(b"x")
    with pytest.raises(OSError, match=DENIED), io_.new_input(target.file).open() as stream:
        stream.read(4)


# --- Layers: infra/policy.toml lets a reader read gold alone, and engineers load data on branches of their own alone.

SHOWN = "layers"
LAYERS = ("gold", "silver", "bronze", "quarantine", "other")
HIDDEN = LAYERS[1:]
OWNED, ELSEWHERE = "dev/engineer/layers", (SHOWN, "run/attacked/layers", "lagoa/scratch/engineer/layers")
DENIED = r"(?i)access.?denied|forbidden"


@pytest.fixture(scope="module")
def files_of(target, token_of):
    """Return a data file of a table `t` in each layer, on a branch of everybody's and on one of the engineer's."""
    main = target.publisher.get("trees/main").json()["reference"]
    for name in (SHOWN, OWNED):
        target.publisher.post("trees", json=main, params={"name": name, "type": "BRANCH"}).raise_for_status()
    catalog = rest_of(target, token_of, "publisher", SHOWN)
    found = {}
    for layer in LAYERS:
        catalog.create_namespace_if_not_exists((layer,))
        rows = pa.table({"id": pa.array([1, 2, 3], pa.int64())})
        catalog.create_table((layer, "t"), rows.schema).append(rows)
        found[layer] = next(iter(catalog.load_table((layer, "t")).scan().plan_files())).file.file_path
    head = target.publisher.get(f"trees/{SHOWN}").json()["reference"]
    for name in ELSEWHERE[1:]:
        target.publisher.post("trees", json=head, params={"name": name, "type": "BRANCH"}).raise_for_status()
    yield found
    for name in (*ELSEWHERE, OWNED):
        target.publisher.delete(at(name, target.refs()[name][1])).raise_for_status()


def rest_of(target, token_of, role, ref):
    return RestCatalog(role, uri=f"{target.rest}/{quote(ref, safe='')}", warehouse="lagoa", token=token_of(role))


class TestLayersOfReaders:
    @pytest.mark.usefixtures("files_of")
    def test_other_layers_are_not_listed_by_either_api(self, target, token_of):
        with httpx.Client(headers=bearer(token_of("reader")), timeout=30) as http:
            v1 = target.nessie.replace("/api/v2", "/api/v1")
            answers = {
                "entries": http.get(f"{target.nessie}/trees/{SHOWN}/entries", params={"content": "true"}),
                "differences": http.get(f"{target.nessie}/trees/{SHOWN}/diff/main"),
                "log": http.get(f"{target.nessie}/trees/{SHOWN}/history", params={"fetch": "ALL"}),
                "entries by v1": http.get(f"{v1}/trees/tree/{SHOWN}/entries"),
                "differences by v1": http.get(f"{v1}/diffs/{SHOWN}...main"),
                "log by v1": http.get(f"{v1}/trees/tree/{SHOWN}/log", params={"fetch": "ALL"}),
            }
        assert {what: answer.status_code for what, answer in answers.items()} == dict.fromkeys(answers, 200)
        for what, answer in answers.items():
            keys = {".".join(key) for key in keys_in(answer.json())}
            assert {key for key in keys if key.startswith("gold")}, what
            assert {key for key in keys if not key.startswith("gold")} == set(), what
            for layer in HIDDEN:
                assert f"warehouse/{layer}/" not in answer.text, what

    @pytest.mark.parametrize("layer", HIDDEN)
    @pytest.mark.usefixtures("files_of")
    def test_other_layers_are_read_by_no_door(self, target, token_of, layer):
        key = {"elements": [layer, "t"]}
        v1 = target.nessie.replace("/api/v2", "/api/v1")
        tables = f"{target.rest}/v1/{quote(f'{SHOWN}|lagoa', safe='')}/namespaces/{layer}/tables"
        requests = [
            ("content", "GET", f"{target.nessie}/trees/{SHOWN}/contents/{layer}.t", None),
            ("contents", "POST", f"{target.nessie}/trees/{SHOWN}/contents", {"requestedKeys": [key]}),
            ("content by v1", "GET", f"{v1}/contents/{layer}.t?ref={SHOWN}", None),
            ("contents by v1", "POST", f"{v1}/contents?ref={SHOWN}", {"requestedKeys": [key]}),
            ("a table", "GET", f"{tables}/t", None),
        ]
        assert try_nessie(target, token_of("reader"), requests) == []

    @pytest.mark.parametrize("layer", HIDDEN)
    def test_files_of_other_layers_are_read_with_no_keys(self, target, token_of, store_of, files_of, layer):
        client, _ = store_of("reader")
        file = files_of[layer].removeprefix("s3://lagoa/")
        assert refused(lambda: client.get_object(bucket_name="lagoa", object_name=file))
        assert refused(lambda: client.list_objects(bucket_name="lagoa", prefix=f"warehouse/{layer}/", recursive=True))
        lent = rest_of(target, token_of, "reader", SHOWN).load_table(("gold", "t")).io
        with (
            pytest.raises(OSError, match=DENIED),
            lent.new_input(files_of[layer]).open() as one,
        ):
            one.read(1)

    def test_what_its_layers_have_is_read_by_every_door(self, target, token_of, store_of, files_of):
        client, _ = store_of("reader")
        file = files_of["gold"].removeprefix("s3://lagoa/")
        assert client.get_object(bucket_name="lagoa", object_name=file).read(4) == b"PAR1"
        assert client.list_objects(bucket_name="lagoa", prefix="warehouse/gold/")
        table = rest_of(target, token_of, "reader", SHOWN).load_table(("gold", "t"))
        assert table.scan().to_arrow()["id"].to_pylist() == [1, 2, 3]

    def test_the_account_of_trino_reads_what_is_served_and_changes_nothing(self, target, token_of, files_of):
        io_ = rest_of(target, token_of, SQL, SHOWN).load_table(("silver", "t")).io
        for layer in HIDDEN:  # it reads files as a user of the object store, not by these keys
            with pytest.raises(OSError, match=DENIED), io_.new_input(files_of[layer]).open() as one:
                one.read(1)
        requests = [
            ("quarantine", "GET", f"{target.nessie}/trees/{SHOWN}/contents/quarantine.t", None),
            ("make a branch", "POST", f"{target.nessie}/trees?name=own&type=BRANCH", nothing_of(target)),
            ("commit", "POST", f"{target.nessie}/{at(SHOWN, target.refs()[SHOWN][1])}/history/commit", DROPPED),
        ]
        assert try_nessie(target, token_of(SQL), requests) == []

    def test_so_does_its_user_of_the_object_store(self, signed, drawn, files_of):
        endpoint = urlsplit(signed.environment()["LAGOA_S3_ENDPOINT"]).netloc
        keys = StaticProvider("trino", drawn["minio-trino"])
        client = Minio(endpoint=endpoint, credentials=keys, secure=False, region="us-east-1")
        names = {layer: file.removeprefix("s3://lagoa/") for layer, file in files_of.items()}
        read = {
            layer: not refused(lambda name=name: client.get_object(bucket_name="lagoa", object_name=name))
            for layer, name in names.items()
        }
        assert read == {"gold": True, "silver": True, "bronze": False, "quarantine": False, "other": False}
        assert refused(lambda: client.list_objects(bucket_name="lagoa", prefix="warehouse/gold/"))
        assert refused(lambda: put(client, "lagoa", names["gold"]))
        assert refused(lambda: client.remove_object(bucket_name="lagoa", object_name=names["gold"]))


def nothing_of(target):
    return {"type": "BRANCH", "name": "main", "hash": target.heads["main"]}


DROPPED = {"commitMeta": {"message": "x"}, "operations": [{"type": "DELETE", "key": {"elements": ["gold", "t"]}}]}


def keys_in(document):
    """Yield the keys of contents in an answer, wherever they are."""
    if isinstance(document, dict):
        for name, value in document.items():
            if name in {"name", "key"} and isinstance(value, dict) and "elements" in value:
                yield value["elements"]
            else:
                yield from keys_in(value)
    elif isinstance(document, list):
        for each in document:
            yield from keys_in(each)


class TestLandingLayers:
    @pytest.mark.usefixtures("files_of")
    @pytest.mark.parametrize("ref", ELSEWHERE)
    def test_an_engineer_writes_no_data_that_comes_in_but_on_own_branches(self, target, token_of, ref):
        head = target.refs()[ref][1]
        new = {"type": "NAMESPACE", "elements": ["bronze", "new"], "properties": {}}
        made = {"type": "PUT", "key": {"elements": ["bronze", "new"]}, "content": new}
        gone = {"type": "DELETE", "key": {"elements": ["bronze", "t"]}}
        v1 = f"{target.nessie.replace('/api/v2', '/api/v1')}/trees/branch/{quote(ref, safe='')}/commit"
        namespaces = f"{target.rest}/v1/{quote(f'{ref}|lagoa', safe='')}/namespaces"
        table = {"requirements": [], "updates": [{"action": "set-properties", "updates": {"attacked": "yes"}}]}
        requests = [
            ("make a namespace by REST", "POST", namespaces, {"namespace": ["bronze", "new"]}),
            ("change a table by REST", "POST", f"{namespaces}/bronze/tables/t", table),
            ("drop a table by REST", "DELETE", f"{namespaces}/bronze/tables/t", None),
        ]
        for operation in (made, gone):
            body = {"commitMeta": {"message": "x"}, "operations": [operation]}
            what = f"{operation['type']} by"
            requests += [
                (f"{what} v2", "POST", f"{target.nessie}/{at(ref, head)}/history/commit", body),
                (f"{what} v1", "POST", f"{v1}?expectedHash={head}", body),
            ]
        assert try_nessie(target, token_of("engineer"), requests) == []

    @pytest.mark.usefixtures("files_of")
    def test_on_its_own_it_does(self, target, token_of):
        catalog = rest_of(target, token_of, "engineer", OWNED)
        catalog.create_namespace_if_not_exists(("bronze",))
        rows = pa.table({"id": pa.array([7], pa.int64())})
        table = catalog.create_table(("bronze", "mine"), rows.schema)
        table.append(rows)
        assert catalog.load_table(("bronze", "mine")).scan().to_arrow()["id"].to_pylist() == [7]


# --- The logs.


def test_refusals_are_logged(signed, target, token_of, store_of):
    engineer = httpx.Client(base_url=f"{target.nessie}/", headers=bearer(token_of("engineer")), timeout=30)
    with engineer:
        assert engineer.delete(at(CANDIDATE, target.heads[CANDIDATE])).status_code == 403
    assert refused(lambda: store_of("engineer")[0].remove_object(bucket_name="lagoa", object_name=key_of(target)))
    told = {
        "nessie": ("- engineer ", f"@{target.heads[CANDIDATE]}", " 403 "),
        "audit": ("engineer", "DeleteObject", "403"),
    }
    deadline = time.monotonic() + 20
    for server, words in told.items():
        while not any(all(word in line for word in words) for line in signed.log(server, 500).splitlines()):
            assert time.monotonic() < deadline, signed.log(server, 30)
            time.sleep(0.3)
