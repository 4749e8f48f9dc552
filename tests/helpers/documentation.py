"""The blocks of code in the documentation: taken from a page in their order, and run as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from checkout import ROOT
from left_out import LEFT_OUT

if TYPE_CHECKING:
    from collections.abc import Mapping

DOCS = ROOT / "docs"
SHELL = ("", "sh")


@dataclass(frozen=True)
class Block:
    """A block of code.

    Attributes:
        page: the file below docs/.
        line: of the fence before it.
        language: as the fence names it; a command line has none.
        text: what is in it.
    """

    page: str
    line: int
    language: str
    text: str

    @property
    def first(self) -> str:
        """The beginning of the first line without its comment, by which a test names it."""
        return re.split(r"\s{2,}#", self.text.partition("\n")[0].strip())[0][:60]

    @property
    def place(self) -> str:
        return f"docs/{self.page}:{self.line}"


def blocks(page: str) -> list[Block]:
    """Return the blocks of a page, in their order."""
    text = (DOCS / page).read_text("utf-8")
    found = re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [Block(page, text.count("\n", 0, each.start()) + 1, each[1], each[2]) for each in found]


def pages() -> list[str]:
    """Return the pages that have blocks."""
    return [page.name for page in sorted(DOCS.glob("*.md")) if blocks(page.name)]


class Page:
    """A page whose blocks are taken one after the other; leaving `with` checks that none is left.

    Args:
        name: the file below docs/. Its blocks in `left_out.py` are not among them.
    """

    def __init__(self, name: str) -> None:
        self._left = [block for block in blocks(name) if block.first not in LEFT_OUT.get(name, {})]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        left = [f"{block.place}: {block.first}" for block in self._left]
        assert failed or not left, f"these blocks are neither run nor named: {left}"

    def shell(self) -> str:
        """Return the next block, which is of commands."""
        return self._next(*SHELL).text

    def text(self, language: str) -> str:
        """Return the next block, which is of this language."""
        return self._next(language).text

    def run(self, folder: Path, **names: Any) -> dict[str, Any]:
        """Run the next block, which is Python, in a folder, with what the reader has by then; return what there is."""
        block = self._next("python")
        with chdir(folder):
            exec(compile(block.text, block.place, "exec"), names)  # noqa: S102 - of our own documentation
        return names

    def _next(self, *languages: str) -> Block:
        assert self._left, "the page has no further block"
        block = self._left.pop(0)
        assert block.language in languages, f"{block.place} is another block: {block.first}"
        return block


class Shell:
    """A shell in which the command lines of a page are run, one block after the other.

    Args:
        folder: where it begins; a `cd` lasts.
        places: what the page calls a folder of the reader, and where that is here.
    """

    def __init__(self, folder: Path, places: Mapping[str, Path] | None = None) -> None:
        self.folder = folder
        self._places = places or {}
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("LAGOA_", "PREFECT_"))}
        path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
        self._variables = {**kept, "PATH": path, "PYTHONPATH": str(ROOT)}

    def run(self, commands: str, **variables: str) -> str:
        """Run commands, which must succeed; return what they print."""
        for name, place in self._places.items():
            commands = commands.replace(name, str(place))
        script = f"trap 'pwd >\"$AT\"' EXIT\n{commands}"
        at = self.folder / ".at"
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", script],
            cwd=self.folder,
            env={**self._variables, **variables, "AT": str(at)},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{commands}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr
        self.folder = Path(at.read_text("utf-8").strip())
        at.unlink()
        return done.stdout + done.stderr
