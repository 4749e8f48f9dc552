"""The HTTP server of online features: Feast's, without what writes or chats."""

from __future__ import annotations

from typing import TYPE_CHECKING

from feast.feature_server import get_app
from feast.permissions.server.utils import (
    ServerType,
    init_auth_manager,
    init_security_manager,
    str_to_auth_manager_type,
)
from starlette.middleware.trustedhost import TrustedHostMiddleware

if TYPE_CHECKING:
    from fastapi import FastAPI
    from feast import FeatureStore

LOOPBACK = "127.0.0.1"
SERVED = frozenset({"/get-online-features", "/health"})
"""The paths that are served. Feast's server also takes rows, and materializes, for whoever reaches it."""


def reading_app(store: FeatureStore) -> FastAPI:
    """Return Feast's application of a repository, which only reads, and only for requests to this machine's name.

    The second keeps pages of other sites out, which a browser on this machine would let ask under a name of theirs.
    """
    kind = str_to_auth_manager_type(store.config.auth_config.type)
    init_security_manager(auth_type=kind, fs=store)
    init_auth_manager(auth_type=kind, server_type=ServerType.REST, auth_config=store.config.auth_config)
    app: FastAPI = get_app(store)
    app.router.routes = [each for each in app.router.routes if getattr(each, "path", None) in SERVED]
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[LOOPBACK, "localhost"])
    return app
