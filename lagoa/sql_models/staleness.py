"""Whether a model's table is what the model makes of its inputs, and what it was built from."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from lagoa.catalog.table_facts import BUILT_SNAPSHOT, FINGERPRINT, INPUTS, table_document
from lagoa.domain.tables import TableName

if TYPE_CHECKING:
    from lagoa.context import LakeContext
    from lagoa.domain.ports.catalog import Pointers
    from lagoa.sql_models import Model

BUILT_ON = "lagoa.built-on"
"""Table property of a model's table: the metadata file that the model's own follows; empty for the first."""


def is_stale(context: LakeContext, model: Model, pointers: Pointers) -> bool:
    """Return whether a model's table is missing at these pointers, or is not what the model made of its inputs there.

    That is so, too, when somebody else has written to it since.
    """
    pointer = pointers.get(model.table)
    if pointer is None or any(table not in pointers for table in model.inputs):
        return True
    document = table_document(pointer, context.storage.read)
    found = document.get("properties", {}).get(FINGERPRINT)
    return found != fingerprint(context, model, pointers) or not _is_own(document)


def fingerprint(context: LakeContext, model: Model, pointers: Pointers) -> str:
    """Return the hash of all that a model's table rests on: its SQL, its contract, the state of each input."""
    inputs = sorted((str(table), pointers[table]) for table in model.inputs)
    document = [model.hash, context.contracts[model.table].hash, inputs]
    return hashlib.sha256(json.dumps(document).encode()).hexdigest()


def built_from(context: LakeContext, model: Model, pointer: str) -> Pointers | str:
    """Return the states of the inputs that a model's table at `pointer` was built from.

    Or, in words, why what stands there is not what this model, as it is now, made of any states.
    """
    document = table_document(pointer, context.storage.read)
    properties = document.get("properties", {})
    if INPUTS not in properties or not _is_own(document):
        return "somebody else has written to the table"
    inputs = {TableName.parse(name): state for name, state in json.loads(properties[INPUTS]).items()}
    if inputs.keys() != model.inputs.keys() or properties.get(FINGERPRINT) != fingerprint(context, model, inputs):
        return "its SQL or contract has changed"
    return inputs


def _is_own(document: dict[str, Any]) -> bool:
    """Whether the model itself wrote the table last.

    The file before tells it, and the snapshot, as Nessie's Iceberg REST catalog writes files that name none before.
    """
    before = document.get("metadata-log") or [{"metadata-file": ""}]
    properties = document.get("properties", {})
    snapshot = document.get("current-snapshot-id")
    return bool(
        properties.get(BUILT_ON) == before[-1]["metadata-file"]
        and properties.get(BUILT_SNAPSHOT) == ("" if snapshot in {None, -1} else str(snapshot))
    )
