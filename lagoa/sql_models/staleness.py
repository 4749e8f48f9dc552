"""Whether a model's table is what the model makes from its inputs, and what it was built from."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from lagoa.catalog.table_facts import FINGERPRINT, INPUTS, is_models_own, table_document
from lagoa.domain.tables import TableName

if TYPE_CHECKING:
    from lagoa.context import LakeContext
    from lagoa.domain.ports.catalog import Pointers
    from lagoa.sql_models import Model

WRITTEN_BY_OTHERS = "somebody else has written to the table"


def is_stale(context: LakeContext, model: Model, pointers: Pointers) -> bool:
    """Return whether a model's table is missing, or is not what the model makes from the rows of its inputs there.

    It is also stale if somebody else has written to it since.
    """
    pointer = pointers.get(model.table)
    if pointer is None or any(table not in pointers for table in model.inputs):
        return True
    document = table_document(pointer, context.storage.read)
    found = document.get("properties", {}).get(FINGERPRINT)
    if found != _hash(context, model, pointers) and found != fingerprint(context, model, pointers):
        return True
    return not is_models_own(document)


def fingerprint(context: LakeContext, model: Model, pointers: Pointers) -> str:
    """Return the hash of all that a model's table depends on: its SQL, its contract, the rows of each input.

    These are known by the pointer of the state that they came with: files that were rewritten with the same rows since
    make no other hash.
    """
    return _hash(context, model, {table: context.metadata.rows_of(pointers[table]) for table in model.inputs})


def _hash(context: LakeContext, model: Model, states: Pointers) -> str:
    inputs = sorted((str(table), states[table]) for table in model.inputs)
    document = [model.hash, context.contracts[model.table].hash, inputs]
    return hashlib.sha256(json.dumps(document).encode()).hexdigest()


def built_from(context: LakeContext, model: Model, pointer: str) -> Pointers | str:
    """Return the states of the inputs that a model's table at `pointer` was built from.

    If the current model did not make what is there from any states, return the reason as text.
    """
    document = table_document(pointer, context.storage.read)
    properties = document.get("properties", {})
    if INPUTS not in properties or not is_models_own(document):
        return WRITTEN_BY_OTHERS
    inputs = {TableName.parse(name): state for name, state in json.loads(properties[INPUTS]).items()}
    if inputs.keys() != model.inputs.keys() or properties.get(FINGERPRINT) != fingerprint(context, model, inputs):
        return "its SQL or contract has changed"
    return inputs
