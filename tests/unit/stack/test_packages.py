"""Servers that are part of a Python package: what has to be there for them."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from lagoa.errors import StackError
from lagoa.stack.artefacts import fetch
from lagoa.stack.manifest import Artefact

HTTPX = {"pypi": "httpx", "version": httpx.__version__.rpartition(".")[0], "port": 8000}
JAVA = """#!/bin/sh
echo 'openjdk version "{}" 2025-04-15' >&2
exit {}
"""


def get(tmp_path, **entry):
    return fetch(tmp_path, "http", Artefact(**HTTPX | entry), lambda _: None)


@pytest.fixture
def java(tmp_path, monkeypatch):
    """Return what makes a Java that tells a version, and is the machine's."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))

    def make(version, code=0):
        program = tmp_path / "bin/java"
        program.parent.mkdir()
        program.write_text(JAVA.format(version, code))
        program.chmod(0o755)

    return make


def test_its_folder_is_that_of_the_package(tmp_path, java):
    java("17.0.15")
    assert get(tmp_path, java=[17, 21]) == Path(httpx.__file__).parent


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"pypi": "no_such_package"}, r"needs the package 'no_such_package'(.|\n)*pip install 'lagoa\[http\]'"),
        ({"version": "4.1"}, rf"httpx 4\.1 is needed; there is {httpx.__version__}"),
    ],
)
def test_a_package_that_is_not_there_or_of_another_version_is_told(tmp_path, java, entry, told):
    with pytest.raises(StackError, match=told):
        get(tmp_path, **entry)


@pytest.mark.parametrize(
    ("version", "code", "told"),
    [
        (None, 0, r"Java 17 or 21 is needed; there is none(.|\n)*apt-get install openjdk-17-jre-headless"),
        ("25.0.1", 0, r'Java 17 or 21 is needed; there is openjdk version "25\.0\.1"'),
        ("17.0.1", 1, "there is none"),
    ],
)
def test_another_java_is_told(tmp_path, java, version, code, told):
    if version:
        java(version, code)
    with pytest.raises(StackError, match=told):
        get(tmp_path, java=[17, 21])


@pytest.mark.parametrize("entry", [{"version": None}, {"module": "lagoa.x"}, {"pypi": "a b"}, {"memory": "1 GB"}])
def test_an_entry_that_says_too_little_is_refused(entry):
    with pytest.raises(ValueError, match="validation error"):
        Artefact(**HTTPX | entry)
