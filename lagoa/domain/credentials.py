"""Credentials: what their names look like, and the file that the stack of a lake keeps its own in."""

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
"""In the folder of the stack's state; its owner alone can read it."""

VAULT_MOUNT = "lagoa"
"""Where the stack's Vault has its KV engine; the keys of its secret `roles/<role>` are the role's secrets."""

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,99}")


def check_secret_name(name: str) -> str:
    """Return `name` when it may name a secret.

    Raises:
        InvalidName: otherwise.
    """
    if not _NAME.fullmatch(name):
        rule = "small letters, digits and '-', the first no '-', at most 100 characters: `oidc-client-secret`"
        raise InvalidName("secret", name, rule)
    return name


def read_credentials(path: Path) -> dict[str, str]:
    """Return what `lagoa stack up` has kept, by name; nothing when there is no such file.

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
    except ValueError:  # its text may hold a part of what is in the file
        kept = None
    if not isinstance(kept, dict) or not all(isinstance(value, str) for value in kept.values()):
        advice = "Put it back from a backup: the servers know what it said."
        raise StackError("credentials", f"{path} is damaged.", advice)
    return kept


def secret_or_drawn(secrets: Callable[[], Secrets], name: str, stack: Path, drawn: str) -> SecretStr:
    """Return a secret, else as `lagoa stack up` drew it for the same lake.

    Args:
        secrets: where credentials come from.
        name: of the secret there.
        stack: the folder of the stack's state.
        drawn: its name among the stack's credentials.

    Raises:
        SecretNotFound: there is none.
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
    """Return what the stack's credentials call the password of a role's login to the database of receipts."""
    return f"postgres-lagoa-{role}"
