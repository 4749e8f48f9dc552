"""A cache in a file: whole or not there, whatever becomes of the file."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lagoa.domain.cache_file import CacheFile, code_version

TEXTS = {"bronze.a": '{"x": 1}', "silver.b": "Preço\tem R$\u2028", "gold.c": ""}

MANY = """
import sys
from pathlib import Path
from lagoa.domain.cache_file import CacheFile
file = CacheFile(Path(sys.argv[1]), "1")
for number in range(100):
    file.write({f"t{key}": f"{sys.argv[2]} {number} " + "x" * 1000 for key in range(20)})
    found = file.read()
    assert len(found) == 20, found.keys()
    assert len({text.partition(" x")[0] for text in found.values()}) == 1, found
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "contracts.cache"
    CacheFile(path, "1").write(TEXTS)
    return path


def test_what_was_written_is_read_by_the_same_version_alone(path):
    assert CacheFile(path, "1").read() == TEXTS
    assert CacheFile(path, "2").read() == {}
    CacheFile(path, "2").write({"a": "b"})
    assert CacheFile(path, "1").read() == {}
    assert CacheFile(path, "2").read() == {"a": "b"}


def test_nothing_is_kept_nowhere(tmp_path):
    CacheFile(None, "1").write(TEXTS)
    assert CacheFile(None, "1").read() == {}
    assert list(tmp_path.iterdir()) == []


@given(
    at=st.integers(min_value=0), kind=st.sampled_from(["flip", "cut", "double", "insert"]), value=st.binary(max_size=9)
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_of_what_is_damaged_no_entry_is_another(path, at, kind, value):
    CacheFile(path, "1").write(TEXTS)
    good = path.read_bytes()
    at %= len(good)
    damaged = {
        "flip": good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :],
        "cut": good[:at],
        "double": good[:at] + good,
        "insert": good[:at] + value + good[at:],
    }[kind]
    path.write_bytes(damaged)
    assert CacheFile(path, "1").read().items() <= TEXTS.items()


def test_a_damaged_line_costs_its_entry_alone(path):
    path.write_bytes(path.read_bytes().replace(b'"x": 1', b'"x": 2'))
    assert CacheFile(path, "1").read() == {key: text for key, text in TEXTS.items() if key != "bronze.a"}


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_what_others_may_write_is_not_read(path, mode):
    path.chmod(mode)
    assert CacheFile(path, "1").read() == {}
    CacheFile(path, "1").write(TEXTS)
    assert path.stat().st_mode & 0o777 == 0o600
    assert CacheFile(path, "1").read() == TEXTS


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
def test_what_another_user_wrote_is_not_read(path):
    os.chown(path, 12345, -1)
    assert CacheFile(path, "1").read() == {}


@pytest.mark.parametrize("place", ["gone/contracts.cache", "a file/contracts.cache", "."])
def test_where_nothing_can_be_written_nothing_is_kept(tmp_path, place):
    (tmp_path / "a file").touch()
    file = CacheFile(tmp_path / place, "1")
    file.write(TEXTS)
    assert file.read() == {}
    assert [each.name for each in tmp_path.iterdir()] == ["a file"]


def test_processes_write_at_once(tmp_path):
    path = tmp_path / "contracts.cache"
    command = [sys.executable, "-c", MANY, str(path)]
    running = [subprocess.Popen([*command, str(number)]) for number in range(3)]
    assert [each.wait() for each in running] == [0, 0, 0]
    assert list(tmp_path.iterdir()) == [path]


def test_a_version_follows_from_the_code(tmp_path, monkeypatch):
    package = tmp_path / "reads_contracts"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "columns.py").write_text("LIMIT = 1")
    monkeypatch.syspath_prepend(str(tmp_path))
    version = code_version.__wrapped__
    first = version(("reads_contracts",), ("pydantic",))
    assert first == version(("reads_contracts",), ("pydantic",))
    assert first != version(("reads_contracts",), ("pydantic", "pyyaml"))
    (package / "columns.py").write_text("LIMIT = 2")
    assert first != version(("reads_contracts",), ("pydantic",))
