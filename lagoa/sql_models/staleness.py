"""Whether a model's table is what the model makes from its inputs, and what it was built from."""

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
"""Table property of a model's table: the metadata file before the one that the model wrote; empty for the first."""

WRITTEN_BY_OTHERS = "somebody else has written to the table"


def is_stale(context: LakeContext, model: Model, pointers: Pointers) -> bool:
    """Return whether a model's table is missing at these pointers, or is not what the model made from its inputs there.

    It is also stale if somebody else has written to it since.
    """
    pointer = pointers.get(model.table)
    if pointer is None or any(table not in pointers for table in model.inputs):
        return True
    document = table_document(pointer, context.storage.read)
    found = document.get("properties", {}).get(FINGERPRINT)
    return found != fingerprint(context, model, pointers) or not _is_own(document)


def fingerprint(context: LakeContext, model: Model, pointers: Pointers) -> str:
    """Return the hash of all that a model's table depends on: its SQL, its contract, the state of each input."""
    inputs = sorted((str(table), pointers[table]) for table in model.inputs)
    document = [model.hash, context.contracts[model.table].hash, inputs]
    return hashlib.sha256(json.dumps(document).encode()).hexdigest()


def built_from(context: LakeContext, model: Model, pointer: str) -> Pointers | str:
    """Return the states of the inputs that a model's table at `pointer` was built from.

    If the current model did not make what is there from any states, return the reason as text.
    """
    document = table_document(pointer, context.storage.read)
    properties = document.get("properties", {})
    if INPUTS not in properties or not _is_own(document):
        return WRITTEN_BY_OTHERS
    inputs = {TableName.parse(name): state for name, state in json.loads(properties[INPUTS]).items()}
    if inputs.keys() != model.inputs.keys() or properties.get(FINGERPRINT) != fingerprint(context, model, inputs):
        return "its SQL or contract has changed"
    return inputs


def _is_own(document: dict[str, Any]) -> bool:
    """Return whether the model itself was the last to write the table.

    The previous metadata file shows it, and the snapshot, since Nessie's Iceberg REST catalog names no previous file.
    """
    before = document.get("metadata-log") or [{"metadata-file": ""}]
    properties = document.get("properties", {})
    snapshot = document.get("current-snapshot-id")
    return bool(
        properties.get(BUILT_ON) == before[-1]["metadata-file"]
        and properties.get(BUILT_SNAPSHOT) == ("" if snapshot in {None, -1} else str(snapshot))
    )
