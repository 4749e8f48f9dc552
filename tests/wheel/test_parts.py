"""Without an extra, what needs it says which one to install."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from checkout import ROOT

SETTINGS = """name = "people"
[profiles.stack]
catalog = "nessie"
warehouse = "s3://lagoa/warehouse"
"""


@pytest.fixture(scope="module")
def lake(base, tmp_path_factory):
    """Return a lake that has a stack's profile, and `lagoa` in it without the extra."""
    folder = tmp_path_factory.mktemp("lake")
    (folder / "lagoa.toml").write_text(SETTINGS, "utf-8")
    shutil.copytree(ROOT / "infra", folder / "infra")

    def run(*arguments, **variables):
        environment = base.variables(folder) | variables
        command = [base.folder / "bin" / "lagoa", *arguments]
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)

    return run


@pytest.mark.parametrize(
    ("arguments", "variables", "what", "package"),
    [
        (["stack", "up"], {}, "`lagoa stack`", "supervisor"),
        (["stack", "status"], {}, "`lagoa stack`", "supervisor"),
        (["--profile", "stack", "tables"], {"LAGOA_SECRETS": "vault", "LAGOA_SIGN_IN": "oidc"}, "Vault", "hvac"),
        (["log"], {"LAGOA_RECEIPTS": "postgres"}, "PostgreSQL", "psycopg"),
        (["sql", "select 1"], {"LAGOA_WAREHOUSE": "s3://lagoa/warehouse"}, "An object store", "minio"),
        (["feature", "plan"], {}, "`lagoa feature plan`", "feast"),
        (["ml", "train"], {}, "`lagoa ml`", "lightgbm"),
        (["serve", "ml"], {}, "`lagoa serve ml`", "lightgbm"),
    ],
)
def test_what_needs_an_extra_names_it(lake, arguments, variables, what, package):
    keys = {"LAGOA_S3_ACCESS_KEY": "x", "LAGOA_S3_SECRET_KEY": "y"}
    done = lake(*arguments, **keys, **variables)
    assert (done.returncode, done.stdout) == (1, "")
    first, second = done.stderr.splitlines()
    assert first.startswith(f"Error: {what}")
    assert first.endswith(f" needs the package {package!r}, which is not installed.")
    extra = "ml" if package in {"feast", "lightgbm"} else "stack"
    assert second == f"Install what belongs to it: `pip install 'lagoa[{extra}]'`."
