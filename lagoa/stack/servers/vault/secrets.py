"""What is set up in Vault: unsealed, an audit trail, each role's secrets, and a sign-in that reads those alone."""

from __future__ import annotations

from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any, get_args

import hvac
from hvac.exceptions import InvalidPath, InvalidRequest, VaultError
from requests import RequestException
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from lagoa.domain.credentials import VAULT_MOUNT, drawn_password, drawn_tracking_password
from lagoa.domain.roles import Role
from lagoa.errors import StackError

if TYPE_CHECKING:
    from lagoa.stack.credentials import Credentials

TOKEN_TTL = "15m"  # noqa: S105 - a duration
TOKEN_MAX_TTL = "4h"  # noqa: S105
"""How long a role's token lasts, and how long it can be renewed for."""

_ENGINE_S = 20
_ROOT, _KEY = "vault-root-token", "vault-unseal-key"


def make_ready(url: str, credentials: Credentials, audit_log: str) -> None:
    """Initialise and unseal Vault, and bring what it holds for the stack to what the credentials say.

    Args:
        url: of Vault.
        credentials: of the stack; root token and unseal key are kept there.
        audit_log: the file that requests are written to, as Vault finds it; secrets are hashed there.

    Raises:
        StackError: Vault refuses; what it has may then be from an earlier stack, whose credentials are gone.
    """
    client = hvac.Client(url, token="")
    try:
        with closing(client.adapter):
            _unseal(client, credentials)
            client.token = credentials[_ROOT].get_secret_value()
            _enable(client, audit_log)
            for role in get_args(Role):
                _make_role(client, role, credentials)
    except (VaultError, RequestException) as error:
        message = f"it cannot be made ready: {' '.join(str(error).split())}."
        advice = "Look at `lagoa stack logs vault`; its data may be of other credentials than credentials.json holds."
        raise StackError("vault", message, advice) from error


def _unseal(client: hvac.Client, credentials: Credentials) -> None:
    if not client.sys.is_initialized():
        made = client.sys.initialize(secret_shares=1, secret_threshold=1)
        credentials.keep({_ROOT: made["root_token"], _KEY: made["keys_base64"][0]})
    if _ROOT not in credentials or _KEY not in credentials:
        raise StackError(
            "vault",
            "it holds secrets, but the stack's credentials have not the key that unseals it.",
            "Put credentials.json back from a backup; or move the folder `vault` of the stack away, and "
            "`lagoa stack up` makes a new one, without secrets that others have put there.",
        )
    if client.sys.is_sealed():
        client.sys.submit_unseal_key(credentials[_KEY].get_secret_value())


def _enable(client: hvac.Client, audit_log: str) -> None:
    """Turn on the audit trail, the KV engine and sign-in by AppRole, where they are not on."""
    if "file/" not in client.sys.list_enabled_audit_devices()["data"]:
        client.sys.enable_audit_device("file", options={"file_path": audit_log, "mode": "0600"})
    if f"{VAULT_MOUNT}/" not in client.sys.list_mounted_secrets_engines()["data"]:
        client.sys.enable_secrets_engine("kv", path=VAULT_MOUNT, options={"version": "2"})
        _wait_for_engine(client)
    if "approle/" not in client.sys.list_auth_methods()["data"]:
        client.sys.enable_auth_method("approle")


def _wait_for_engine(client: hvac.Client) -> None:
    """Wait while a new KV engine says that it is not there yet."""
    patience = stop_after_delay(_ENGINE_S)
    tries = Retrying(retry=retry_if_exception_type(InvalidRequest), stop=patience, wait=wait_fixed(0.1), reraise=True)
    tries(client.secrets.kv.v2.read_configuration, mount_point=VAULT_MOUNT)


def _make_role(client: hvac.Client, role: str, credentials: Credentials) -> None:
    """Let a role sign in, with the credentials of the stack, and read its own secret; put that there."""
    name, path = f"lagoa-{role}", f"roles/{role}"
    rules = {f"{VAULT_MOUNT}/data/{path}": ["read"], "auth/token/renew-self": ["update"]}
    client.sys.create_or_update_policy(name, {"path": {at: {"capabilities": may} for at, may in rules.items()}})
    approle = client.auth.approle
    approle.create_or_update_approle(
        name,
        bind_secret_id=True,
        token_policies=[name],
        token_no_default_policy=True,
        token_ttl=TOKEN_TTL,
        token_max_ttl=TOKEN_MAX_TTL,
    )
    approle.update_role_id(name, credentials[f"vault-role-id-{role}"].get_secret_value())
    secret_id = credentials[f"vault-secret-id-{role}"].get_secret_value()
    if not isinstance(approle.read_secret_id(name, secret_id), dict):  # 204: there is no such
        approle.create_custom_secret_id(name, secret_id)
    values = {
        "oidc-client-secret": f"oidc-client-{role}",
        "receipts-password": drawn_password(role),
        "mlflow-password": drawn_tracking_password(role),
    }
    _put(client, path, {key: credentials[drawn].get_secret_value() for key, drawn in values.items()})


def _put(client: hvac.Client, path: str, values: dict[str, str]) -> None:
    """Set keys of a secret; others, which somebody has put there, stay."""
    kv = client.secrets.kv.v2
    kept: dict[str, Any] = {}
    with suppress(InvalidPath):
        kept = kv.read_secret_version(path, mount_point=VAULT_MOUNT, raise_on_deleted_version=True)["data"]["data"]
    if any(kept.get(key) != value for key, value in values.items()):
        kv.create_or_update_secret(path, {**kept, **values}, mount_point=VAULT_MOUNT)
