"""The git commit of a lake's declarations (contracts, models, check files), if its folder is under version control."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lagoa.settings import Settings

_PATIENCE_S = 5
"""How long git may take; a publication does not fail without it."""

_LISTED = 100
_DECLARATIONS = (".yaml", ".yml", ".sql", ".py")
_ALONE = (
    "--no-pager",
    "-c", "core.fsmonitor=false",  # a program that git would run
    "-c", "core.hooksPath=/dev/null",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class GitState:
    """What git says of the declarations.

    Attributes:
        commit: id of the commit that is checked out; empty if there is none, or no git.
        uncommitted: declarations that differ from it or are not in it, from the root of the work tree.
    """

    commit: str = ""
    uncommitted: tuple[str, ...] = ()


def git_state(settings: Settings) -> GitState:
    """Return the state of a lake's declarations in git; an empty one without a work tree, git, or an answer in time."""
    root = settings.root
    git = shutil.which("git")
    if git is None or not any((folder / ".git").exists() for folder in (root, *root.parents)):
        return GitState()
    folders = [settings.contracts_folder, settings.models_folder, settings.checks_folder]
    status = ["status", "--porcelain=v2", "--branch", "-z", "--untracked-files=all", "--ignored=matching"]
    command = [git, *_ALONE, *status, "--ignore-submodules=all", "--no-renames", "--", *map(str, folders)]
    try:
        done = subprocess.run(  # noqa: S603 - no part is a user's text
            command,
            cwd=root,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):  # not the user's repository, damaged, or too slow
        return GitState()
    return _read(done.stdout.decode("utf-8", "replace").split("\0"), folders)


def _environment() -> dict[str, str]:
    """Return the environment without variables that name another repository, and without locks and questions."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return {**kept, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}


def _read(entries: Sequence[str], folders: Sequence[Path]) -> GitState:
    commit = ""
    changed = []
    for entry in entries:
        kind, _, rest = entry.partition(" ")
        if kind == "#":
            name, _, value = rest.partition(" ")
            commit = value if name == "branch.oid" and value != "(initial)" else commit
        elif kind in _FIELDS:
            changed.append(rest.split(" ", _FIELDS[kind])[-1])
    names = {folder.name for folder in folders}
    found = [path for path in changed if path.endswith(_DECLARATIONS) or path.rstrip("/").rpartition("/")[2] in names]
    return GitState(commit, tuple(sorted(found)[:_LISTED]))


_FIELDS = {"1": 7, "u": 9, "?": 0, "!": 0}
"""Of an entry of `git status --porcelain=v2`, by its kind: how many fields are before the path."""
