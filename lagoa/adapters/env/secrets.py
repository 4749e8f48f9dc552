"""Secrets from environment variables."""

from __future__ import annotations

import os

from pydantic import SecretStr

from lagoa.domain.credentials import check_secret_name
from lagoa.errors import SecretNotFound


class EnvSecrets:
    """Each secret is the variable `LAGOA_SECRET_<NAME>`: `oidc-client-secret` is `LAGOA_SECRET_OIDC_CLIENT_SECRET`."""

    def get(self, name: str) -> SecretStr:
        """See the port `Secrets`."""
        variable = f"LAGOA_SECRET_{check_secret_name(name).upper().replace('-', '_')}"
        value = os.environ.get(variable)
        if not value:
            advice = 'Set the variable, or let secrets come from Vault: `secrets = "vault"` in lagoa.toml.'
            raise SecretNotFound(name, f"the variable {variable}", advice)
        return SecretStr(value)
