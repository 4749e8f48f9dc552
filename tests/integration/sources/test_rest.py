"""An API as a source: pages, cursors, credentials, and servers that misbehave."""

from __future__ import annotations

import base64
import json
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from fake_api import Given, fake_api

from lagoa.domain.tables import TableName
from lagoa.errors import DeclarationError, SecretNotFound, SourceError, SourceUnavailable
from lagoa.sources.run import position_of

ORDERS = TableName.parse("bronze.orders")
ALL = [{"id": number, "at": f"2026-01-{number:02}T00:00:00Z", "amount": f"{number}.50"} for number in range(1, 8)]


@pytest.fixture
def api():
    with fake_api() as running:
        yield running


@pytest.fixture
def folder(folder, monkeypatch):
    form = {"format": "json", "records": "data"}
    columns = "id:long* at:timestamptz amount:decimal(10,2)"
    folder.contract("bronze.orders", columns, source=form, quarantineShare=1)
    folder.contract("bronze.plain", "id:long*", source={"format": "json"})
    monkeypatch.setenv("LAGOA_SECRET_SHOP_KEY", "s3cr3t-value-of-the-shop")
    return folder


@pytest.fixture
def shop(folder, api):
    return folder, api


def declare(folder, api, connection=(), table="bronze.orders", **said):
    where = {"url": f"{api.url}/v1", "tries": 2} | dict(connection)
    folder.source("shop", kind="rest", connection=where, tables={table: {"path": "orders"} | said})


def ids(lake, ref="dev"):
    return [row[0] for row in lake.sql("SELECT id FROM bronze.orders ORDER BY id", ref).fetchall()]


def pages_of(records, size=3):
    def answer(asked):
        at = int(asked.params.get("offset", (int(asked.params.get("page", 1)) - 1) * size))
        return Given({"data": records[at : at + size]})

    return answer


@pytest.mark.parametrize(
    ("paging", "answer"),
    [
        ({"kind": "page", "size_param": "n", "size": 3}, pages_of(ALL)),
        ({"kind": "page"}, pages_of(ALL)),
        ({"kind": "offset", "size": 3}, pages_of(ALL)),
        ({"kind": "offset", "size": 3, "overlap": 1}, pages_of(ALL)),
        (
            {"kind": "cursor", "at": "meta.next", "param": "after"},
            lambda asked: Given(
                {
                    "data": ALL[int(asked.params.get("after", 0)) :][:3],
                    "meta": {"next": n if (n := int(asked.params.get("after", 0)) + 3) < len(ALL) else None},
                }
            ),
        ),
        (
            {"kind": "next", "at": "next"},
            lambda asked: Given(
                {
                    "data": ALL[int(asked.params.get("from", 0)) :][:3],
                    "next": f"/v1/orders?from={n}" if (n := int(asked.params.get("from", 0)) + 3) < len(ALL) else "",
                }
            ),
        ),
        (
            {"kind": "next"},
            lambda asked: Given(
                {"data": ALL[int(asked.params.get("from", 0)) :][:3]},
                headers={"Link": f'<?from={n}>; rel="next", <?from=0>; rel="first"'}
                if (n := int(asked.params.get("from", 0)) + 3) < len(ALL)
                else {},
            ),
        ),
        (
            {"kind": "odata"},
            lambda asked: Given(
                {"data": ALL[int(asked.params.get("$skip", 0)) :][:3]}
                | (
                    {"@odata.nextLink": f"orders?$skip={n}"}
                    if (n := int(asked.params.get("$skip", 0)) + 3) < len(ALL)
                    else {}
                )
            ),
        ),
    ],
)
@pytest.mark.parametrize("mode", ["append", "merge", "replace"])
def test_all_pages_are_read(lake, dev, shop, paging, answer, mode):
    folder, api = shop
    api.answer = answer
    overlaps = "overlap" in paging
    declare(folder, api, paging=paging, mode="merge" if overlaps else mode)
    (result,) = dev.load_source("shop")
    assert (result.accepted, ids(lake)) == (10 if overlaps else 7, list(range(1, 8)))
    found = lake.sql("SELECT sum(amount)::VARCHAR, max(_row), count(distinct _source) FROM bronze.orders", "dev")
    assert found.fetchall() == [("31.50", 3, 3)]
    head = dev.head
    dev.load_source("shop")
    assert (ids(lake), dev.head) == (list(range(1, 8)), head)


def test_only_new_records_are_asked_for(folder, lake, dev, api):
    records = ALL[:4]

    def answer(asked):
        return Given({"data": [each for each in records if each["at"] >= asked.params["since"]]})

    api.answer = answer
    cursor = {"field": "at", "param": "since", "first": "2020-01-01T00:00:00Z", "overlap_s": 86_400}
    declare(folder, api, mode="merge", cursor=cursor)
    dev.load_source("shop")
    assert position_of(lake.context, "dev", ORDERS, "shop") == {"since": "2026-01-04T00:00:00Z"}
    late = {"id": 99, "at": "2026-01-03T12:00:00Z", "amount": "1.00"}  # written late, by a slow transaction
    records = [*ALL[:3], ALL[3] | {"amount": "9.00"}, late, *ALL[4:]]
    dev.load_source("shop")
    assert [each.params["since"] for each in api.asked] == ["2020-01-01T00:00:00Z", "2026-01-03T00:00:00Z"]
    assert ids(lake) == [*range(1, 8), 99]
    assert lake.sql("SELECT amount::VARCHAR FROM bronze.orders WHERE id = 4", "dev").fetchall() == [("9.00",)]
    head = dev.head
    records = []
    dev.load_source("shop")
    assert dev.head == head


@pytest.mark.parametrize("mode", ["append", "merge"])
def test_a_rebase_keeps_rows_refused_records_and_position(folder, lake, dev, api, mode):
    records = [*ALL[:2], {"id": 3, "at": "2026-01-03T00:00:00Z", "amount": "x"}]
    api.answer = lambda asked: Given({"data": records if asked.params.get("page") == "1" else []})
    cursor = {"cursor": {"field": "at", "param": "since", "first": "2020-01-01"}} if mode == "merge" else {}
    declare(folder, api, mode=mode, paging={"kind": "page"}, **cursor)
    dev.load_source("shop")
    at = position_of(lake.context, "dev", ORDERS, "shop")
    assert at is not None
    other = lake.create_branch("other")
    other.append("bronze.orders", "SELECT 50::BIGINT AS id, now() AS at, 1.00 AS amount")
    other.publish()
    dev.publish()
    assert ids(lake, "main") == [1, 2, 50]
    assert position_of(lake.context, "main", ORDERS, "shop") == at
    assert lake.sql("SELECT count(*) FROM quarantine.bronze__orders").fetchall() == [(1,)]


def test_a_clock_of_the_source_that_is_ahead_does_not_hide_what_comes_then(folder, lake, dev, api):
    ahead = (datetime.now(UTC) + timedelta(days=30)).isoformat()
    api.answer = lambda _: Given({"data": [ALL[0] | {"at": ahead}]})
    declare(folder, api, mode="merge", cursor={"field": "at", "param": "since", "first": "2020-01-01"})
    dev.load_source("shop")
    since = position_of(lake.context, "dev", ORDERS, "shop")["since"]
    assert datetime.fromisoformat(since) <= datetime.now(UTC)


def test_a_read_that_breaks_off_goes_on_at_its_page(folder, lake, dev, api):
    broken = True

    def answer(asked):
        if broken and int(asked.params["page"]) == 3:
            return Given(status=503)
        return pages_of(ALL)(asked)

    api.answer = answer
    cursor = {"field": "at", "param": "since", "first": "2020-01-01"}
    paging = {"kind": "page", "size_param": "size", "size": 3}
    declare(folder, api, mode="merge", cursor=cursor, paging=paging, commit_mb=1)
    with pytest.raises(SourceUnavailable, match="it answers 503"):
        dev.load_source("shop")
    broken = False
    api.asked.clear()
    dev.load_source("shop")
    assert ids(lake) == list(range(1, 8))


def test_an_answer_that_has_no_records_is_in_quarantine_and_not_in_the_table(folder, lake, dev, api):
    answers = iter([Given({"data": ALL[:3]}), Given(b"<html>Sorry</html>", headers={"Content-Type": "text/html"})])
    api.answer = lambda _: next(answers)
    declare(folder, api, mode="merge", paging={"kind": "page"})
    with pytest.raises(SourceError, match=r"an answer is no JSON \(text/html\)\. Its answer is in quarantine"):
        dev.load_source("shop")
    (row,) = lake.sql("SELECT rule, reason, raw, source FROM quarantine.bronze__orders", "dev").fetchall()
    assert (row[0], bytes(row[2]), row[3]) == ("answer", b"<html>Sorry</html>", "bronze.orders-00002")
    assert ids(lake) == [1, 2, 3]
    assert position_of(lake.context, "dev", ORDERS, "shop") == {"next": {"page": 2}}
    answers = iter([Given({"error": "quota"}), Given({"error": "quota"})])
    for _ in range(2):
        with pytest.raises(SourceError, match="an answer has no list at 'data'"):
            dev.load_source("shop")
    assert lake.sql("SELECT count(*) FROM quarantine.bronze__orders", "dev").fetchall() == [(2,)]


@pytest.mark.parametrize(
    ("auth", "sent"),
    [
        ({"kind": "bearer", "token": {"secret": "shop-key"}}, ("Authorization", "Bearer s3cr3t-value-of-the-shop")),
        (
            {"kind": "basic", "user": "ana", "password": {"secret": "shop-key"}},
            ("Authorization", "Basic " + base64.b64encode(b"ana:s3cr3t-value-of-the-shop").decode()),
        ),
        (
            {"kind": "key", "header": "X-Key", "prefix": "T ", "key": {"secret": "shop-key"}},
            ("X-Key", "T s3cr3t-value-of-the-shop"),
        ),
        ({"kind": "key", "param": "appid", "key": {"secret": "shop-key"}}, ("appid", "s3cr3t-value-of-the-shop")),
    ],
)
def test_credentials_are_sent_and_never_told(folder, dev, api, auth, sent, caplog):
    caplog.set_level(0)
    api.answer = lambda _: Given({"data": ALL[:1]})
    declare(folder, api, {"auth": auth})
    dev.load_source("shop")
    (asked,) = api.asked
    assert ({**asked.headers, **asked.params})[sent[0]] == sent[1]
    api.answer = lambda _: Given(status=401)
    with pytest.raises(SourceError, match="it refuses the credentials") as refused:
        dev.load_source("shop")
    api.answer = lambda _: None
    with pytest.raises(SourceUnavailable, match="cannot be reached") as gone:
        dev.load_source("shop")
    assert "s3cr3t" not in str(refused.value) + str(gone.value) + caplog.text


@pytest.mark.parametrize("kind", ["client_credentials", "refresh_token"])
def test_a_token_that_dies_in_the_middle_is_renewed(folder, lake, dev, api, kind):
    tokens = iter(["one", "two", "three"])
    alive = {"one"}

    def answer(asked):
        if asked.path == "/token":
            return Given({"access_token": next(tokens), "token_type": "bearer", "expires_in": 3600})
        token = asked.headers["Authorization"].removeprefix("Bearer ")
        if asked.params["page"] == "2":
            alive.discard("one")
            alive.add("two")
        return pages_of(ALL)(asked) if token in alive else Given(status=401)

    api.answer = answer
    auth = {
        "kind": "oauth2",
        "token_url": f"{api.url}/token",
        "client_id": "lagoa",
        "client_secret": {"secret": "shop-key"},
    }
    if kind == "refresh_token":
        auth["refresh_token"] = {"secret": "shop-key"}
    declare(folder, api, {"auth": auth}, mode="replace", paging={"kind": "page"})
    dev.load_source("shop")
    assert ids(lake) == list(range(1, 8))
    asked = [each for each in api.asked if each.path == "/token"]
    assert len(asked) == 2
    assert all(f"grant_type={kind}".encode() in each.body for each in asked)


def test_a_token_is_signed_here(folder, dev, api):
    api.answer = lambda _: Given({"data": []})
    auth = {"kind": "jwt", "algorithm": "HS256", "issuer": "lagoa", "audience": "shop", "key": {"secret": "shop-key"}}
    declare(folder, api, {"auth": auth})
    dev.load_source("shop")
    token = api.asked[0].headers["Authorization"].removeprefix("Bearer ")
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert (claims["iss"], claims["aud"], claims["exp"] - claims["iat"]) == ("lagoa", "shop", 300)


def test_it_waits_as_long_as_it_is_told(folder, dev, api):
    waits = iter(["0.3", format_datetime(datetime.now(UTC) + timedelta(seconds=1.5), usegmt=True)])
    api.answer = lambda _: (
        Given(status=429, headers={"Retry-After": wait}) if (wait := next(waits, "")) else Given({"data": []})
    )
    declare(folder, api, {"tries": 3})
    began = time.monotonic()
    dev.load_source("shop")
    assert (len(api.asked), time.monotonic() - began > 0.45) == (3, True)
    api.answer = lambda _: Given(status=429, headers={"Retry-After": "7200"})
    with pytest.raises(SourceUnavailable, match="it wants to be asked again in 7,200 s"):
        dev.load_source("shop")


def test_what_has_not_changed_is_not_sent_again(folder, lake, dev, api):
    def answer(asked):
        if asked.headers.get("If-None-Match") == '"v1"':
            return Given(status=304)
        return Given({"data": ALL}, headers={"ETag": '"v1"'})

    api.answer = answer
    declare(folder, api, mode="replace")
    assert len(dev.load_source("shop")) == 1
    assert dev.load_source("shop") == []
    assert "If-None-Match" in api.asked[1].headers


@pytest.mark.parametrize(
    ("paging", "answer", "told"),
    [
        ({"kind": "page"}, lambda _: Given({"data": ALL[:3]}), "is the same page as the one before"),
        (
            {"kind": "cursor", "at": "next", "param": "after"},
            lambda asked: Given({"data": [{"id": len(asked.params)}], "next": "a"}),
            "comes again",
        ),
        (
            {"kind": "next", "at": "next"},
            lambda _: Given({"data": [], "next": "http://example.org/v1/orders"}),
            "another host, example.org, which gets no credentials",
        ),
        ({"kind": "page"}, lambda _: Given(status=302, headers={"Location": "//example.org/"}), "another host"),
        ({"kind": "page"}, lambda _: Given(status=302, headers={"Location": "/v1/orders"}), "redirects without end"),
        ({"kind": "page"}, lambda _: Given({"data": "x" * 2_000_000}), "larger than 1 MiB"),
        ({"kind": "page"}, lambda _: Given(b"no\nsuch thing", status=404), "answers 404: no such thing"),
    ],
)
def test_answers_that_lead_nowhere_are_refused(folder, dev, api, paging, answer, told):
    api.answer = answer
    declare(folder, api, {"page_mb": 1}, paging=paging, mode="merge")
    with pytest.raises(SourceError, match=told):
        dev.load_source("shop")


def test_pages_without_end_are_refused(folder, dev, api):
    api.answer = lambda asked: Given({"data": [{"id": int(asked.params["page"])}]})
    declare(folder, api, paging={"kind": "page"}, max_pages=4)
    with pytest.raises(SourceError, match=r"more than 4 pages \(`max_pages`\)"):
        dev.load_source("shop")


def test_records_of_a_post_come_with_its_body(folder, lake, dev, api):
    api.answer = lambda asked: pages_of(ALL)(asked._replace(params={"page": json.loads(asked.body)["page"]}))
    declare(folder, api, paging={"kind": "page"}, body={"fields": ["id"]})
    dev.load_source("shop")
    assert ids(lake) == list(range(1, 8))
    assert (api.asked[0].method, json.loads(api.asked[0].body)) == ("POST", {"fields": ["id"], "page": 1})


@pytest.mark.parametrize(
    ("connection", "said", "told"),
    [
        (
            {"url": "http://shop.example/v1", "auth": {"kind": "bearer", "token": {"secret": "shop-key"}}},
            {},
            "use https",
        ),
        ({"auth": {"kind": "bearer", "token": "s3cr3t-value-of-the-shop"}}, {}, "token"),
        ({"auth": {"kind": "key", "key": {"secret": "shop-key"}}}, {}, "either `header` or `param`"),
        ({}, {"cursor": {"field": "at", "param": "since", "first": "x"}}, "mode: merge"),
        ({}, {"paging": {"kind": "offset", "size": 3, "overlap": 3}}, "not smaller"),
    ],
)
def test_what_cannot_be_declared(folder, dev, api, connection, said, told):
    declare(folder, api, connection, **said)
    with pytest.raises(DeclarationError, match=told) as error:
        dev.load_source("shop")
    assert "s3cr3t" not in str(error.value)


def test_a_secret_that_is_missing_is_named(folder, dev, api):
    declare(folder, api, {"auth": {"kind": "bearer", "token": {"secret": "no-such"}}})
    with pytest.raises(SecretNotFound, match="no-such"):
        dev.load_source("shop")
