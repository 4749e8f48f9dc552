"""The formats of files that tables are loaded from: one line per format, the rest is in its package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lagoa.errors import ContractError
from lagoa.formats.avro.format import Avro
from lagoa.formats.csv.format import Csv
from lagoa.formats.excel.format import Excel
from lagoa.formats.fixed_width.format import Fixed
from lagoa.formats.json.format import Json
from lagoa.formats.orc.format import Orc
from lagoa.formats.parquet.format import Parquet
from lagoa.formats.xml.format import Xml

if TYPE_CHECKING:
    from lagoa.contracts.contract import Contract
    from lagoa.formats.format import Format
    from lagoa.formats.shared.files import SourceFile
    from lagoa.formats.shared.reading import Reader

_FORMATS: tuple[Format[Any], ...] = (
    Csv(),  # accepts any text, so it comes first: see `find_format`
    Parquet(),
    Json(),
    Avro(),
    Excel(),
    Orc(),
    Xml(),
    Fixed(),
)

FORMATS = {name: each for each in _FORMATS for name in each.names}
"""The formats by their names in contracts."""


def find_format(file: SourceFile) -> Format[Any]:
    """Return the format that a file seems to have: the last format that recognises it.

    Raises:
        SourceError: the file cannot be read.
    """
    return next(each for each in reversed(FORMATS.values()) if each.recognises(file))


def open_reader(contract: Contract, file: SourceFile) -> Reader:
    """Return the reader of a file, its header read.

    Raises:
        ContractError: the contract does not say what the table's files look like.
        SourceError: the file does not look like that.
    """
    source = contract.source
    if source is None:
        raise ContractError(
            contract.file,
            None,
            f"the contract of {contract.table} does not say what its files look like.",
            "Add the custom property lagoa.source, such as {format: csv, delimiter: ','}.",
        )
    return FORMATS[source.format].reader(contract, source, file)
