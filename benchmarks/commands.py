"""What benchmarks run beside Lagoa's API: its commands, extensions of DuckDB, environments of peers."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import duckdb


def command(*arguments: object) -> list[str]:
    """Return a command of `lagoa` as a process of its own."""
    return [sys.executable, "-m", "lagoa.cli", *map(str, arguments)]


def lagoa(folder: Path | str, *arguments: object) -> None:
    """Run a command in a folder; raises `RuntimeError` with what it printed, if it fails."""
    line = command(*arguments)
    done = subprocess.run(line, cwd=folder, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(line[2:])} failed:\n{done.stdout}\n{done.stderr}")


def extension(name: str) -> Path | None:
    """Return the file of an extension of DuckDB that its package brings; None if that is not installed."""
    package = find_spec(f"duckdb_extension_{name}")
    if package is None or not package.submodule_search_locations:
        return None
    place = Path(package.submodule_search_locations[0], "extensions", f"v{duckdb.__version__}")
    return place / f"{name}.duckdb_extension"


def environment(folder: Path, *packages: str) -> str:
    """Make an environment without Lagoa in a new folder and return its Python; `packages` is what uv takes."""
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, folder], check=True)
    options = ["-q", "--compile-bytecode", "--python", str(folder)]
    subprocess.run([str(uv), "pip", "install", *options, *packages], check=True)
    return str(folder / "bin/python")
