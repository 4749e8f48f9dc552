"""What is set up in MLflow: a user for each role, who may read, or write runs and models, too; and the experiment."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import httpx

from lagoa.domain.credentials import drawn_tracking_password, tracking_user
from lagoa.domain.roles import Role
from lagoa.domain.training import EXPERIMENT
from lagoa.errors import StackError
from lagoa.stack.servers.mlflow import WRITERS

if TYPE_CHECKING:
    from lagoa.stack.credentials import Credentials

_ANY = ("experiment", "registered_model")
_OLD, _NEW = "2.0/mlflow", "3.0/mlflow"
_TIMEOUT_S = 30


def make_ready(url: str, admin: tuple[str, str], credentials: Credentials) -> None:
    """Make the users and the experiment that are missing, and give the users the passwords of the stack.

    The experiment belongs to the administrator, so that those who write to it cannot delete what is in it.

    Args:
        url: of MLflow.
        admin: name of its administrator, and of the credential with the password.
        credentials: of the stack.

    Raises:
        StackError: MLflow refuses; what it has may then be from an earlier stack, whose credentials are gone.
    """
    sign_in = (admin[0], credentials[admin[1]].get_secret_value())
    try:
        with httpx.Client(base_url=f"{url}/api/", auth=sign_in, timeout=_TIMEOUT_S) as client:
            for role in get_args(Role):
                _make_user(client, role, credentials[drawn_tracking_password(role)].get_secret_value())
            _make_experiment(client)
    except httpx.HTTPStatusError as error:
        said = " ".join(error.response.text.split())[:200]
        message = f"its users cannot be made: {error.response.status_code} {said}."
        raise StackError("mlflow", message, "Look at `lagoa stack logs mlflow`.") from error
    except httpx.HTTPError as error:
        raise StackError(
            "mlflow", f"it cannot be made ready: {error}.", "Look at `lagoa stack logs mlflow`."
        ) from error


def _make_user(client: httpx.Client, role: Role, password: str) -> None:
    name = tracking_user(role)
    if client.get(f"{_OLD}/users/current", auth=(name, password)).status_code != httpx.codes.OK:
        known = client.get(f"{_OLD}/users/get", params={"username": name}).status_code == httpx.codes.OK
        given = {"username": name, "password": password}
        if known:
            _said(client.patch(f"{_OLD}/users/update-password", json=given))
        else:
            _said(client.post(f"{_OLD}/users/create", json=given))
    _said(client.patch(f"{_OLD}/users/update-admin", json={"username": name, "is_admin": False}))
    wanted = "EDIT" if role in WRITERS else "READ"
    for kind in _ANY:
        what = {"username": name, "resource_type": kind, "resource_id": "*"}
        place = f"{_NEW}/users/permissions"
        if _said(client.get(f"{place}/get", params=what)).json()["permission"] != wanted:
            client.post(f"{place}/revoke", json=what)
            _said(client.post(f"{place}/grant", json={**what, "permission": wanted}))


def _make_experiment(client: httpx.Client) -> None:
    query = {"experiment_name": EXPERIMENT}
    if client.get(f"{_OLD}/experiments/get-by-name", params=query).status_code != httpx.codes.OK:
        _said(client.post(f"{_OLD}/experiments/create", json={"name": EXPERIMENT}))


def _said(response: httpx.Response) -> httpx.Response:
    """Return an answer; raise what MLflow refused."""
    return response.raise_for_status()
