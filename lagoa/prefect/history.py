"""Where the lake's Prefect server has its state. Prefect is not imported here."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from lagoa.domain.credentials import secret_or_drawn
from lagoa.prefect.server import LakeServer

if TYPE_CHECKING:
    from lagoa.settings import Settings

_NAME = "prefect"
"""The database and its login, as `lagoa stack up` makes them."""


def server_of(settings: Settings) -> LakeServer:
    """Return the Prefect server of a lake, whose state is where the setting `flow_history` says."""
    if settings.flow_history == "sqlite":
        return LakeServer(settings.state_folder)
    return LakeServer(settings.state_folder, database=lambda: _url(settings))


def _url(settings: Settings) -> str:
    """Return the URL of the database, with the password.

    Raises:
        SecretNotFound: neither the lake's secrets nor the stack have it.
        StackError: the stack's credentials cannot be used.
    """
    from lagoa.bootstrap import open_secrets

    stack = settings.state_folder / "stack"
    password = secret_or_drawn(partial(open_secrets, settings), "flow-history-password", stack, f"postgres-{_NAME}")
    place = urlsplit(settings.postgres_url).netloc
    return f"postgresql+asyncpg://{_NAME}:{quote(password.get_secret_value(), safe='')}@{place}/{_NAME}"
