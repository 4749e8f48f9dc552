"""Credentials: the grammar of their names, and the file with those of a lake's stack."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from pydantic import SecretStr

from lagoa.errors import InvalidName, SecretNotFound, StackError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lagoa.domain.ports.secrets import Secrets

CREDENTIALS_FILE = "credentials.json"
"""In the stack's state folder; only its owner can read it."""

VAULT_MOUNT = "lagoa"
"""Mount of the KV engine in the stack's Vault; the keys of its secret `roles/<role>` are the role's secrets."""

SECRET_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,99}")


def check_secret_name(name: str) -> str:
    """Return `name` if it is a valid name of a secret.

    Raises:
        InvalidName: otherwise.
    """
    if not SECRET_NAME.fullmatch(name):
        rule = "lower-case letters, digits and '-', not starting with '-', at most 100 characters: `oidc-client-secret`"
        raise InvalidName("secret", name, rule)
    return name


def read_credentials(path: Path) -> dict[str, str]:
    """Return the credentials that `lagoa stack up` stored, by name; empty if there is no such file.

    Raises:
        StackError: others may read the file, it is damaged, or it cannot be read.
    """
    try:
        if path.stat().st_mode & 0o077:
            raise StackError("credentials", f"{path} can be read by others.", f"Run `chmod 600 {path}`.")
        kept = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}."
        raise StackError("credentials", message, "Run this as the user who started the stack.") from error
    except ValueError:  # its text may quote the file
        kept = None
    if not isinstance(kept, dict) or not all(isinstance(value, str) for value in kept.values()):
        advice = "Restore it from a backup: the servers use the credentials that were in it."
        raise StackError("credentials", f"{path} is damaged.", advice)
    return kept


def secret_or_drawn(secrets: Callable[[], Secrets], name: str, stack: Path, drawn: str) -> SecretStr:
    """Return a secret, or else the one that `lagoa stack up` generated for the same lake.

    Args:
        secrets: where credentials come from.
        name: its name there.
        stack: the stack's state folder.
        drawn: its name in the stack's credentials.

    Raises:
        SecretNotFound: neither has it.
        StackError: the stack's credentials cannot be used.
    """
    try:
        return secrets().get(name)
    except SecretNotFound:
        kept = read_credentials(stack / CREDENTIALS_FILE).get(drawn)
        if not kept:
            raise
        return SecretStr(kept)


def drawn_password(role: str) -> str:
    """Return the name, in the stack's credentials, of the password of a role's login to the database of receipts."""
    return f"postgres-lagoa-{role}"


def drawn_tracking_password(role: str) -> str:
    """Return the name, in the stack's credentials, of the password of a role's user of MLflow."""
    return f"mlflow-{role}"


def tracking_user(role: str) -> str:
    """Return the user of MLflow of a role."""
    return f"lagoa_{role}"
