"""The picture in docs/architecture.md has every package and module of Lagoa, and none that is gone."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "architecture.md"
ENTRY = re.compile(r"^((?:│  |   )*)[├└]─ ([a-z0-9_]+(?:/|\.py)) +(\S.*)$")


def _drawn(text):
    """Return what each place of the picture is said to hold."""
    lines = text.split("```\nlagoa/\n")[1].split("```")[0].splitlines()
    places, folders = {}, []
    for line in lines:
        indent, name, what = ENTRY.match(line).groups()
        folders = [*folders[: len(indent) // 3], name]
        places["".join(folders)] = what
    return places


def _packages(folder, prefix=""):
    for path in folder.iterdir():
        if (path / "__init__.py").exists():
            name = f"{prefix}{path.name}/"
            yield name
            yield from _packages(path, name)


def _there():
    modules = {path.name for path in (ROOT / "lagoa").glob("*.py") if not path.name.startswith("__")}
    return modules | set(_packages(ROOT / "lagoa"))


def test_the_picture_is_that_of_the_package():
    assert set(_drawn(PAGE.read_text("utf-8"))) == _there()


def test_a_place_that_is_missing_or_gone_is_noticed():
    text = PAGE.read_text("utf-8")
    line = next(line for line in text.splitlines() if "─ keycloak/" in line)
    assert set(_drawn(text)) - set(_drawn(text.replace(f"{line}\n", ""))) == {"stack/servers/keycloak/"}
    assert set(_drawn(text.replace("─ lake.py ", "─ gone.py "))) ^ set(_drawn(text)) == {"lake.py", "gone.py"}
