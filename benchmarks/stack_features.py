"""Features that are online in the stack's PostgreSQL, read by a lake whose tables are on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.features import ONLINE, feature_lake, online_figures
from benchmarks.stack_servers import variables
from lagoa.domain.credentials import CREDENTIALS_FILE, drawn_password, read_credentials
from lagoa.domain.roles import ENGINEER

if TYPE_CHECKING:
    from benchmarks.figures import Figure
    from benchmarks.stack_servers import Servers


def features_on(servers: Servers) -> list[Figure]:
    """Return the figures of `benchmarks.features`, on PostgreSQL."""
    password = read_credentials(servers.state / CREDENTIALS_FILE)[drawn_password(ENGINEER)]
    with variables(LAGOA_SECRET_RECEIPTS_PASSWORD=password, LAGOA_ONLINE_FEATURES="postgres"):
        return online_figures(feature_lake(servers.folder, ONLINE, ONLINE))
