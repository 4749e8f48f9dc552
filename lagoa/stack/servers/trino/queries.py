"""Adds the queries that people run on Trino to the lake's log of queries, without their values.

A process beside the server, run by the supervisor. Trino knows each query for 15 minutes at least after its end, with
the snapshots that it read; Maven Central does not have its listener that would send them. Queries are in the memory of
this process with their values, and are written without.
"""

from __future__ import annotations

import os
import ssl
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from lagoa.domain.optional import extra
from lagoa.settings import load_settings
from lagoa.stack.servers.trino.catalogs import ADMIN
from lagoa.usage.log import keep, logged_queries
from lagoa.usage.other_engines import query_of_trino

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from lagoa.settings import Settings

QUERIES_PASSWORD = "LAGOA_TRINO_PASSWORD"  # noqa: S105 - a name
"""Variable of this process: the password of Lagoa's own user, who sees the queries of all."""

_EVERY_S = 60
_ENDED = frozenset({"FINISHED", "FAILED"})


_UNKNOWN = (LookupError, TypeError, ValueError, RecursionError)


class Collector:
    """Takes the queries that have ended from a Trino, each once.

    Args:
        client: which is signed in there.
        settings: of the lake.
        without_values: returns a query, in DuckDB's SQL, without its values.
    """

    def __init__(self, client: httpx.Client, settings: Settings, without_values: Callable[[str], str]) -> None:
        self._client, self._settings, self._without_values = client, settings, without_values
        self._seen: frozenset[str] = frozenset()
        known = logged_queries(settings, datetime.now(UTC) - timedelta(days=1))
        self._since = max((each.at for each in known if each.engine == "trino" and each.ref), default=None)

    def collect(self) -> int:
        """Add what has ended since the last time to the log; return how many queries that are.

        Raises:
            httpx.HTTPError: Trino does not answer, or refuses.
            LookupError, TypeError, ValueError, RecursionError: it says something of a query in a way that is not known;
                the others are in the log.
        """
        listed = self._client.get("/v1/query").raise_for_status().json()
        ended = {str(each["queryId"]) for each in listed if each["state"] in _ENDED and not _is_own(each)}
        found = []
        fault: Exception | None = None
        for query in sorted(ended - self._seen):
            answer = self._client.get(f"/v1/query/{query}", params={"pruned": "true"})
            if answer.is_client_error:  # it is forgotten already
                continue
            try:
                said = query_of_trino(answer.raise_for_status().json(), self._without_values)
            except _UNKNOWN as error:
                fault = error
                continue
            if said is not None and (self._since is None or said.at > self._since):
                found.append(said)
        for each in sorted(found, key=lambda each: each.at):
            keep(self._settings, each)
        self._seen = frozenset(ended)
        if fault is not None:
            raise fault
        return len(found)


def _is_own(listed: dict[str, dict[str, str]]) -> bool:
    """Return whether a query is Lagoa's own, which logs those of models and checks itself."""
    return listed["session"]["user"] == ADMIN


def main(root: str, url: str, certificate: str) -> None:
    """Collect until ended; the password comes from the environment."""
    with extra("stack", "`lagoa stack`"):
        import httpx

    from lagoa.bootstrap import sql_without_values

    sign_in = (ADMIN, os.environ[QUERIES_PASSWORD])
    trusted = ssl.create_default_context(cafile=certificate)
    with httpx.Client(base_url=url, verify=trusted, auth=sign_in, timeout=30, trust_env=False) as client:
        collector = Collector(client, load_settings(Path(root)), sql_without_values())
        told = ""
        while True:
            said = ""
            try:
                collector.collect()
            except httpx.HTTPError as error:
                said = f"queries are not logged: {error}\n"
            except _UNKNOWN as error:  # whose text may have a part of a query
                said = f"queries are not logged: {type(error).__name__} in what Trino says of them\n"
            if said != told:
                sys.stdout.write(said)
                sys.stdout.flush()
            told = said
            time.sleep(_EVERY_S)


if __name__ == "__main__":
    main(*sys.argv[1:])
