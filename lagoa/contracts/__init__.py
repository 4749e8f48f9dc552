"""The data contracts of a lake: one ODCS file a table, `<layer>/<table>.odcs.yaml`, read strictly."""

from __future__ import annotations

from lagoa.contracts.cache import ContractCache
from lagoa.contracts.contract import Column, Contract
from lagoa.contracts.folder import Contracts, Reading, read_contracts
from lagoa.contracts.places import SUFFIX
from lagoa.contracts.sources import Source

__all__ = ["SUFFIX", "Column", "Contract", "ContractCache", "Contracts", "Reading", "Source", "read_contracts"]
