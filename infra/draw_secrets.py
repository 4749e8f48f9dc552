"""`make secrets`: generates the secrets of the containers in docker-compose.yml. Needs only Python.

Secrets that the file lacks are generated; existing ones are kept, because the servers use them.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from pathlib import Path

ROLES = ("reader", "ingest", "engineer", "publisher", "maintainer")
OF_A_ROLE = ("postgres-lagoa", "oidc-client", "vault-role-id", "vault-secret-id", "mlflow")
NAMES = (
    "postgres-admin",
    *(f"postgres-{database}" for database in ("nessie", "keycloak", "lagoa", "prefect", "mlflow")),
    "keycloak-admin",
    "minio-root-user",
    "minio-root-password",
    "minio-nessie",
    "minio-mlflow",
    "minio-trino",
    "mlflow-admin",
    "mlflow-forms",
    "audit-token",
    "trino-internal",
    "spark",
    "trino-sandboxes",
    "oidc-client-sandbox",
    "oidc-client-sql",
    "oidc-client-trino",
    "prefect-api",
    *(f"{what}-{role}" for what in OF_A_ROLE for role in ROLES),
)
LENGTH = 24


def draw(path: Path) -> list[str]:
    """Write the file, readable only by its owner, and return the names of the secrets that were generated.

    Raises:
        ValueError: the file that is there contains no secrets by name.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    kept = {}
    if path.exists():
        path.chmod(0o600)  # a copy of another machine's may have come with another mode
        kept = json.loads(path.read_text("utf-8"))
        if not isinstance(kept, dict) or not all(isinstance(value, str) and value for value in kept.values()):
            raise ValueError("it contains no secrets by name")
    drawn = {name: secrets.token_urlsafe(LENGTH) for name in NAMES if name not in kept}
    if drawn:
        partial = path.with_name(f"{path.name}.partial")
        partial.unlink(missing_ok=True)  # it may have another mode, or be a link
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump({**kept, **drawn}, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    return list(drawn)


if __name__ == "__main__":
    place = Path(sys.argv[1])
    try:
        count = len(draw(place))
    except ValueError as error:
        sys.exit(f"{place} is damaged: {error}. Restore it: the volumes were made with its secrets (docs/stack.md).")
    sys.stdout.write(f"{count} secrets were drawn into {place}.\n" if count else f"{place} has all secrets already.\n")
