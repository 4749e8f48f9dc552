"""The deployments in a lake's prefect.yaml, and those of its sources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

import lagoa
from lagoa.errors import TerminalError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from lagoa.settings import Settings

FILE = "prefect.yaml"

LOAD_SOURCE = "lagoa.prefect.flows.load_source"
_BUILD_MODELS = "lagoa.prefect.flows.build_models"

Entry = dict[str, Any]
"""A deployment, as prefect.yaml has it."""


def read_document(root: Path) -> dict[str, Any]:
    """Return a lake's prefect.yaml; raises TerminalError for a file without deployments that can be used.

    A deployment needs a name, an entrypoint and a work pool. One that has only its name, and what is special about it,
    is completed by `with_sources`.
    """
    file = root / FILE
    try:
        document = yaml.safe_load(file.read_text("utf-8"))
    except FileNotFoundError:
        raise TerminalError(f"There is no {file}.", "`lagoa init` writes one; copy it from a new lake.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise TerminalError(f"{file} is no YAML: {error}", "Correct it.") from None
    entries = document.get("deployments") if isinstance(document, dict) else None
    if not isinstance(entries, list) or not entries:
        raise TerminalError(f"{file} has no `deployments`.", "Copy those of a new lake (`lagoa init`).")
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, dict) or not entry.get("name"):
            raise TerminalError(f"{file}: deployment {number} has no `name`.", "Give it one.")
        pool = entry.get("work_pool")
        if (pool or _is_complete(entry)) and not (isinstance(pool, dict) and pool.get("name")):
            raise TerminalError(f"{file}: deployment {entry['name']!r} names no work pool.", "Give it one.")
    return dict(document)


def pools_of(entries: Sequence[Entry]) -> list[str]:
    """Return the work pools that deployments name."""
    return sorted({entry["work_pool"]["name"] for entry in entries if "work_pool" in entry})


def with_sources(document: dict[str, Any], settings: Settings, *, add: bool) -> dict[str, Any]:
    """Return prefect.yaml with the deployments of sources completed: those with the name of a table and no entrypoint.

    Args:
        document: as `read_document` returns it.
        settings: of the lake.
        add: whether to add those that it does not have, for each table whose contract names files, and one that runs
            the models.

    Raises:
        TerminalError: a deployment has no entrypoint, and its name is not that of a source.
        ContractError: a contract that cannot be used.
    """
    entries: list[Entry] = document["deployments"]
    if not add and all(map(_is_complete, entries)):
        return document
    pool = next(iter(pools_of(entries)), "default")
    known = {entry["name"]: entry for entry in _entries_of_sources(settings, pool)}
    for entry in entries:
        if not _is_complete(entry) and entry["name"] not in known:
            message = (
                f"{FILE}: deployment {entry['name']!r} has no `entrypoint`, and no table with this name has files."
            )
            raise TerminalError(message, f"Give it one, or name it after one of these: {', '.join(known)}.")
    completed = [entry if _is_complete(entry) else known.pop(entry["name"]) | entry for entry in entries]
    taken = {entry["name"] for entry in completed}
    added = [entry for name, entry in known.items() if add and name not in taken]
    return document | {"deployments": completed + added}


def _is_complete(entry: Entry) -> bool:
    return bool(entry.get("entrypoint"))


def _entries_of_sources(settings: Settings, pool: str) -> Iterator[Entry]:
    with lagoa.open_lake(settings) as opened:
        files = {str(each.table): each.source.file for each in opened.context.contracts if each.source}
    for table, file in sorted(files.items()):
        if file:
            yield {
                "name": table,
                "entrypoint": LOAD_SOURCE,
                "description": f"Load {table} from the files {file} of a folder, audit, publish.",
                "parameters": {"table": table},
                "tags": ["source", "repeat"],
                "work_pool": {"name": pool, "work_queue_name": table},
            }
    yield {
        "name": "models",
        "entrypoint": _BUILD_MODELS,
        "description": "Run the models whose inputs have changed, audit, publish.",
        "tags": ["models", "repeat"],
        "work_pool": {"name": pool, "work_queue_name": "models"},
    }
