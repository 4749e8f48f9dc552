"""Fetches PyIceberg's own catalog tests: `python tests/contract/pyiceberg_tests/fetch.py`, once a checkout.

They are in PyIceberg's source distribution on PyPI, pinned by its hash, and go to .cache/, never into the repository.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tempfile
from importlib.util import find_spec
from pathlib import Path

VERSION = "0.12.0"
SHA256 = "19f165d298054f9436108691098b60fa0fa99d0eff5fb884700c43b29334a39d"
FILES = ("tests/conftest.py", "tests/catalog/test_catalog_behaviors.py")
FOLDER = Path(__file__).resolve().parents[3] / ".cache" / f"pyiceberg-{VERSION}"


def main() -> None:
    """Put the files into `FOLDER`, unless they are there."""
    if all((FOLDER / file).is_file() for file in FILES):
        return
    with tempfile.TemporaryDirectory() as temporary:
        requirement = Path(temporary) / "requirement.txt"
        requirement.write_text(f"pyiceberg=={VERSION} --hash=sha256:{SHA256}\n", "utf-8")
        command = [
            *pip(),
            "download",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "--no-binary",
            "pyiceberg",
        ]
        subprocess.run([*command, "--require-hashes", "-r", requirement, "-d", temporary], check=True)
        with tarfile.open(Path(temporary) / f"pyiceberg-{VERSION}.tar.gz") as archive:
            for file in FILES:
                source = archive.extractfile(f"pyiceberg-{VERSION}/{file}")
                if source is None:
                    raise SystemExit(f"{file} is no file in the archive")
                (FOLDER / file).parent.mkdir(parents=True, exist_ok=True)
                (FOLDER / file).write_bytes(source.read())


def pip() -> list[str]:
    """Return the command of a pip: this Python's, or the one on the path."""
    if find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    found = shutil.which("pip3") or shutil.which("pip")
    if found is None:
        raise SystemExit("There is no pip: install one, or run this with a Python that has it.")
    return [found]


if __name__ == "__main__":
    main()
