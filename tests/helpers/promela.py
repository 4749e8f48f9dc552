"""Models in Promela (docs/model/), explored by Spin: every state that the processes can come to, or an error."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from checkout import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MODELS = ROOT / "docs/model"
LIMIT_S = 120
"""How long one exploration may take."""

_GUARD = re.compile(r"^#define (\w+) +\d+ +/\* (.+) \*/$", re.MULTILINE)
_PROPERTY = re.compile(r"^bool +(\w+) = true; +/\*", re.MULTILINE)
_STEP = re.compile(r"fault_point\(([\w.]+)\)")


@dataclass(frozen=True)
class Model:
    """A model, as its file states it.

    Attributes:
        path: the file.
        guards: what the code does against each fault, by name: where it does so.
        properties: what must hold.
        steps: the fault points at which a process may crash.
    """

    path: Path
    guards: dict[str, str]
    properties: list[str]
    steps: set[str]

    @classmethod
    def read(cls, name: str) -> Model:
        """Read the model of this name."""
        path = MODELS / f"{name}.pml"
        text = path.read_text("utf-8")
        head, _, rest = text.partition("#ifndef WITHOUT")
        steps = {step for step in _STEP.findall(rest) if step != "name"}
        return cls(path, dict(_GUARD.findall(head)), _PROPERTY.findall(rest), steps)


@dataclass(frozen=True)
class Exploration:
    """What Spin found.

    Attributes:
        violated: the first property that did not hold, or what else was wrong; empty if all states are as they must be.
        states: how many there are; up to the violation, if there is one.
        unreached: the statements that no process came to.
    """

    violated: str
    states: int
    unreached: list[str]


def explore(
    model: Model, folder: Path, *, without: str = "", variant: str = "", depth: int = 10_000, memory_mb: int = 6_000
) -> Exploration:
    """Explore a model, whole or up to the first violation.

    Args:
        model: the model.
        folder: where Spin writes its program.
        without: a guard to be taken out.
        variant: what is defined for another kind of catalog than the model is of by itself.
        depth: the longest sequence of steps that is followed.
        memory_mb: the most memory that the states may take.

    Raises:
        AssertionError: Spin or a compiler is missing; or the search ended before it had seen all states.
    """
    options = [*([f"-DWITHOUT={without}"] if without else []), *([f"-D{variant}"] if variant else [])]
    _run(["spin", *options, "-a", str(model.path)], folder)
    _run(["gcc", "-O1", "-w", "-DSAFETY", f"-DMEMLIM={memory_mb}", "-o", "pan", "pan.c"], folder)
    return read_search(_run(["./pan", f"-m{depth}"], folder))


def read_search(said: str) -> Exploration:
    """Read what Spin's program says of its search; raises `AssertionError` if that was not the whole one."""
    wrong = re.search(r"^pan:\d+: (?:assertion violated )?(.+) \(at depth", said, re.MULTILINE)
    counted = re.search(r"^\s*(\d+) states, stored", said, re.MULTILINE)
    errors = re.search(r"errors: (\d+)", said)
    truncated = re.search(r"max search depth too small|out of memory|-DMEMLIM bound|hash-?table is full", said)
    unfinished = not wrong and "Search not completed" in said
    if truncated or unfinished or not counted or not errors or bool(int(errors[1])) != bool(wrong):
        raise AssertionError(f"Spin did not explore all states: raise its limits, or make the model smaller.\n{said}")
    return Exploration(wrong[1].strip("()") if wrong else "", int(counted[1]), _unreached(said))


def _unreached(said: str) -> list[str]:
    return re.findall(r'^\s+\S+\.pml:\d+, state \d+, "(.*)"$', said, re.MULTILINE)


def _run(command: Sequence[str], folder: Path) -> str:
    if command[0] != "./pan" and shutil.which(command[0]) is None:
        raise AssertionError(f"{command[0]} is not installed: run `make system`, which installs infra/debian.txt.")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, f"{command} failed:\n{done.stdout}{done.stderr}"
    return done.stdout
