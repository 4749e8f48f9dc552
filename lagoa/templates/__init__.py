"""Making a new lake: a folder with settings, a place for each kind of file, and a first flow."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from lagoa.errors import LakeExists, TerminalError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.resources.abc import Traversable

_RENAMED = {"gitignore": ".gitignore"}  # a .gitignore of its own would hide templates from the wheel
_FILLED = {"lagoa.toml", "README.md", "prefect.yaml"}


def make_lake(folder: Path) -> list[Path]:
    """Write a new lake into `folder`, which is made when it is not there.

    Returns:
        The files written, relative to the folder. Files that are there already are left as they are.

    Raises:
        LakeExists: the folder holds a lake, or lies in the folder of one.
        TerminalError: there is something else of that name.
    """
    if (folder / "lagoa.toml").exists():
        raise LakeExists(folder)
    for above in folder.resolve().parents:
        if (above / "lagoa.toml").exists():
            raise LakeExists(folder, above)
    if folder.exists() and not folder.is_dir():
        raise TerminalError(f"{folder} is there already, and is no folder.", "Choose another name.")
    name = folder.resolve().name or "lake"
    values = {"name": json.dumps(name, ensure_ascii=False), "title": name}
    written = []
    for source, place in _templates(files("lagoa") / "templates" / "lake", Path()):
        target = folder / place
        if not target.exists():
            text = source.read_text("utf-8")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(Template(text).substitute(values) if str(place) in _FILLED else text, "utf-8")
            written.append(place)
    return written


def _templates(folder: Traversable, place: Path) -> Iterator[tuple[Traversable, Path]]:
    """Yield each template with its place in the lake; the settings, which make a folder a lake, come last."""
    for entry in sorted(folder.iterdir(), key=lambda entry: (entry.name == "lagoa.toml", entry.name)):
        if entry.is_dir():
            if entry.name != "__pycache__":
                yield from _templates(entry, place / entry.name)
        else:
            yield entry, place / _RENAMED.get(entry.name, entry.name)
