"""Artefacts of the stack: what the machine has to have, what is unpacked and built once, and the rules' file."""

from __future__ import annotations

import hashlib
import os
import pty
import subprocess
import sys
import tarfile
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from lagoa.errors import SettingsError, StackError
from lagoa.stack.artefacts import Fetched, _watched, cache_folder, fetch
from lagoa.stack.manifest import Artefact, Cold, read_manifest
from lagoa.stack.policy import Policy
from lagoa.stack.servers.minio.objects import policies
from lagoa.stack.servers.nessie import read_rules
from lagoa.storage.s3 import DELETER

TERMINAL = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
JAR = {"maven": "a:b:1:jar", "file": "b.jar", "sha256": "0" * 64, "bytes": 1}
ZIP = {"maven": "a:b:1:zip", "file": "b.zip", "sha256": "0" * 64, "bytes": 1, "folder": "b"}
SYSTEM = {"system": "oracle", "program": "database", "port": 1521, "minimum": 14}


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def program(folder, prints):
    """Make a program that tells a version, and return the command that finds its folder."""
    path = folder / "database"
    path.write_text(f"#!/bin/sh\necho {prints}\n")
    path.chmod(0o755)
    return f"echo {folder}"


def ask(tmp_path, **entry):
    return fetch(tmp_path, "database", Artefact(**entry), lambda _: None)


class TestOfTheMachine:
    def test_the_folder_of_its_programs_is_found(self, tmp_path):
        locate = program(tmp_path, "database 15.2")
        assert ask(tmp_path, **SYSTEM, locate=locate) == tmp_path

    @pytest.mark.parametrize("locate", ["no-such-program --bindir", "false", "echo /nowhere"])
    def test_a_package_that_is_not_there_is_told_with_its_name(self, tmp_path, locate):
        with pytest.raises(StackError, match=r"`oracle` is not on this machine(.|\n)*apt-get install oracle"):
            ask(tmp_path, **SYSTEM, locate=locate)

    @pytest.mark.parametrize("prints", ["database 13.9", "database"])
    def test_one_that_is_too_old_is_told(self, tmp_path, prints):
        with pytest.raises(StackError, match="14 is needed; there is database"):
            ask(tmp_path, **SYSTEM, locate=program(tmp_path, prints))


class TestZip:
    @pytest.fixture
    def entry(self, tmp_path):
        """Put a zip into the cache, as a fetch would; return its entry in the manifest."""
        path = tmp_path / "server.zip"
        with zipfile.ZipFile(path, "w") as packed:
            packed.writestr("server-1/lib/program", "program")
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        kept = cache_folder() / sha256[:16] / "server.zip"
        kept.parent.mkdir(parents=True)
        path.rename(kept)
        return {
            "maven": "org.example:server:1:zip",
            "file": "server.zip",
            "sha256": sha256,
            "bytes": kept.stat().st_size,
            "folder": "server-1",
            "port": 8000,
        }

    def test_it_is_unpacked_and_built_once_for_its_options(self, tmp_path, entry):
        built = []

        def build(folder, options):
            assert (folder / "lib/program").read_text() == "program"
            built.append(options)

        def get(*options):
            return fetch(tmp_path, "server", Artefact(**entry, build=options), lambda _: None, build)

        first = get("--fast")
        assert first.name == "server-1"
        assert (first / "lib/program").exists()
        assert get("--fast") == first
        assert get("--slow") != first
        assert built == [("--fast",), ("--slow",)]

    def test_one_that_was_only_unpacked_is_not_taken_for_built(self, tmp_path, entry):
        built = []
        artefact = Artefact(**entry, build=["--db=postgres"])
        plain = fetch(tmp_path, "server", artefact, lambda _: None)
        made = fetch(tmp_path, "server", artefact, lambda _: None, lambda *told: built.append(told))
        assert (len(built), plain == made) == (1, False)
        assert plain == fetch(tmp_path, "server", artefact, lambda _: None)

    def test_a_build_that_fails_leaves_nothing_to_be_taken_for_built(self, tmp_path, entry):
        def fail(folder, options):
            raise StackError("server", "no")

        artefact = Artefact(**entry)
        with pytest.raises(StackError, match="no"):
            fetch(tmp_path, "server", artefact, lambda _: None, fail)
        built = []
        fetch(tmp_path, "server", artefact, lambda _: None, lambda *told: built.append(told))
        assert len(built) == 1

    def test_two_that_want_it_at_once_build_it_once(self, tmp_path, entry):
        built = []

        def build(folder, options):
            built.append(folder)
            time.sleep(0.2)

        with ThreadPoolExecutor() as pool:
            found = pool.map(lambda _: fetch(tmp_path, "server", Artefact(**entry), lambda _: None, build), range(3))
        assert len(set(found)) == len(built) == 1


class TestParts:
    def cached(self, tmp_path, name, **files):
        """Put a packed file into the cache, as a fetch would; return what the manifest says of it."""
        path = tmp_path / name
        if name.endswith(".tar.gz"):
            with tarfile.open(path, "w:gz") as packed:
                for file, text in files.items():
                    (tmp_path / "one").write_text(text)
                    packed.add(tmp_path / "one", f"{name.partition('.')[0]}/{file}")
        elif name.endswith(".zip"):
            with zipfile.ZipFile(path, "w") as packed:
                for file, text in files.items():
                    packed.writestr(f"{name.partition('.')[0]}/{file}", text)
        else:
            path.write_text(files["text"])
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        kept = cache_folder() / sha256[:16] / name
        kept.parent.mkdir(parents=True)
        path.rename(kept)
        entry = {"maven": "org.example:it:1:x", "file": name, "sha256": sha256, "bytes": kept.stat().st_size}
        return entry | ({"folder": name.partition(".")[0]} if "." in name and not name.endswith(".jar") else {})

    def test_a_server_is_put_together_of_its_parts_and_again_when_one_changes(self, tmp_path):
        server = self.cached(tmp_path, "server.tar.gz", program="program")
        plugin = self.cached(tmp_path, "plugin.zip", code="first") | {"place": "plugin/mine"}
        jar = self.cached(tmp_path, "driver.jar", text="jar") | {"place": "lib/driver.jar"}

        def get(*parts):
            return ask(tmp_path, **server, parts=parts, port=8000)

        first = get(plugin, jar)
        found = {str(path.relative_to(first)): path.read_text() for path in first.rglob("*") if path.is_file()}
        assert found == {"program": "program", "plugin/mine/code": "first", "lib/driver.jar": "jar"}
        assert get(plugin, jar) == first
        other = get(self.cached(tmp_path, "plugin.zip", code="second") | {"place": "plugin/mine"})
        assert (other / "plugin/mine/code").read_text() == "second"
        assert not (other / "lib").exists()
        assert (first / "plugin/mine/code").read_text() == "first"


BARS = """
import time
from lagoa.cli.progress import working
from lagoa.stack.artefacts import Fetched

with working("bringing the stack up") as tell:
    time.sleep(1)
    tell(Fetched("server.zip", 20_000_000, 50_000_000))
    tell("building vault")
    time.sleep(0.5)
"""


class TestProgress:
    def test_how_much_has_come_is_told_while_it_comes(self, tmp_path):
        told = []
        with _watched(tmp_path, Fetched("server.zip", 0, 10), told.append):
            partial = tmp_path / "org/server/server.zip.7.tmp"
            partial.parent.mkdir(parents=True)
            partial.write_bytes(b"1234")
            deadline = time.monotonic() + 10
            while Fetched("server.zip", 4, 10) not in told and time.monotonic() < deadline:
                time.sleep(0.05)
        assert told[-1] == Fetched("server.zip", 4, 10)

    def test_a_person_sees_a_bar_and_a_program_nothing(self):
        command = [sys.executable, "-c", BARS]
        ours, theirs = pty.openpty()
        with subprocess.Popen(command, stderr=theirs, env=TERMINAL):
            os.close(theirs)
            shown = b""
            with suppress(OSError):  # so a terminal ends
                while part := os.read(ours, 65536):
                    shown += part
            os.close(ours)
        for text in (b"server.zip", b"20.0/50.0 MB", b"building vault"):
            assert text in shown
        assert subprocess.run(command, capture_output=True, check=True, env=TERMINAL).stderr == b""


@pytest.mark.parametrize(
    "entry",
    [
        {"system": "postgresql"},
        {"system": "postgresql", "locate": "pg_config", "program": "postgres", "maven": "a:b:1:jar"},
        {"maven": "a:b:1:zip", "file": "b.zip", "sha256": "0" * 64, "bytes": 1},
        {"maven": "a:b:1:jar", "file": "b.jar", "sha256": "0" * 64, "bytes": 1, "folder": "b"},
        {"go": "infra/go/b", "package": "b", "version": "v1", "store": "memory"},
        {**JAR, "parts": [{**JAR, "place": "lib/b.jar"}]},
        {**ZIP, "parts": [{**JAR, "place": "../b.jar"}]},
        {**ZIP, "parts": [{**JAR, "place": "/b.jar"}]},
        {**ZIP, "parts": [JAR]},
        {**ZIP, "parts": [{**JAR, "file": "b.tar.gz", "place": "lib"}]},
    ],
)
def test_an_entry_that_does_not_say_where_a_server_comes_from_is_refused(entry):
    with pytest.raises(ValueError, match="validation error"):
        Artefact(**entry, port=8000)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"endpoint": "cold.example.com"}, "endpoint"),
        ({"endpoint": "https://user:secret@cold.example.com"}, "endpoint"),
        ({"bucket": "Cold"}, "bucket"),
        ({"name": "STANDARD"}, "a class of MinIO's own"),
        ({"name": "cold"}, "name"),
        ({"storage_class": "GLACIER_IR"}, "goes with `kind` s3"),
        ({"kind": "s3", "storage_class": "DEEP_ARCHIVE"}, "before they are restored"),
        ({"secret_key": "x"}, "secret_key"),
    ],
)
def test_a_store_of_cold_files_that_cannot_be_used_is_refused(entry, message):
    good = {"endpoint": "https://cold.example.com:9000", "bucket": "lagoa-cold"}
    assert Cold(**good).name == "COLD"
    with pytest.raises(ValueError, match=message):
        Cold(**good | entry)


def test_the_maintainer_alone_tags_files_and_nobody_writes_them_with_tags():
    found = policies(POLICY)
    tags = {
        name for name, rules in found.items() for rule in rules if any("Tagging" in action for action in rule["Action"])
    }
    assert tags == {DELETER}
    for rules in found.values():
        for rule in rules:
            if "s3:PutObject" in rule["Action"] and rule["Resource"] == ["arn:aws:s3:::lagoa/warehouse/*"]:
                assert any(each["Effect"] == "Deny" and "s3:PutObject" in each["Action"] for each in rules)


POLICY = Policy(masked=(), landing=("raw", "bronze"), layers={"reader": ("gold",), "engineer": ("silver", "gold")})


class TestRules:
    def test_layers_of_the_policy_stand_in_the_places_that_a_rule_leaves(self, tmp_path):
        path = tmp_path / "rules.toml"
        path.write_text('# ${LANDING}\na = "x && ${READ_BY_READERS}"\nb = "!${LANDING}"\n')
        gold = "path == 'gold' || path.startsWith('gold.')"
        raw, bronze = (gold.replace("gold", layer) for layer in ("raw", "bronze"))
        assert list(read_rules(path, POLICY).values()) == [
            f"x && ({gold})",
            f"!({raw} || {bronze})",
        ]

    def test_a_policy_without_layers_lets_nobody_read_and_everybody_load(self, tmp_path):
        path = tmp_path / "rules.toml"
        path.write_text('reader = "${READ_BY_READERS}"\nengineer = "!${LANDING}"\n')
        assert list(read_rules(path, Policy(masked=(), layers={})).values()) == ["false", "!false"]

    def test_each_becomes_a_setting_of_one_line(self, tmp_path):
        path = tmp_path / "rules.toml"
        path.write_text('reader = """\n\'reader\' in roles\n&& op == \'VIEW_REFERENCE\'\n"""\n')
        assert read_rules(path, POLICY) == {
            "nessie.server.authorization.rules.reader": "'reader' in roles && op == 'VIEW_REFERENCE'"
        }

    @pytest.mark.parametrize("text", [None, "reader = ", "[reader]\nop = 1\n"])
    def test_a_file_that_has_none_is_told(self, tmp_path, text):
        path = tmp_path / "rules.toml"
        if text is not None:
            path.write_text(text)
        with pytest.raises(SettingsError, match=r"rules\.toml"):
            read_rules(path, POLICY)


def test_a_lake_without_the_stacks_folder_is_told_where_it_comes_from(tmp_path):
    with pytest.raises(SettingsError, match=r"There is no .*infra/stack.toml") as caught:
        read_manifest(tmp_path)
    assert "Copy the folder `infra`" in caught.value.advice
