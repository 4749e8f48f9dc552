"""`LakeContext`, passed to every operation: the lake's settings, services and contracts. `bootstrap.py` builds it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from threading import RLock
from typing import TYPE_CHECKING, Any, TypeVar

from lagoa.domain.cache import Cache
from lagoa.domain.refs import Ref
from lagoa.domain.roles import PUBLISHER, roles_may
from lagoa.errors import LakeClosed, NotAllowed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Iterator

    from lagoa.catalog.batches import BatchFiles
    from lagoa.catalog.expiry import ExpiryRecords
    from lagoa.catalog.metadata_files import MetadataFiles
    from lagoa.contracts import Contracts
    from lagoa.domain.approvals import Approval
    from lagoa.domain.commits import Commit
    from lagoa.domain.ports.catalog import Pointers, VersionedCatalog
    from lagoa.domain.ports.checks import Auditor, ReceiptStore
    from lagoa.domain.ports.engine import ModelEngine, SqlEngine
    from lagoa.domain.ports.features import OnlineFeatures
    from lagoa.domain.ports.people import People
    from lagoa.domain.ports.publisher import Publisher
    from lagoa.domain.ports.secrets import Secrets
    from lagoa.domain.ports.sql_catalogs import SqlCatalogs
    from lagoa.domain.ports.training import Tracking, TrainingRuns
    from lagoa.domain.ports.turns import Turns
    from lagoa.domain.receipts import Receipt
    from lagoa.settings import Settings
    from lagoa.storage.port import Storage

_T = TypeVar("_T")

_KEPT = 50_000


class _Closed:
    """In the place of a service of a lake that was closed: every use of it is an error."""

    def __init__(self, lake: str) -> None:
        self._lake = lake

    def __getattr__(self, name: str) -> Any:
        raise LakeClosed(self._lake)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class LakeContext:
    """The services of one open lake.

    Attributes:
        settings: the lake's settings.
        storage: opens the files of its tables.
        catalog: branches and commits.
        open_engine: creates the SQL engine; called once, when it is first needed.
        receipts: the store of receipts and results of checks.
        open_auditor: creates the runner of check files; called once, when it is first needed.
        open_secrets: creates the source of credentials; called once, when it is first needed.
        open_publisher: creates the publisher from the context; called once, when it is first needed.
        open_online: creates the online store of features; called once, when it is first needed.
        open_training: creates the store of the records of trained models; called once, when it is first needed.
        open_tracking: creates what shows trained models to people and tools; called once, when it is first needed.
        open_turns: creates the turns to move `main`; called once, when it is first needed.
        gate: returns the approvals of a branch's commit by which the candidate of a receipt is published; raises
            `ApprovalMissing`.
        people: who people are, as the sign-in server says; None where nobody signs in.
        sql_catalogs: the catalogs of sandboxes on an SQL server; None where there is none.
        open_model_engine: creates the engine that models run on; None if that is the SQL engine.
        all_pointers: yields every pointer that any commit has set, or since a time, of deleted branches too, the latest
            first; None while a backup is restored.
        forgets_branches: whether it leaves out branches that were deleted and not published.
        clock: returns the time (UTC).
        cache: cache of results derived from the lake's files, by their content.
    """

    settings: Settings
    storage: Storage
    catalog: VersionedCatalog
    open_engine: Callable[[], SqlEngine]
    receipts: ReceiptStore
    open_auditor: Callable[[], Auditor]
    open_secrets: Callable[[], Secrets]
    open_publisher: Callable[[LakeContext], Publisher]
    open_online: Callable[[], OnlineFeatures]
    open_training: Callable[[], TrainingRuns]
    open_tracking: Callable[[], Tracking]
    open_turns: Callable[[], Turns]
    gate: Callable[[LakeContext, Receipt, str], tuple[Approval, ...]]
    people: People | None = None
    sql_catalogs: SqlCatalogs | None = None
    open_model_engine: Callable[[], ModelEngine] | None = None
    all_pointers: Callable[[datetime | None], Iterator[str]] | None = None
    forgets_branches: bool = False
    clock: Callable[[], datetime] = _now
    cache: Cache[tuple[Hashable, ...], Any] = field(default_factory=lambda: Cache(_KEPT), init=False, repr=False)

    _opened: dict[str, Any] = field(default_factory=dict, init=False, repr=False)
    _lock: RLock = field(default_factory=RLock, init=False, repr=False)

    @property
    def engine(self) -> SqlEngine:
        """The SQL engine."""
        return self._once("engine", self.open_engine)

    @property
    def model_engine(self) -> ModelEngine | None:
        """The engine that models run on; None if that is the SQL engine."""
        return self._once("model engine", self.open_model_engine) if self.open_model_engine else None

    @property
    def auditor(self) -> Auditor:
        """The runner of check files."""
        return self._once("auditor", self.open_auditor)

    @property
    def secrets(self) -> Secrets:
        """The source of credentials."""
        return self._once("secrets", self.open_secrets)

    @property
    def publisher(self) -> Publisher:
        """The publisher: in this process, or in the publisher process."""
        return self._once("publisher", partial(self.open_publisher, self))

    @property
    def online(self) -> OnlineFeatures:
        """The online store of features."""
        return self._once("online store", self.open_online)

    @property
    def training(self) -> TrainingRuns:
        """The records of trained models."""
        return self._once("training", self.open_training)

    @property
    def tracking(self) -> Tracking:
        """What shows trained models to people and tools, and keeps their files."""
        return self._once("tracking", self.open_tracking)

    @property
    def turns(self) -> Turns:
        """The turns to move `main`."""
        return self._once("turns", self.open_turns)

    @property
    def metadata(self) -> MetadataFiles:
        """The metadata files of the tables."""
        return self._once("metadata", self._metadata_files)

    @property
    def contracts(self) -> Contracts:
        """The lake's data contracts, read once until `refresh`."""
        return self._once("contracts", self._read_contracts)

    @property
    def batches(self) -> BatchFiles:
        """The batches that tables contain."""
        return self._once("batches", self._batch_files)

    @property
    def expiry(self) -> ExpiryRecords:
        """The records of which states are kept."""
        return self._once("expiry", self._expiry_records)

    def resolve(self, ref: str, layers: Collection[str] | None = None) -> Commit:
        """Return the commit that a ref names, to read its tables.

        Args:
            ref: the ref.
            layers: those whose tables are going to be read; all by default.

        Raises:
            RefNotFound, InvalidName: there is none.
            StateExpired: its rows are not kept any more, or not those of one of the layers.
        """
        commit = self.catalog.resolve(Ref.parse(ref))
        self.refuse_expired(ref, commit, layers)
        return commit

    def refuse_expired(self, ref: str, commit: Commit, layers: Collection[str] | None = None) -> None:
        """Raise `StateExpired` if the commit that a ref names is not kept, or not with the tables of some layers."""
        parsed = Ref.parse(ref)
        if parsed != Ref(parsed.name):  # the head of a branch or tag is always kept
            self.expiry.refuse(commit, ref, layers)

    def pointers(self, ref: str, layers: Collection[str] | None = None) -> Pointers:
        """Return the pointer of each table at a ref; raises as `resolve`."""
        return self.catalog.tables(self.resolve(ref, layers).id)

    def over(self, catalog: VersionedCatalog) -> LakeContext:
        """Return the same services over another catalog of the same tables; they are closed with this context."""
        other = replace(self, catalog=catalog)
        for name in ("_opened", "_lock", "cache"):
            object.__setattr__(other, name, getattr(self, name))
        return other

    def require_quarantine_access(self) -> None:
        """Raise `NotAllowed` if the role may not read the quarantine."""
        if not self.settings.sees_quarantine:
            role = self.settings.role
            raise NotAllowed("This lake", "read the quarantine.", role, roles_may(("ingest", "engineer", PUBLISHER)))

    def refresh(self) -> None:
        """Read changed contracts again on their next use."""
        with self._lock:
            self._opened.pop("contracts", None)

    def _batch_files(self) -> BatchFiles:
        from lagoa.catalog.batches import BatchFiles

        return BatchFiles(self.storage, self.settings.batch_days)

    def _expiry_records(self) -> ExpiryRecords:
        from lagoa.catalog.expiry import ExpiryRecords

        return ExpiryRecords(self.storage)

    def _metadata_files(self) -> MetadataFiles:
        from lagoa.catalog.metadata_files import MetadataFiles

        return MetadataFiles(self.storage, self.settings.snapshots)

    def _read_contracts(self) -> Contracts:
        from lagoa.contracts import ContractCache, Contracts
        from lagoa.formats import FORMATS

        file = self.settings.cache("contracts")
        cache = self._once("contract cache", lambda: ContractCache(file, FORMATS))
        return Contracts.load(self.settings.contracts_folder, FORMATS, cache)

    def _once(self, name: str, make: Callable[[], _T]) -> _T:
        """Return the service of this name, created on first use."""
        with self._lock:
            if isinstance(self.catalog, _Closed):
                raise LakeClosed(self.settings.name)
            if name not in self._opened:
                self._opened[name] = make()
            service: _T = self._opened[name]
            return service

    def close(self) -> None:
        """Close every service that was opened; each later use raises `LakeClosed`, except another `close`."""
        if isinstance(self.catalog, _Closed):
            return
        if "publisher" in self._opened:
            self.publisher.close()
        if "model engine" in self._opened:
            self._opened["model engine"].close()
        if "engine" in self._opened:
            self.engine.close()
        if "auditor" in self._opened:
            self.auditor.close()
        if "online store" in self._opened:
            self.online.close()
        if "training" in self._opened:
            self.training.close()
        if "turns" in self._opened:
            self.turns.close()
        self.receipts.close()
        self.catalog.close()
        for name in ("receipts", "catalog"):
            object.__setattr__(self, name, _Closed(self.settings.name))
