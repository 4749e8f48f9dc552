"""A lake under git: the commit of its declarations is in the receipt of each publication."""

from __future__ import annotations

import os
import subprocess

import pytest
from command_line import MORE, TWICE, counted, lagoa, new_lake, ok, write

CONTRACT = "iceberg/bronze/people.odcs.yaml"
NEVER = ("core.fsmonitor", "core.pager", "core.sshCommand", "core.editor")


def git(folder, *arguments):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    own = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    who = ("-c", "user.name=ana", "-c", "user.email=ana@example.com", "-c", "init.defaultBranch=work")
    done = subprocess.run(
        ["git", *who, *arguments], cwd=folder, env=kept | own, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def in_work_tree(folder):
    """Return a lake whose folder is in a work tree, with everything committed."""
    lake = new_lake(folder)
    git(folder, "init")
    git(folder, "add", "lake")
    git(folder, "commit", "-m", "The lake")
    return lake


@pytest.fixture
def lake(tmp_path):
    """Return such a lake with a branch that is ready to be published."""
    lake = in_work_tree(tmp_path)
    ok(lake, "branch", "create", "dev")
    ok(lake, "ingest", write(tmp_path, "more.csv", MORE), "--into", "bronze.people", "--branch", "dev")
    return lake


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Return such a lake for tests that only publish."""
    return in_work_tree(tmp_path_factory.mktemp("git"))


def ready(lake, folder):
    """Return a new branch with a row of its own."""
    number = counted(lake) + 1
    ok(lake, "branch", "create", f"row-{number}")
    row = write(folder, f"row-{number}.csv", f"id,name,city,born\n{number},Ann,Köln,1970-01-01\n")
    ok(lake, "ingest", row, "--into", "bronze.people", "--branch", f"row-{number}")
    return f"row-{number}"


def newest(lake):
    return ok(lake, "log", "--json").json()[0]


def test_the_commit_is_in_the_receipt(lake):
    assert newest(lake)["git"] is None, "of a publication before git init"
    told = ok(lake, "publish", "dev", "--json").json()
    head = git(lake, "rev-parse", "HEAD")
    assert (told["git"], told["uncommitted"]) == (head, [])
    assert (newest(lake)["git"], newest(lake)["uncommitted"]) == (head, [])
    assert ["git", head] in [line.split() for line in ok(lake, "audit", "show", "main").out.splitlines()]
    assert ok(lake, "audit", "show", "main", "--json").json()["git"] == head


def test_what_is_not_committed_is_warned_about_and_kept(lake):
    contract = lake / CONTRACT
    contract.write_text(f"{contract.read_text('utf-8')}# changed\n", "utf-8")
    write(lake / "soda", "README.md", "no declaration")
    (lake / "transformations" / "silver").mkdir()
    (lake / "soda" / "bronze").mkdir()
    write(lake / "soda" / "bronze", "people.yaml", "checks:\n  - row_count:\n")
    write(lake / "transformations" / "silver", "teams.py", "def teams(): ...")
    done = ok(lake, "publish", "dev")
    assert "not committed to git: lake/iceberg/bronze/people.odcs.yaml, lake/soda/bronze/people.yaml, " in done.err
    assert "lake/transformations/silver/teams.py." in done.err
    told = newest(lake)
    assert told["git"] == git(lake, "rev-parse", "HEAD")
    others = ["lake/soda/bronze/people.yaml", "lake/transformations/silver/teams.py"]
    assert told["uncommitted"] == [f"lake/{CONTRACT}", *others]
    shown = ok(lake, "audit", "show", "main")
    assert f"uncommitted  lake/{CONTRACT}" in shown.out
    git(lake, "add", ".")
    git(lake, "commit", "-m", "More")
    back = ok(lake, "rollback", "main~1")
    assert "not committed" not in back.err
    assert newest(lake)["git"] == git(lake, "rev-parse", "HEAD")


def test_declarations_that_git_ignores_are_not_in_the_commit(lake, tmp_path):
    git(lake, "rm", "-r", "--cached", "-q", "iceberg")
    write(lake, ".gitignore", "iceberg/\n.lagoa/\n")
    git(lake, "add", "-A")
    git(lake, "commit", "-m", "Without contracts")
    assert ok(lake, "publish", "dev", "--json").json()["uncommitted"] == ["lake/iceberg/"]


def test_no_program_of_the_repository_runs(lake, tmp_path):
    trap = write(tmp_path, "trap.sh", f"#!/bin/sh\ntouch {tmp_path / 'sprung'}\n")
    trap.chmod(0o755)
    for setting in NEVER:
        git(tmp_path, "config", setting, str(trap))
    for hook in ("post-index-change", "fsmonitor-watchman", "pre-auto-gc", "reference-transaction"):
        hooks = tmp_path / ".git" / "hooks" / hook
        hooks.write_text(trap.read_text("utf-8"), "utf-8")
        hooks.chmod(0o755)
    index = (tmp_path / ".git" / "index").read_bytes()
    (lake / CONTRACT).touch()
    told = ok(lake, "publish", "dev", "--json").json()
    assert told["git"]
    assert not (tmp_path / "sprung").exists()
    assert (tmp_path / ".git" / "index").read_bytes() == index, "nothing was written"
    subprocess.run(["git", "status"], cwd=tmp_path, check=False, capture_output=True)
    assert (tmp_path / "sprung").exists(), "git itself runs it"


@pytest.mark.parametrize(
    "program",
    ["#!/bin/sh\nexec sleep 60\n", "#!/bin/sh\nexit 128\n", "#!/bin/sh\nprintf 'nonsense\\0# branch.oid'\n", None],
    ids=["slow", "failing", "other", "none"],
)
def test_a_git_that_does_not_answer_stops_no_publication(shared, tmp_path, monkeypatch, program):
    branch = ready(shared, tmp_path)
    if program is not None:
        write(tmp_path, "git", program).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path) if program is None else f"{tmp_path}:{os.environ['PATH']}")
    assert ok(shared, "publish", branch, "--json").json()["git"] is None


def test_a_repository_that_a_variable_names_is_not_this_one(shared, tmp_path, monkeypatch):
    git(tmp_path, "init")
    git(tmp_path, "commit", "--allow-empty", "-m", "Another")
    branch = ready(shared, tmp_path)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / ".git"))
    assert ok(shared, "publish", branch, "--json").json()["git"] == git(shared, "rev-parse", "HEAD")


def test_a_refused_publication_keeps_it_too(lake, tmp_path):
    ok(lake, "ingest", write(tmp_path, "twice.csv", TWICE), "--into", "bronze.people", "--branch", "dev")
    assert lagoa(lake, "publish", "dev").code == 3
    assert ok(lake, "audit", "show", "dev", "--json").json()["git"] == git(lake, "rev-parse", "HEAD")
