"""The token that requests must carry: a secret of the lake, or one that is drawn and kept in its state folder."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

from pydantic import SecretStr

from lagoa.errors import SecretNotFound, SettingsError

if TYPE_CHECKING:
    from pathlib import Path

    from lagoa.context import LakeContext

SECRET = "serving-token"  # noqa: S105 - the name of it
_SHORTEST = 16


def token_of(context: LakeContext) -> tuple[SecretStr, Path | None]:
    """Return the token, and the file that it is kept in; None where it is the secret `serving-token`.

    Raises:
        SettingsError: it is shorter than 16 characters or not ASCII, or others can read the file.
        SecretsUnavailable, SignInFailed, NotAllowed: of the server of secrets.
    """
    try:
        return _checked(context.secrets.get(SECRET), f"The secret {SECRET}"), None
    except SecretNotFound:
        path = context.settings.state_folder / SECRET
        return _checked(_kept(path), str(path)), path


def _kept(path: Path) -> SecretStr:
    """Return the token in a file, which is made if it is not there."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "w") as file:
            file.write(drawn := secrets.token_urlsafe(32))
        return SecretStr(drawn)
    except FileExistsError:
        pass
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW)) as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                raise SettingsError(f"{path} can be read by others.", f"Delete it, or run `chmod 600 {path}`.")
            return SecretStr(file.read(1_000).strip())
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read ({error}).", "Delete it: another one is drawn.") from error


def _checked(token: SecretStr, what: str) -> SecretStr:
    value = token.get_secret_value()
    if len(value) < _SHORTEST or not value.isascii() or not value.isprintable() or " " in value:
        message = f"{what} is no token: {_SHORTEST} or more ASCII characters without spaces."
        raise SettingsError(message, "Set another, or delete it: one is drawn.")
    return token
