"""What the process of a lake's Prefect server does."""

from __future__ import annotations

import gc
import os
import socket
import time
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import uvicorn

from lagoa.prefect.database import prepare_database
from lagoa.prefect.server import DATABASE_VARIABLE, HOST, Running, write_running

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.types import ASGIApp

_DATABASE = "prefect.db"
_TICKS = 50  # of 0.1 s


def serve(home: Path, lock: int, idle_s: float) -> None:
    """Serve until nothing was requested for `idle_s` seconds, and say in the locked file who and where."""
    os.umask(0o077)
    write_running(lock, Running(os.getpid(), 0, version("prefect")))
    gc.disable()  # a sixth of the start: it would look through all that is imported, again and again
    with socket.socket() as listening:
        listening.bind((HOST, 0))
        port = listening.getsockname()[1]
        for name in [name for name in os.environ if name.startswith("PREFECT_")]:
            del os.environ[name]  # of the user's Prefect
        database = os.environ.pop(DATABASE_VARIABLE, "")
        is_migrated = not database and prepare_database(home / _DATABASE)
        os.environ.update(_settings(home, port, database, is_migrated=is_migrated))
        config = uvicorn.Config(_application(), log_level="warning", timeout_graceful_shutdown=3)
        _Server(config, home, lock, idle_s).run([listening])


def _settings(home: Path, port: int, database: str, *, is_migrated: bool) -> dict[str, str]:
    """Return what Prefect is run with; it reads its settings when it is imported."""
    return {
        **({"PREFECT_API_DATABASE_CONNECTION_URL": database} if database else {}),
        "PREFECT_HOME": str(home),
        "PREFECT_PROFILES_PATH": str(home / "profiles.toml"),
        "PREFECT_API_DATABASE_MIGRATE_ON_START": str(not is_migrated),
        "PREFECT_SERVER_API_HOST": HOST,
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_UI_URL": f"http://{HOST}:{port}",  # in notifications
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",
        # Pages of other sites in the user's browser may not read from it.
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"http://{HOST}:{port}",
    }


def _application() -> ASGIApp:
    from prefect.server.api.server import create_app
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    # A page of another site cannot get in by a name that it lets point to this machine.
    return TrustedHostMiddleware(create_app(final=True), [HOST, "localhost"])


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, home: Path, lock: int, idle_s: float) -> None:
        super().__init__(config)
        self._home = home
        self._lock = lock
        self._idle_s = idle_s
        self._requests = 0
        self._used = time.monotonic()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and sockets:
            port = sockets[0].getsockname()[1]
            write_running(self._lock, Running(os.getpid(), port, version("prefect")))
            gc.freeze()
            gc.enable()

    async def on_tick(self, counter: int) -> bool:
        """Say whether to end: nothing is connected and nothing was for a while, or the lake is gone."""
        state: Any = self.server_state
        if state.connections or state.total_requests != self._requests:
            self._requests, self._used = state.total_requests, time.monotonic()
        gone = counter % _TICKS == 0 and not self._home.exists()
        return await super().on_tick(counter) or gone or time.monotonic() - self._used > self._idle_s
