"""The ports of credentials: secrets, and the tokens of a sign-in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pydantic import SecretStr


class Secrets(Protocol):
    """Where the credentials of one role come from. Threads may share one."""

    def get(self, name: str) -> SecretStr:
        """Return the current value of a secret: changes take effect at once.

        Args:
            name: lower-case letters, digits and `-`, such as `oidc-client-secret`.

        Raises:
            InvalidName: the name does not follow that grammar.
            SecretNotFound: there is no secret of that name, or it is empty.
            SettingsError: there are no credentials to sign in with.
            SecretsUnavailable: the secrets server does not answer, or is sealed.
            SignInFailed: it does not accept the sign-in.
            NotAllowed: it denies access.
        """


class Tokens(Protocol):
    """Bearer tokens that authenticate requests to servers. Threads may share one."""

    role: str
    """The role that they authenticate."""

    def __call__(self) -> SecretStr:
        """Return a valid token.

        Raises:
            SignInFailed: the sign-in server does not accept the credentials.
            SignInUnavailable: it does not answer.
        """

    def forget(self, token: SecretStr) -> None:
        """Do not return this token again: a server refused it, although it should be valid."""
