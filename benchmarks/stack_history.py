"""Fills a stack with branches and commits, as publications leave them, so that its figures can be taken again."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lagoa.adapters._nessie_history import MERGED
from lagoa.adapters._nessie_http import NessieHttp, at
from lagoa.adapters._nessie_journal import Move
from lagoa.model import MAIN
from lagoa.roles import JOURNAL

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
    http, beside = servers.nessie(), servers.nessie()
    branches: deque[tuple[str, str]] = deque()
    main = str(http.call("GET", at(MAIN))["reference"]["hash"])
    journal = str(http.call("GET", at(JOURNAL))["reference"]["hash"])
    with ThreadPoolExecutor(1, "journal") as pool:
        entered = pool.submit(lambda: journal)
        for number in range(size.commits // _A_PUBLICATION):
            name = f"run/grown/{number:05d}"
            http.call("POST", "trees", body=_detached(main), params={"name": name, "type": "BRANCH"})
            work = _commit(http, name, main, _put(number), {})
            branches.append((name, work))
            before, main = main, _commit(http, MAIN, main, _put(number), {MERGED: work, "lagoa.branch": name})
            move = Move(MAIN, before, main, datetime.now(UTC)).properties()
            entered = pool.submit(_commit, beside, JOURNAL, entered.result(), _unchanged(), move)
            if len(branches) > size.branches:
                old, commit = branches.popleft()
                http.call("DELETE", at(old, commit))
        entered.result()
    _commit(http, MAIN, main, [{"type": "DELETE", "key": _key(number)} for number in range(_TABLES)], {})
    http.close()
    beside.close()


def _commit(
    http: NessieHttp, branch: str, head: str, operations: list[dict[str, Any]], properties: dict[str, str]
) -> str:
    meta = {
        "message": "grow",
        "authors": ["bench"],
        "authorTime": datetime.now(UTC).isoformat(),
        "allProperties": {name: [value] for name, value in properties.items()},
    }
    body = {"commitMeta": meta, "operations": operations}
    return str(http.call("POST", f"{at(branch, head)}/history/commit", body=body)["targetBranch"]["hash"])


def _detached(commit: str) -> dict[str, str]:
    return {"type": "DETACHED", "hash": commit}


def _key(number: int) -> dict[str, list[str]]:
    return {"elements": [f"grown_{number % _TABLES:02d}"]}


def _put(number: int) -> list[dict[str, Any]]:
    content = {
        "type": "ICEBERG_TABLE",
        "metadataLocation": f"s3://lagoa/warehouse/grown/{number % _TABLES}/metadata/{number}.metadata.json",
        "snapshotId": number,
        "schemaId": 0,
        "specId": 0,
        "sortOrderId": 0,
    }
    return [{"type": "PUT", "key": _key(number), "content": content}]


def _unchanged() -> list[dict[str, Any]]:
    return [{"type": "UNCHANGED", "key": {"elements": ["lagoa"]}}]
