"""The port of people who sign in: who somebody is, as a server says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import SecretStr


class People(Protocol):
    """People at a sign-in server."""

    def sign_in(self, show: Callable[[str], None]) -> SecretStr:
        """Let somebody sign in, in a browser anywhere, and return what proves it.

        Args:
            show: is given the address to open.

        Raises:
            SignInFailed: they did not sign in in time, or refused.
            SignInUnavailable: the server does not answer.
        """

    def who(self, token: SecretStr) -> str:
        """Return the name of whoever signed in, as the server says now.

        Raises:
            SignInFailed: the server does not know the token, or it was made for something else.
            SignInUnavailable: the server does not answer.
        """
