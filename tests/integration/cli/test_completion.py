"""Completion in a shell: what is offered, quickly, without an error, without a trace in the lake's folder."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import chdir
from pathlib import Path

import pytest
from command_line import new_lake, ok, write
from typer.testing import CliRunner

from lagoa.cli.main import app

LAGOA = Path(sys.executable).with_name("lagoa")


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """Return a lake with a branch, a tag, two models and a flow."""
    lake = new_lake(tmp_path_factory.mktemp("completion"))
    ok(lake, "branch", "create", "dev")
    ok(lake, "tag", "create", "v1")
    (lake / "transformations" / "silver").mkdir()
    write(lake / "transformations" / "silver", "people.sql", "select 1 as id")
    write(lake / "transformations" / "silver", "teams.py", "def teams(): ...")
    return lake


def environment(**variables):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LAGOA_")}
    return {**kept, "PATH": f"{LAGOA.parent}:{os.environ['PATH']}", **variables}


def offered(line, folder):
    """Return the words that bash is offered in a folder for the last one of a line, which may be empty."""
    words = line.split(" ")
    variables = {"_LAGOA_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    with chdir(folder):
        done = CliRunner().invoke(app, [], prog_name="lagoa", env=variables)
    assert (done.exit_code, done.stderr) == (0, "")
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("lagoa re", ["review", "rebase", "revert", "report"]),
        ("lagoa quarantine ", ["list", "show", "batches", "export", "retry", "fix", "discard"]),
        ("lagoa log ", ["dev", "main", "v1"]),
        ("lagoa log --ref d", ["dev"]),
        ("lagoa audit d", ["dev"]),
        ("lagoa audit ", ["run", "show", "history", "dev", "main", "v1"]),
        ("lagoa publish ", ["dev"]),
        ("lagoa ingest people.csv --branch ", ["dev"]),
        ("lagoa branch create new --from m", ["main"]),
        ("lagoa branch delete ", ["dev"]),
        ("lagoa tag delete ", ["v1"]),
        ("lagoa diff v1..d", ["v1..dev"]),
        ("lagoa show ", ["bronze.people"]),
        ("lagoa quarantine retry b", ["bronze.people"]),
        ("lagoa table restore bronze.people ", ["bronze.people"]),
        ("lagoa backfill ", ["silver.people", "silver.teams"]),
        ("lagoa test silver.t", ["silver.teams"]),
        ("lagoa run ", ["daily"]),
        ("lagoa show x", []),
    ],
)
def test_words_are_offered(lake, line, words):
    assert offered(line, lake / "flows") == words


def test_the_lake_may_be_named_in_the_line(lake, tmp_path):
    assert offered(f"lagoa --lake {lake} log d", tmp_path) == ["dev"]
    assert offered(f"lagoa log --lake {lake} d", tmp_path) == ["dev"]


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_nothing_is_made_or_changed(lake, tmp_path):
    before = files(lake)
    offered("lagoa log ", lake)
    assert files(lake) == before
    assert offered("lagoa log ", tmp_path) == []
    assert files(tmp_path) == []
    fresh = tmp_path / "fresh"
    ok(lake, "init", fresh)
    before = files(fresh)
    assert offered("lagoa log ", fresh) == []
    assert files(fresh) == before


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("lagoa.toml", "name = ["),
        ("lagoa.toml", "nosuch = 1\n"),
        (".lagoa/catalog.db", "no database, but as long as the header of one: " + "x" * 100),
        (".lagoa/catalog.db", ""),
    ],
    ids=["toml", "setting", "damaged", "empty"],
)
def test_a_lake_that_cannot_be_read_offers_nothing_and_says_nothing(tmp_path, file, text):
    ok(tmp_path, "init", tmp_path / "lake")
    (tmp_path / "lake" / ".lagoa").mkdir()
    (tmp_path / "lake" / file).write_text(text, "utf-8")
    assert offered("lagoa log ", tmp_path / "lake") == []


def test_no_server_is_asked(lake, tmp_path):
    ok(lake, "init", tmp_path / "lake")
    with (tmp_path / "lake" / "lagoa.toml").open("a", encoding="utf-8") as settings:
        settings.write('\n[profiles.far]\ncatalog = "nessie"\nnessie_url = "http://192.0.2.1:19120/api/v2"\n')
    assert offered("lagoa --profile far log ", tmp_path / "lake") == []


def test_nothing_heavy_is_imported(lake):
    code = (
        "import sys; from lagoa.cli.main import app\n"
        "try:\n    app(prog_name='lagoa')\nexcept SystemExit:\n    pass\n"
        "heavy = {'pyiceberg', 'duckdb', 'pandas', 'pyarrow', 'lagoa.lake', 'lagoa.contracts'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    variables = environment(_LAGOA_COMPLETE="complete_bash", COMP_WORDS="lagoa log ", COMP_CWORD="2")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=lake, env=variables, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.split("\n") == ["dev", "main", "v1", "[]", ""], done.stderr


def test_the_script_completes_in_bash(lake, tmp_path):
    script = (
        'eval "$(lagoa --show-completion)"; COMP_WORDS=(lagoa publish d); COMP_CWORD=2; '
        '_lagoa_completion lagoa; echo "${COMPREPLY[@]}"'
    )
    done = in_bash(script, lake, tmp_path)
    assert (done.stdout, done.stderr) == ("dev\n", "")


def test_completion_is_installed_for_the_shell_that_it_is_called_from(lake, tmp_path):
    done = in_bash("lagoa --install-completion", lake, tmp_path)
    assert "bash completion installed" in done.stdout, done.stderr
    assert "_lagoa_completion" in (tmp_path / ".bash_completions" / "lagoa.sh").read_text("utf-8")
    assert "lagoa.sh" in (tmp_path / ".bashrc").read_text("utf-8")


def in_bash(script, cwd, home):
    command = ["bash", "--norc", "--noprofile", "-c", f"{script}; exit 0"]
    return subprocess.run(
        command, cwd=cwd, env=environment(HOME=str(home)), capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ("variables", "printed"),
    [
        ({"_LAGOA_COMPLETE": "complete_zsh"}, """_arguments '*: :(("dev"))'\n"""),
        ({"_LAGOA_COMPLETE": "complete_fish", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}, "dev\n"),
    ],
    ids=["zsh", "fish"],
)
def test_zsh_and_fish_are_answered_as_they_ask(lake, variables, printed):
    variables = environment(**variables, _TYPER_COMPLETE_ARGS="lagoa publish ")
    done = subprocess.run([LAGOA], cwd=lake, env=variables, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == (printed, "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_its_script(shell, tmp_path):
    variables = environment(_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    done = subprocess.run(
        [LAGOA, "--show-completion", shell], cwd=tmp_path, env=variables, capture_output=True, text=True, check=False
    )
    assert f"complete_{shell}" in done.stdout


def test_holds_are_offered(lake):
    ok(lake, "hold", "add", "case", "--why", "a case at court")
    try:
        assert offered("lagoa hold remove ", lake) == ["case"]
    finally:
        ok(lake, "hold", "remove", "case")
