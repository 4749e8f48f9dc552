"""What a capability is handed: the lake's settings, its parts and its contracts. `lake.py` puts it together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from lagoa.contracts import Contracts
    from lagoa.ports import Auditor, ReceiptStore, SqlEngine, VersionedCatalog
    from lagoa.settings import Settings


@dataclass(frozen=True)
class LakeContext:
    """The parts of one open lake.

    Attributes:
        settings: what the lake is run with.
        catalog: branches and commits.
        open_engine: makes the SQL engine; called once, when it is first needed.
        receipts: receipts and results of checks.
        open_auditor: makes the runner of check files; called once, when it is first needed.
    """

    settings: Settings
    catalog: VersionedCatalog
    open_engine: Callable[[], SqlEngine]
    receipts: ReceiptStore
    open_auditor: Callable[[], Auditor]

    @cached_property
    def engine(self) -> SqlEngine:
        """The SQL engine."""
        return self.open_engine()

    @cached_property
    def auditor(self) -> Auditor:
        """The runner of check files."""
        return self.open_auditor()

    @cached_property
    def contracts(self) -> Contracts:
        """The lake's data contracts, read once."""
        from lagoa.contracts import Contracts

        return Contracts.load(self.settings.contracts_folder)

    def close(self) -> None:
        """Release every part that was opened."""
        if "engine" in self.__dict__:
            self.engine.close()
        self.receipts.close()
        self.catalog.close()
