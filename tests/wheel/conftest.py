"""What is installed from the wheel alone, as `pip install lagoa` would, in environments outside of the checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import pytest
from checkout import ROOT

if TYPE_CHECKING:
    from pathlib import Path

LOCK = ROOT / "requirements.lock"
UV = [sys.executable, "-m", "uv"]

_FACTS = """
import json
from importlib.metadata import distributions
facts = []
for each in distributions():
    meta = each.metadata
    labels = [label.rpartition(" :: ")[2] for label in meta.get_all("Classifier", []) if label.startswith("License ::")]
    facts.append([meta["Name"], meta["Version"], meta["License-Expression"] or "", meta["License"] or "", labels])
print(json.dumps(sorted(facts)))
"""


@dataclass
class Environment:
    """An environment that has Lagoa and what it needs, of the versions of the lock.

    Attributes:
        folder: of the environment.
    """

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def megabytes(self) -> int:
        """How much its packages take, before anything of them was compiled."""
        files = (self.folder / "lib").rglob("*")
        return sum(each.stat().st_size for each in files if each.is_file() and each.suffix != ".pyc") // 10**6

    def variables(self, home: Path) -> dict[str, str]:
        """Return the environment variables of somebody who works there, and in no checkout."""
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        return {"HOME": str(home), "LANG": "C.UTF-8", "PATH": path, "PYTHONWARNINGS": "error"}

    @cached_property
    def packages(self):
        """Return name, version, license expression, license text and license labels of each package."""
        done = subprocess.run([self.python, "-c", _FACTS], check=True, capture_output=True, text=True)
        return json.loads(done.stdout)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """Return the built wheel."""
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="session")
def install(wheel, tmp_path_factory):
    """Return what makes an environment with these extras."""

    def make(*extras: str) -> Environment:
        folder = tmp_path_factory.mktemp("environment") / "venv"
        subprocess.run([*UV, "venv", "-q", "--python", sys.executable, str(folder)], check=True)
        wanted = f"lagoa[{','.join(extras)}] @ {wheel.as_uri()}"
        where = ["-q", "--python", str(folder / "bin" / "python"), "-c", str(LOCK)]
        subprocess.run([*UV, "pip", "install", *where, wanted], check=True)
        return Environment(folder)

    return make


@pytest.fixture(scope="session")
def base(install):
    """Return an environment without extras."""
    return install()
