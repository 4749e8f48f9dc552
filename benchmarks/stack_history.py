"""Fills a stack with branches and commits, as publications leave them, so that its figures can be taken again."""

from __future__ import annotations

import json
import uuid
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lagoa.adapters.nessie.history import MERGED
from lagoa.adapters.nessie.http import NessieHttp, at
from lagoa.adapters.nessie.journal import Move
from lagoa.domain.commits import INTENTS, Intent
from lagoa.domain.refs import MAIN
from lagoa.domain.roles import JOURNAL

if TYPE_CHECKING:
    from benchmarks.stack_servers import Servers, Size

_TABLES = 30
_A_PUBLICATION = 3
"""Commits of one: on the work branch, on `main`, in the journal."""


def grow(servers: Servers, size: Size) -> None:
    """Make commits of publications that change a table each, and leave the last work branches.

    The commits are those that Lagoa makes, sent straight to the server, as the way by candidates takes an hour. What
    they changed is gone from `main` afterwards: there are no files to it.
    """
    servers.reset()
    http, beside = servers.nessie(), servers.nessie()
    branches: deque[tuple[str, str]] = deque()
    ids: dict[int, str] = {}
    main = str(http.call("GET", at(MAIN))["reference"]["hash"])
    prefix = f"grown-{main[:8]}"
    journal = str(http.call("GET", at(JOURNAL))["reference"]["hash"])
    with ThreadPoolExecutor(1, "journal") as pool:
        entered = pool.submit(lambda: journal)
        for number in range(size.commits // _A_PUBLICATION):
            name = f"run/{prefix}/{number:05d}"
            http.call("POST", "trees", body=_detached(main), params={"name": name, "type": "BRANCH"})
            table = number % _TABLES
            change = [_put(table, number, ids.get(table))]
            work, _ = _commit(http, name, main, change, {INTENTS: json.dumps([_intent(table, number)])})
            branches.append((name, work))
            properties = {MERGED: work, "lagoa.branch": name, INTENTS: json.dumps([_intent(table, number)])}
            before = main
            main, added = _commit(http, MAIN, main, change, properties)
            if added:
                (ids[table],) = added
            move = Move(MAIN, before, main, datetime.now(UTC)).properties()
            entered = pool.submit(_enter, beside, entered.result(), move)
            if len(branches) > size.branches:
                old, commit = branches.popleft()
                http.call("DELETE", at(old, commit))
        entered.result()
    gone = [{"type": "DELETE", "key": _key(table)} for table in ids]
    servers.empty, _ = _commit(http, MAIN, main, gone, {})
    http.close()
    beside.close()


def _enter(http: NessieHttp, head: str, move: dict[str, str]) -> str:
    """Enter a move into the journal; return the entry."""
    nothing = {"type": "UNCHANGED", "key": {"elements": ["lagoa"]}}
    return _commit(http, JOURNAL, head, [nothing], move)[0]


def _commit(
    http: NessieHttp, branch: str, head: str, operations: list[dict[str, Any]], properties: dict[str, str]
) -> tuple[str, list[str]]:
    """Make a commit; return it, and the ids of the contents that it added."""
    meta = {
        "message": "grow",
        "authors": ["bench"],
        "authorTime": datetime.now(UTC).isoformat(),
        "allProperties": {name: [value] for name, value in properties.items()},
    }
    body = {"commitMeta": meta, "operations": operations}
    answer = http.call("POST", f"{at(branch, head)}/history/commit", body=body)
    return str(answer["targetBranch"]["hash"]), [each["contentId"] for each in answer.get("addedContents") or []]


def _detached(commit: str) -> dict[str, str]:
    return {"type": "DETACHED", "hash": commit}


def _key(table: int) -> dict[str, list[str]]:
    return {"elements": [f"grown_{table:02d}"]}


def _put(table: int, number: int, content_id: str | None) -> dict[str, Any]:
    content = {
        "type": "ICEBERG_TABLE",
        "metadataLocation": f"{_place(table)}/metadata/{number}.metadata.json",
        "snapshotId": number,
        "schemaId": 0,
        "specId": 0,
        "sortOrderId": 0,
        **({"id": content_id} if content_id else {}),
    }
    return {"type": "PUT", "key": _key(table), "content": content}


def _intent(table: int, number: int) -> dict[str, Any]:
    """Return what a write of one file says of itself."""
    return asdict(
        Intent("append", f"bench.grown_{table:02d}", snapshot=number, schema=0, spec=0, files=(_file(table),))
    )


def _file(table: int) -> str:
    return f"{_place(table)}/data/{uuid.uuid4().hex}/f_{uuid.uuid4()}.parquet"


def _place(table: int) -> str:
    return f"s3://lagoa/warehouse/bench/grown_{table:02d}"
