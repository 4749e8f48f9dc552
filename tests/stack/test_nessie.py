"""The catalog on a Nessie server: a lake on it, others beside it, and a server that does not do as it should."""

from __future__ import annotations

import json
import threading
import time
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import httpx
import pyarrow as pa
import pytest

import lagoa
from lagoa.adapters.nessie.catalog import NessieCatalog, NessieOptions
from lagoa.bootstrap import examine_lake
from lagoa.domain.commits import Change
from lagoa.domain.refs import MAIN
from lagoa.domain.tables import TableName
from lagoa.errors import (
    AuditFailed,
    CatalogBusy,
    NotAllowed,
    NothingToPublish,
    PublishConflict,
    SignInFailed,
    TerminalError,
)

A = TableName.parse("silver.a")
NO_IDS = {"snapshotId": -1, "schemaId": 0, "specId": 0, "sortOrderId": 0}
OPTIONS = NessieOptions(ids=lambda _: NO_IDS)
CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: bronze.people
name: bronze.people
version: 1.0.0
status: active
description: {purpose: people}
schema:
  - name: people
    physicalName: bronze.people
    physicalType: table
    description: people
    properties:
      - {name: id, logicalType: integer, physicalType: long, required: true, primaryKey: true, primaryKeyPosition: 1}
      - {name: age, logicalType: integer, physicalType: int, logicalTypeOptions: {minimum: 0}}
team: {name: tests}
"""


@pytest.fixture
def folder(tmp_path, empty_nessie):
    """Make a lake whose catalog is the server."""
    (tmp_path / "lagoa.toml").write_text(
        f'name = "people"\nthreads = 1\n[profiles.stack]\ncatalog = "nessie"\nnessie_url = "{empty_nessie}"\n'
    )
    (tmp_path / "iceberg/bronze").mkdir(parents=True)
    (tmp_path / "iceberg/bronze/people.odcs.yaml").write_text(CONTRACT)
    return tmp_path


def people(*ids, age=30):
    return pa.table({"id": pa.array(ids, pa.int64()), "age": pa.array([age] * len(ids), pa.int32())})


def seen(lake, ref=MAIN):
    return [row[0] for row in lake.sql("select id from bronze.people order by id", ref).fetchall()]


class TestALake:
    def test_publishes_rolls_back_and_restores_as_embedded(self, folder):
        with lagoa.open_lake(folder, "stack") as lake:
            for number in (1, 2):
                work = lake.create_branch(f"load/{number}")
                work.append("bronze.people", people(number), batch=f"b{number}")
                assert work.publish().report.passed
            assert seen(lake) == [1, 2]
            first, second = lake.publications()[::-1]
            assert lake.resolve(MAIN).parents == (first.commit, lake.ref("load/2").commit)
            assert seen(lake, f"main*{first.published_at.isoformat()}") == [1]
            lake.rollback("main~1")
            assert seen(lake) == [1]
            work = lake.create_branch("again")
            work.restore(["bronze.people"], f"main@{second.commit}")
            work.publish()
            assert seen(lake) == [1, 2]
        with lagoa.open_lake(folder, "stack") as lake:
            assert seen(lake) == [1, 2]
            assert len(lake.publications()) == 4

    def test_a_branch_is_reviewed_as_embedded(self, folder):
        with lagoa.open_lake(folder, "stack") as lake:
            work = lake.create_branch("work")
            work.append("bronze.people", people(1, 2, 3))
            work.publish()
            work = lake.create_branch("next")
            work.merge("bronze.people", people(3, 4, age=31))
            found = work.review()
            (table,) = found.tables
            assert (table.rows_added, table.rows_changed, table.rows_removed) == (1, 1, 0)
            assert (found.main, found.head) == (lake.resolve(MAIN).id, lake.ref("next").commit)
            assert [len(found.commits), found.commit_count] == [1, 1]
            assert found.verdict == "all checks passed"
            assert [ref.name for ref in lake.refs()] == [MAIN, "next", "work"]
            assert all(each.reused for each in work.publish().report.results)
            with pytest.raises(NothingToPublish):
                work.review()

    def test_keeps_main_from_what_fails_its_audit(self, folder):
        with lagoa.open_lake(folder, "stack") as lake:
            work = lake.create_branch("bad")
            work.append("bronze.people", people(1, age=-1))
            with pytest.raises(AuditFailed):
                work.publish()
            assert lake.tables() == {}
            assert [ref.name for ref in lake.refs()] == ["bad", MAIN]

    def test_tells_a_conflict_or_publishes_the_changes_of_both(self, folder):
        with lagoa.open_lake(folder, "stack") as lake:
            one, two = (lake.create_branch(name) for name in ("one", "two"))
            one.append("bronze.people", people(1))
            two.append("bronze.people", people(2))
            one.publish()
            with pytest.raises(PublishConflict):
                two.publish(rebase=False)
            assert seen(lake) == [1]
            two.publish()
            assert seen(lake) == [1, 2]

    def test_publishes_what_came_since_and_tells_that_nothing_did(self, folder):
        with lagoa.open_lake(folder, "stack") as lake:
            work = lake.create_branch("work")
            with pytest.raises(NothingToPublish):
                work.publish()
            for number in (1, 2):
                work.append("bronze.people", people(10 * number))
                work.append("bronze.people", people(10 * number + 1))
                head, main = lake.ref("work").commit, lake.resolve(MAIN).id
                work.publish()
                assert lake.resolve(MAIN).parents == (main, head)
                with pytest.raises(NothingToPublish):
                    work.publish()
            assert seen(lake) == [10, 11, 20, 21]
            assert [len(commit.parents) for commit in lake.log()] == [2, 2, 0]

    def test_publishes_once_what_nessie_merged_into_a_branch(self, folder, empty_nessie):
        with lagoa.open_lake(folder, "stack") as lake:
            work, other = (lake.create_branch(name) for name in ("work", "other"))
            other.append("bronze.people", people(1))
            body = {"fromRefName": "other", "fromHash": lake.ref("other").commit}
            url = f"{empty_nessie}/trees/work@{lake.ref('work').commit}/history/merge"
            assert httpx.post(url, json=body).raise_for_status().json()["wasApplied"]
            assert lake.resolve("work").parents[1:] == (lake.ref("other").commit,)
            work.append("bronze.people", people(2))
            work.publish()
            with pytest.raises(NothingToPublish):
                other.publish()
            assert seen(lake) == [1, 2]

    def test_a_main_that_others_moved_is_told(self, folder, empty_nessie):
        with lagoa.open_lake(folder, "stack") as lake:
            work = lake.create_branch("work")
            work.append("bronze.people", people(1))
            work.publish()
            assert examine_lake(lake.settings) == []
            work.append("bronze.people", people(2))
            main, head = lake.ref(MAIN).commit, lake.ref("work").commit
            body = {"type": "BRANCH", "name": "work", "hash": head}
            httpx.put(f"{empty_nessie}/trees/main@{main}", json=body).raise_for_status()
        (finding,) = examine_lake(lake.settings)
        assert (finding.part, head[:12] in finding.message) == ("catalog", True)

    def test_two_that_publish_at_once_are_put_one_behind_the_other(self, folder):
        (folder / "iceberg/bronze/pets.odcs.yaml").write_text(CONTRACT.replace("people", "pets"))
        failures = []

        def load(table):
            try:
                with lagoa.open_lake(folder, "stack") as lake:
                    work = lake.create_branch(f"load/{table}")
                    work.append(f"bronze.{table}", people(1))
                    work.publish()
            except Exception as error:  # noqa: BLE001 - told by the test
                failures.append(error)

        threads = [threading.Thread(target=load, args=(table,)) for table in ("people", "pets")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        with lagoa.open_lake(folder, "stack") as lake:
            assert sorted(map(str, lake.tables())) == ["bronze.people", "bronze.pets"]
            assert len(lake.publications()) == 2


def test_what_others_committed_on_a_branch_is_read_and_not_written_over(empty_nessie):
    view = {"type": "ICEBERG_VIEW", "metadataLocation": "v1", "versionId": 1, "schemaId": 0}
    with closing(NessieCatalog(empty_nessie, options=OPTIONS)) as catalog, httpx.Client() as http:
        root = catalog.resolve(MAIN).id
        catalog.create_branch("dev", root)
        ours = catalog.commit("dev", root, Change({A: "a1"}))
        table = {"type": "ICEBERG_TABLE", "metadataLocation": "b1", **NO_IDS}
        body = {
            "commitMeta": {"message": "by another"},
            "operations": [
                {"type": "PUT", "key": {"elements": ["silver", name]}, "content": content}
                for name, content in (("b", table), ("v", view))
            ],
        }
        url = f"{empty_nessie}/trees/dev@{ours.id}/history/commit"
        http.post(url, json=body).raise_for_status()
        with pytest.raises(Exception, match="another writer came first"):
            catalog.commit("dev", ours.id, Change({A: "a2"}))
        head = catalog.ref("dev").commit
        assert catalog.tables(head) == {A: "a1", TableName.parse("silver.b"): "b1"}
        after = catalog.commit("dev", head, Change({A: "a2", TableName.parse("silver.b"): None}))
        assert catalog.tables(after.id) == {A: "a2"}
        kinds = {each["type"] for each in http.get(f"{empty_nessie}/trees/dev/entries").json()["entries"]}
        assert "ICEBERG_VIEW" in kinds


def test_nothing_of_ones_own_stays_on_the_server(empty_nessie):
    with closing(NessieCatalog(empty_nessie, options=OPTIONS)) as catalog:
        root = catalog.resolve(MAIN).id
        catalog.create_branch("dev", root)
        catalog.commit("dev", root, Change({A: "a1"}))
        assert [ref.name for ref in catalog.refs()] == ["dev", MAIN]
    names = [each["name"] for each in httpx.get(f"{empty_nessie}/trees").json()["references"]]
    assert sorted(names) == ["dev", MAIN]


asked = []
"""The paths of all requests that a `server` answered."""


@contextmanager
def server(*answers):
    """Answer requests one after the other: (status, document), the last one for all that follow; None hangs up.

    A number instead of a document is the seconds that the answer takes.
    """
    left = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            answer = left.pop(0) if len(left) > 1 else left[0]
            if answer is None:
                self.connection.close()
                return
            asked.append(self.path)
            if isinstance(answer[1], float):
                time.sleep(answer[1])
            body = json.dumps(answer[1]).encode()
            self.send_response(answer[0])
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self):
            self.do_GET()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_address[1]}/api/v2"
        finally:
            http.shutdown()
            thread.join()


QUICK = NessieOptions(timeout_s=0.5, patience_s=0.4, ids=lambda _: NO_IDS)
CONFIG = (200, {"noAncestorHash": "0" * 64})


@pytest.mark.parametrize(
    ("answer", "error", "told"),
    [
        ((401, {"message": "who?"}), SignInFailed, "sign-in"),
        ((403, {"message": "not you"}), NotAllowed, "not you"),
        ((503, {"message": "later"}), CatalogBusy, "later"),
        ((500, {"message": "oops"}), CatalogBusy, "oops"),
        ((429, {"message": "not so fast"}), CatalogBusy, "429: not so fast"),
        ((408, {}), CatalogBusy, "408"),
        ((502, {}), CatalogBusy, "502"),
        ((504, ["no object"]), CatalogBusy, "504"),
        ((200, 0.8), CatalogBusy, "does not answer .ReadTimeout"),
        ((400, {"message": "what?"}), TerminalError, "what"),
        ((418, {}), TerminalError, "418"),
        (None, CatalogBusy, "does not answer"),
    ],
)
def test_each_refusal_is_the_right_error(answer, error, told):
    with server(CONFIG, answer) as url, pytest.raises(error, match=told):
        NessieCatalog(url, options=QUICK)


@pytest.mark.parametrize("answer", [(404, {}), (200, {}), (200, ["a", "list"]), (200, None)])
def test_what_is_no_nessie_is_told(answer):
    with server(answer) as url, pytest.raises(TerminalError, match=r"is no Nessie of API v2\. Check `nessie_url`"):
        NessieCatalog(url, options=QUICK)


def test_listings_are_read_page_by_page():
    names = [f"branch-{number:03}" for number in range(6)]
    made = [{"type": "BRANCH", "name": name, "hash": "1" * 64} for name in names]
    pages = [
        (200, {"references": made[at : at + 2], "hasMore": at < 4, "token": f"after {at}" if at < 4 else None})
        for at in (0, 2, 4)
    ]
    with server(CONFIG, *pages) as url, closing(NessieCatalog(url, create=False, options=QUICK)) as catalog:
        asked.clear()
        assert [ref.name for ref in catalog.refs()] == names
    tokens = [parse_qs(urlsplit(path).query).get("page-token") for path in asked[:3]]
    assert tokens == [None, ["after 0"], ["after 2"]]


def test_tables_are_read_page_by_page():
    def entry(number):
        return {
            "name": {"elements": ["silver", f"t{number}"]}, "type": "ICEBERG_TABLE", "contentId": str(number),
            "content": {"type": "ICEBERG_TABLE", "metadataLocation": f"m{number}"},
        }  # fmt: skip

    pages = [(200, {"entries": [entry(at)], "hasMore": at < 2, "token": "more"}) for at in range(3)]
    with server(CONFIG, *pages) as url, closing(NessieCatalog(url, create=False, options=QUICK)) as catalog:
        found = catalog.tables("1" * 64)
    assert {str(table): pointer for table, pointer in found.items()} == {f"silver.t{at}": f"m{at}" for at in range(3)}


def test_a_server_that_stumbles_is_asked_again():
    main = {"reference": {"type": "BRANCH", "name": MAIN, "hash": "1" * 64}}
    with server((503, {}), None, CONFIG, (502, {}), None, (200, main)) as url:
        catalog = NessieCatalog(url, options=NessieOptions(timeout_s=1, patience_s=20))
        assert catalog.ref(MAIN).commit == "1" * 64
        catalog.close()


def test_a_server_that_is_not_there_is_told():
    with pytest.raises(CatalogBusy, match="lagoa stack status"):
        NessieCatalog("http://127.0.0.1:9/api/v2", options=QUICK)
