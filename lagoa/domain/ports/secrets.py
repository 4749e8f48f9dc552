"""The ports of credentials: secrets, and the tokens of a sign-in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pydantic import SecretStr


class Secrets(Protocol):
    """Where the credentials of one role come from. Threads may share one."""

    def get(self, name: str) -> SecretStr:
        """Return the secret of a name, as it is now: one that was changed meanwhile is seen.

        Args:
            name: small letters, digits and `-`, such as `oidc-client-secret`.

        Raises:
            InvalidName: a name outside that grammar.
            SecretNotFound: there is none of that name, or it is empty.
            SettingsError: nothing says who asks.
            SecretsUnavailable: the server that keeps them does not answer, or is sealed.
            SignInFailed: it does not know who asks.
            NotAllowed: it knows who asks, and refuses.
        """


class Tokens(Protocol):
    """Bearer tokens by which servers know who asks. Threads may share one."""

    role: str
    """The role that they stand for."""

    def __call__(self) -> SecretStr:
        """Return a token that holds.

        Raises:
            SignInFailed: the server that gives them out does not know who asks.
            SignInUnavailable: it does not answer.
        """

    def forget(self, token: SecretStr) -> None:
        """Give this token no more: a server refused it, though it should hold."""
