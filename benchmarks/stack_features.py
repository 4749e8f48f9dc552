"""Features that are online in the stack's PostgreSQL, read by a lake whose tables are on this machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from benchmarks.features import ONLINE, feature_lake, online_figures
from lagoa.domain.credentials import CREDENTIALS_FILE, drawn_password, read_credentials
from lagoa.domain.roles import ENGINEER

if TYPE_CHECKING:
    from benchmarks.figures import Figure
    from benchmarks.stack_servers import Servers


def features_on(servers: Servers) -> list[Figure]:
    """Return the figures of `benchmarks.features`, on PostgreSQL."""
    os.environ["LAGOA_SECRET_RECEIPTS_PASSWORD"] = read_credentials(servers.state / CREDENTIALS_FILE)[
        drawn_password(ENGINEER)
    ]
    os.environ["LAGOA_ONLINE_FEATURES"] = "postgres"
    try:
        return online_figures(feature_lake(servers.folder, ONLINE, ONLINE))
    finally:
        del os.environ["LAGOA_SECRET_RECEIPTS_PASSWORD"], os.environ["LAGOA_ONLINE_FEATURES"]
