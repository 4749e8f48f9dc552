"""Processes that publish to one table at the same time, on Nessie and MinIO."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lagoa
from benchmarks.publish import NAMES, load, write_contracts
from benchmarks.stack_servers import PROFILE
from benchmarks.writers import SETTINGS, WRITERS, figures, publications

if TYPE_CHECKING:
    from benchmarks.figures import Figure
    from benchmarks.stack_servers import Servers

LIMIT_MS = 500.0


def writers_on(servers: Servers) -> list[Figure]:
    """Return the figures of `benchmarks.writers` for one table, on an empty `main`."""
    servers.reset()
    root = servers.folder / "writers"
    root.mkdir()
    (root / "lagoa.toml").write_text(SETTINGS + servers.profile("writers"), "utf-8")
    write_contracts(root)
    with lagoa.open_lake(root, PROFILE) as lake:
        load(lake.create_branch("run/first"), NAMES, "first").publish()
    return figures("one table", publications(root, PROFILE, NAMES[:1] * WRITERS), LIMIT_MS)
