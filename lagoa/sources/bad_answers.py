"""Answers of a source that are no records, in the quarantine of the table that they were asked for."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pyarrow as pa

from lagoa.contracts.quarantine import with_fates
from lagoa.domain.commits import Batch
from lagoa.write import SessionQuery
from lagoa.write.fingerprints import FILE

if TYPE_CHECKING:
    from lagoa.context import LakeContext
    from lagoa.domain.tables import TableName
    from lagoa.sources.kind import BadAnswer
    from lagoa.write import WriteTransaction

_RULE = "answer"
_ANSWERS = "answers"
_MOST_BYTES = 16 * 2**20


def quarantine_answer(context: LakeContext, tx: WriteTransaction, table: TableName, answer: BadAnswer) -> None:
    """Add an answer, or its first 16 MiB, to the quarantine of a table as one record; the same one is there once.

    Raises:
        LagoaError: as `WriteTransaction.append` does.
    """
    content = hashlib.sha256(answer.content).hexdigest()
    batch = Batch(content[:16], f"{FILE}:{content}")
    row = {
        "rule": _RULE,
        "column_name": None,
        "reason": answer.reason,
        "record": 1,
        "byte_offset": 0,
        "raw": answer.content[:_MOST_BYTES],
        "source": answer.name,
        "_batch_id": batch.id,
        "_quarantined_at": context.clock(),
    }
    schema = pa.schema(
        [
            ("rule", pa.string()), ("column_name", pa.string()), ("reason", pa.string()), ("record", pa.int64()),
            ("byte_offset", pa.int64()), ("raw", pa.binary()), ("source", pa.string()), ("_batch_id", pa.string()),
            ("_quarantined_at", pa.timestamp("us", "UTC")),
        ]
    )  # fmt: skip
    with context.engine.session({}) as session:
        session.register(_ANSWERS, pa.Table.from_pylist([row], schema))
        tx.append(table.quarantine, SessionQuery(session, with_fates(_ANSWERS)), batch=batch, kind="quarantine")
