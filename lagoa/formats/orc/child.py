"""Reads an ORC file in a process of its own: ORC's library ends the process at some damaged files.

It is run as a script with the path and `rows` or `columns`, and imports nothing of Lagoa. It writes an Arrow stream,
with the rows if these are asked for, to its standard output; what is wrong is the last line of its standard error.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pyarrow as pa
from pyarrow import orc

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROWS = 64 * 1024
MARK = "lagoa: "
"""What the line begins with that says what is wrong."""


def main(path: str, wanted: str) -> None:
    """Write the stream; raises what is wrong."""
    found = orc.ORCFile(path)
    with pa.ipc.new_stream(sys.stdout.buffer, found.schema) as writer:
        for batch in _batches(found) if wanted == "rows" else ():
            writer.write_batch(batch)


def _batches(found: orc.ORCFile) -> Iterator[pa.RecordBatch]:
    seen = 0
    for number in range(found.nstripes):
        try:
            stripe = found.read_stripe(number)
        except pa.ArrowException as error:
            raise ValueError(_of_column(found, number) or str(error)) from error
        seen += stripe.num_rows
        for place in range(0, stripe.num_rows, _ROWS):
            yield stripe.slice(place, _ROWS)
    if seen != found.nrows:
        raise ValueError(f"its footer declares {found.nrows} rows, and it has {seen}")


def _of_column(found: orc.ORCFile, number: int) -> str | None:
    """Return which column of a stripe cannot be read, and why."""
    for name in found.schema.names:
        try:
            found.read_stripe(number, columns=[name])
        except pa.ArrowException as error:
            return f"column {name!r} in stripe {number + 1} of {found.nstripes}: {error}"
    return None


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (pa.ArrowException, OSError, ValueError) as error:
        sys.stderr.write(f"\n{MARK}{' '.join(str(error).split())}\n")
        sys.exit(1)
