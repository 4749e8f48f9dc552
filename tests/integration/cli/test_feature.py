"""`lagoa feature` and `lagoa serve feature`: from a contract to features that are online, and followed."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest
from command_line import lagoa, ok
from featured import T0, publish
from lakes import LakeFolder
from served import listening

from lagoa import open_lake

ROOT = Path(__file__).parents[3]
NOT_SERVED = ("push", "write-to-online-store", "materialize", "chat", "docs")
FEATURES = {"event": "at", "domain": "sales", "ttl": "30d"}
VIEWS = """
from feast import Entity, FeatureService, ValueType

from lagoa.feast import declared_features

declared = declared_features(__file__)
shop = Entity(name="shop", join_keys=["shop"], value_type=ValueType.STRING)
shops = declared.view("gold.shops", [shop])
towns = declared.view("gold.towns", [shop])
both = FeatureService(name="both", features=[shops, towns])
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Return a lake whose features are applied and online; the first publication has 1 for the shop a, the second 2."""
    folder = LakeFolder(tmp_path_factory.mktemp("features"))
    folder.contract("gold.shops", "shop:string!* at:timestamptz!* v:long w:string", features=FEATURES)
    folder.contract("gold.towns", "shop:string!* at:timestamptz!* v:long", features=FEATURES | {"domain": "operations"})
    settings = (ROOT / "feature_store" / "feature_store.yaml").read_text("utf-8")
    folder.file("feature_store/feature_store.yaml", settings)
    folder.file("feature_store/shop_views.py", VIEWS)
    with open_lake(folder.root) as lake:
        publish(lake, {"a": 1, "b": 5})
        publish(lake, {"a": 2})
    planned = ok(folder.root, "feature", "plan", "--json").json()
    assert [(each["kind"], each["what"]) for each in planned] == [
        ("added", "shops"),
        ("added", "towns"),
        ("added", "both"),
    ]
    assert "Next: `lagoa feature apply`." in ok(folder.root, "feature", "plan").err
    assert "2 feature views and 1 services are applied" in ok(folder.root, "feature", "apply").out
    assert "no features yet" in lagoa(folder.root, "feature", "get", "both", "shop=a").err
    assert ok(folder.root, "feature", "materialize").out.splitlines()[:2] == [
        "shops: 1 entities.",
        "towns: 1 entities.",
    ]
    return folder.root


def test_features_are_listed_by_domain_with_their_services(place):
    found = ok(place, "feature", "list", "--domain", "operations", "--json").json()
    assert [(each["view"], each["feature"], each["type"], each["services"]) for each in found] == [
        ("towns", "v", "INT64", ["both"])
    ]
    assert ok(place, "feature", "list").out.splitlines()[1].split() == ["shops:v", "INT64", "shop", "sales", "both"]
    assert "There are: operations, sales" in ok(place, "feature", "list", "--domain", "finance").err


def test_one_entity_online_and_as_it_was_known(place):
    online = ok(place, "feature", "get", "both", "shop=a", "--json").json()
    assert online["features"] == {"shops:v": 2, "shops:w": "w2", "towns:v": 2}
    assert online["moments"] == {"shops": T0.isoformat(), "towns": T0.isoformat()}
    status = ok(place, "feature", "status", "--json").json()
    assert (status["online"], status["offline"], status["publications_behind"]) == (
        online["commit"],
        online["commit"],
        0,
    )
    before = ok(place, "feature", "get", "shops:v", "shop=b", "--ref", "main~1", "--at", "2026-01-02", "--json").json()
    assert before["features"] == {"shops:v": 5}
    assert before["commit"] != online["commit"]
    early = ok(place, "feature", "get", "shops:v", "shop=a", "--at", "2025-12-31T23:59Z", "--json").json()
    late = ok(place, "feature", "get", "shops:v", "shop=a", "--at", "2026-01-31T00:00:01Z", "--json").json()
    assert (early["features"], late["features"]) == ({"shops:v": None}, {"shops:v": None})
    assert ok(place, "feature", "get", "shops:v", "shop=a").out.splitlines()[1].split() == ["shops:v", "2"]
    nobody = ok(place, "feature", "get", "shops:v", "shop=nobody", "--ref", "main")
    assert nobody.out.splitlines()[1].split() == ["shops:v", "NULL"]
    assert "nothing known" in nobody.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["shop=a"], "join keys of an entity"),
        (["shops:v"], "shop is missing"),
        (["shops:v", "shop=a", "shop=b"], "given twice"),
        (["shops:v", "shop=a", "--at", "0001-01-01T00:00+14:00"], "before the year 1"),
        (["shop:v", "shop=a"], "Did you mean 'shops'?\n"),
        (["shops:v", "shop=a", "--at", "yesterday"], "is no time"),
        (["shops:x", "shop=a"], "no feature 'x'"),
        (["shops:v", "shop=a", "--ref", "nothing"], "main has the tables of 2 of the 2 feature views"),
        (["shops:v", "town=a"], "shop is missing"),
    ],
)
def test_what_is_wrong_is_named(place, arguments, said):
    done = lagoa(place, "feature", "get", *arguments)
    assert done.code != 0
    assert said in done.err


def test_publications_and_rollbacks_are_followed(place, tmp_path):
    with open_lake(place) as lake:
        lake.create_branch("next").replace(
            "gold.towns", lake.sql("select shop, at, 9::bigint as v from gold.towns".replace(" at,", ' "at",')).arrow()
        )
    ok(place, "publish", "next")
    assert ok(place, "feature", "get", "towns:v", "shop=a", "--json").json()["features"] == {"towns:v": 9}
    ok(place, "rollback", "main~1")
    status = ok(place, "feature", "status").out
    assert ", the same; since" in status
    assert ok(place, "feature", "get", "towns:v", "shop=a", "--json").json()["features"] == {"towns:v": 2}


def test_a_port_that_another_process_has_is_refused(place):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = lagoa(place, "serve", "feature", "--port", str(taken.getsockname()[1]))
    assert (done.code, "cannot be used" in done.err, done.out) == (2, True, "")


def test_the_application_only_reads_and_only_for_this_machine(place):
    from lagoa.feast.applying import open_store
    from lagoa.feast.serving import reading_app

    with listening(reading_app(open_store(place / "feature_store"))) as port:
        answer = _ask(port, {"features": ["shops:v"], "entities": {"shop": ["a"]}})
        refused = {_refusal(port, path) for path in NOT_SERVED}
        foreign = _refusal(port, "get-online-features", Host="features.example")
    assert [each["values"] for each in answer["results"]] == [["a"], [2]]
    assert (refused, foreign) == ({404}, 400)


@pytest.mark.slow
def test_features_are_served_to_this_machine(place):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "lagoa.cli", "--lake", str(place), "serve", "feature", "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        answer = _ask(
            port, {"features": ["shops:v", "towns:v"], "entities": {"shop": ["a"]}, "full_feature_names": True}
        )
        refused = {path: _refusal(port, path) for path in NOT_SERVED}
        foreign = _refusal(port, "get-online-features", Host="features.example")
        second = lagoa(place, "serve", "feature", "--port", str(port))
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)
    assert (set(refused.values()), foreign) == ({404}, 400)
    assert (second.code, "cannot be used" in second.err, second.out) == (2, True, "")
    found = dict(zip(answer["metadata"]["feature_names"], answer["results"], strict=True))
    assert (found["shop"]["values"], found["shops__v"]["values"], found["towns__v"]["values"]) == (["a"], [2], [2])


def _refusal(port, path, **headers):
    """Return the status of a request that is refused."""
    request = Request(f"http://127.0.0.1:{port}/{path}", b"{}", {"Content-Type": "application/json", **headers})
    with pytest.raises(HTTPError) as refused:
        urlopen(request)  # noqa: S310 - of this machine
    refused.value.close()
    return refused.value.code


def _ask(port, document):
    headers = {"Content-Type": "application/json"}
    request = Request(f"http://127.0.0.1:{port}/get-online-features", json.dumps(document).encode(), headers)
    until = time.monotonic() + 90
    while True:
        try:
            with urlopen(request) as answer:  # noqa: S310 - of this machine
                return json.loads(answer.read())
        except (URLError, ConnectionError):
            if time.monotonic() > until:
                raise
            time.sleep(0.2)


def test_without_anything_applied_the_next_step_is_said(lake):
    for verb in ("list", "materialize", "status"):
        done = lagoa(lake, "feature", verb)
        assert done.code != 0
        assert "lagoa feature apply" in done.err
    assert "feature_store.yaml" in lagoa(lake, "feature", "apply").err
