"""The blocks of the documentation that are not run as they stand: why, and which tests do what they show."""

from __future__ import annotations

WHOLE_PAGES = {
    "architecture.md": "pictures: unit/test_architecture_docs.py",
    "cli.md": "forms of calls: unit/cli/test_docs.py compares them with the commands",
}
"""Pages without a block to run, and what tests them."""

REGISTRY = "installs from a registry: wheel/test_tour.py, wheel/test_extras.py"
TRINO = "Trino: stack/test_trino_sign_in.py, stack/test_trino_clients.py"
SANDBOXES = "Trino: stack/test_trino_sandboxes.py, stack/test_trino_pinned.py"
KEYCLOAK = "Keycloak: stack/test_trino_sign_in.py"
STACK = "the stack: stack/test_stack.py, stack/test_servers.py"
COMPOSE = "containers: compose/test_compose_up.py"
PREFECT = (
    "a worker or server runs until it is ended: integration/prefect/test_deployments.py, integration/cli/test_flow.py"
)
MLFLOW = "the stack's MLflow: stack/test_mlflow.py"
SPARK = "Spark: stack/test_model_engines.py, stack/test_spark.py"
NESSIE = "Nessie: stack/test_pynessie.py"
PUBLISHER = "a user or machine of the publisher's own: integration/publish/test_publisher.py"
SERVED = "a server runs until it is ended: integration/cli/test_serve_ml.py, integration/serving/test_scorer.py"
TRACKING = "a server runs until it is ended: integration/adapters/mlflow/test_tracking.py"
OUTPUT = "an example of output: integration/audit/test_loosened.py"
S3 = "an object store: stack/test_minio.py, unit/storage/test_home.py"

APPROVAL = "rules, and somebody who approves: integration/cli/test_approve.py, integration/publish/test_approval.py"
COLLECTION = "time that passes: integration/maintain/test_collection.py, integration/cli/test_hold.py"
REVIEW = "a branch with changes: integration/cli/test_review.py, integration/review/test_request.py"

BACKUP = "a place outside of the lake: integration/cli/test_backup.py, integration/backup/test_backup.py"

LEFT_OUT = {
    "backup.md": {
        "lagoa backup create /backup/mylake": f"{BACKUP}, stack/test_backup.py",
        'backup = { to = "/backup/mylake", keep = { daily = 7, weekly': "integration/backup/test_prune.py",
        'backup = { to = "/backup/mylake", every = "24h" }': BACKUP,
        "LAGOA_ROLE=engineer lagoa backup restore s3://backup/mylake ": "sign-in: stack/test_backup_signed.py",
        "lagoa backup create --follow": "it runs until it is ended: integration/backup/test_follow.py",
        "lagoa lake migrate stack": "the stack: integration/cli/test_lake.py, stack/test_backup.py",
    },
    "bi.md": {
        "export LAGOA_PROFILE=stack": TRINO,
        "lagoa stack user add ana --role reader": TRINO,
        "lagoa stack user add ana --role reader --sign-in keycloak": KEYCLOAK,
        "lagoa connect dbeaver": TRINO,
        "from trino.auth import BasicAuthentication": TRINO,
        "lagoa sandbox create ana --ttl 7d": SANDBOXES,
    },
    "features.md": {"pip install --compile 'lagoa[ml]'": REGISTRY},
    "flows.md": {
        "lagoa flow deploy": PREFECT,
        "prefect deployment run daily/daily --param folder=../incomin": PREFECT,
        "- name: bronze.orders": "part of prefect.yaml: integration/prefect/test_sources.py",
        "PREFECT_API_URL=$(lagoa flow up)/api prefect block register ": PREFECT,
        "prefect server start": PREFECT,
    },
    "getting-started.md": {"python3 -m venv .venv && . .venv/bin/activate": REGISTRY},
    "install.md": {
        "python3 -m venv .venv && . .venv/bin/activate": REGISTRY,
        "pip install --compile 'lagoa[stack]'": REGISTRY,
        "$ lagoa stack up": "what is said where a part is missing: wheel/test_parts.py",
        "uv pip install -c requirements.lock 'lagoa[stack]'": REGISTRY,
        "make system": "installs: unit/stack/test_install_debian.py",
    },
    "ml.md": {
        "pip install --compile 'lagoa[ml]'": REGISTRY,
        "mlflow ui --backend-store-uri sqlite:///.lagoa/mlflow/mlflow": TRACKING,
        "lagoa serve ml": SERVED,
        '{"order_id": "e938", "approved_at": "2018-08-29T15:00:00", "': SERVED,
        '{"model": "late_delivery", "version": 3, "model_commit": "ad': SERVED,
    },
    "review.md": {
        "lagoa review dev": REVIEW,
        'review = lake.branch("dev").review()': REVIEW,
        "exposures:": "a declaration: unit/lineage/test_exposures.py",
    },
    "models.md": {"lagoa --profile stack transform --engine spark": SPARK},
    "maintenance.md": {
        'cold = { folder = "/slow/lake", days = { bronze = 90, silver': "integration/cli/test_maintain.py",
        "cold = { days = { bronze = 90, silver = 180 } }": "a bucket: stack/test_cold.py",
        "[minio.cold]": "another store: stack/test_cold.py",
        "lagoa maintain --dry-run": "tables with small files: integration/cli/test_maintain.py",
        "[retention]": COLLECTION,
        "lagoa maintain --expire": COLLECTION,
        "lagoa maintain --expire --clock-is-right": COLLECTION,
        'lagoa hold add audit_2026 --why "asked for by the auditors" ': COLLECTION,
        "lagoa maintain --collect": COLLECTION,
        "customProperties:": "a contract: integration/write/test_bloom.py",
        "lagoa table advise bronze.orders": "queries that were logged: integration/usage/test_advice.py",
    },
    "moving.md": {
        "aws s3 sync s3://old/warehouse s3://new/warehouse": S3,
        'warehouse = "s3://new/warehouse"': S3,
    },
    "nessie-clients.md": {
        'eval "$(lagoa stack env)"': NESSIE,
        "import os": NESSIE,
    },
    "publish.md": {
        "[approval]": APPROVAL,
        "lagoa review dev": APPROVAL,
        "silver.orders at main (3f2a9c01be77): order_id = 5": "an example of output: integration/cli/test_table.py",
        "main is now at 3f2a9c01be77 (silver.orders), published 2026-": OUTPUT,
    },
    "reference-lake.md": {"lagoa test": "the tests of that folder: integration/reference_lake/test_content.py"},
    "sources.md": {
        "kind: rest": "a declaration: integration/sources/test_rest.py",
        "warehouse/raw/shop/year=2026/month=12/day=01/orders_20261201": "an example: integration/sources/test_raw.py",
    },
    "stack.md": {
        "lagoa stack up": STACK,
        "[profiles.stack]": STACK,
        'eval "$(lagoa stack env)"': MLFLOW,
        "#!/bin/sh": PUBLISHER,
        "make secrets": COMPOSE,
    },
}
"""Blocks of the other pages that are not run here, by their first line: why, and the tests that do it."""
