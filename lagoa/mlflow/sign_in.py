"""How MLflow's clients sign in to the server of a lake: `export MLFLOW_TRACKING_AUTH=lagoa`, in the lake's folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlflow.tracking.request_auth.abstract_request_auth_provider import RequestAuthProvider

from lagoa.adapters.mlflow.server import SIGN_IN, is_known, sign_in
from lagoa.bootstrap import mlflow_server
from lagoa.errors import LakeNotFound
from lagoa.settings import load_settings, present_lake

if TYPE_CHECKING:
    from collections.abc import Callable


class LakeSignIn(RequestAuthProvider):
    """Signs in as the role of a lake, to the server of that lake alone; MLflow finds it by its entry point."""

    def get_name(self) -> str:
        """Return what `MLFLOW_TRACKING_AUTH` is for it."""
        return SIGN_IN

    def get_auth(self) -> Callable[[Any], Any]:
        """Return what adds the sign-in to a request."""
        if not is_known():  # by no lake that this process has opened
            try:
                folder = present_lake()
            except LakeNotFound:
                return sign_in
            server = mlflow_server(load_settings(folder))
            if server is not None:
                server.remember()
        return sign_in
