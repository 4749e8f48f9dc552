"""Builds a lake from its settings: the only place that selects adapters."""

from __future__ import annotations

import os
import tomllib
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from lagoa.domain.credentials import drawn_tracking_password, secret_or_drawn, tracking_user
from lagoa.domain.optional import extra
from lagoa.domain.refs import MAIN
from lagoa.domain.roles import MAINTAINER, PUBLISHER, READER
from lagoa.errors import CatalogDamaged, LagoaError, SecretNotFound, SecretsUnavailable, SettingsError, StackError
from lagoa.settings import SETTINGS_FILE, Settings, load_settings
from lagoa.storage.home import home_of
from lagoa.storage.local import LocalStorage
from lagoa.storage.port import S3

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from psycopg import Connection
    from pydantic import SecretStr

    from lagoa.adapters.mlflow.server import MlflowServer
    from lagoa.adapters.nessie.catalog import NessieCatalog
    from lagoa.adapters.oidc.tokens import OidcTokens
    from lagoa.adapters.postgres.lazy import Login
    from lagoa.adapters.sqlite.catalog import SqliteCatalog
    from lagoa.context import LakeContext
    from lagoa.domain.approvals import Approval
    from lagoa.domain.engines import EngineName
    from lagoa.domain.ports.catalog import VersionedCatalog
    from lagoa.domain.ports.checks import Auditor, ReceiptStore
    from lagoa.domain.ports.engine import Asked, ModelEngine, SqlEngine
    from lagoa.domain.ports.features import OnlineFeatures
    from lagoa.domain.ports.people import People
    from lagoa.domain.ports.publisher import Publisher
    from lagoa.domain.ports.saving import SavableCatalog
    from lagoa.domain.ports.secrets import Secrets, Tokens
    from lagoa.domain.ports.sql_catalogs import SqlCatalogs
    from lagoa.domain.ports.training import Tracking, TrainingRuns
    from lagoa.domain.ports.turns import Turns
    from lagoa.domain.receipts import Receipt
    from lagoa.domain.refs import RefInfo
    from lagoa.lake import Lake
    from lagoa.review.doctor import Finding, Repair
    from lagoa.storage.port import Storage
    from lagoa.storage.s3 import Keys, S3Server
    from lagoa.storage.s3.objects import Objects

CATALOG, RECEIPTS, FEATURES, TRAINING = "catalog.db", "receipts.db", "features.db", "training.db"
TURNS = "turns"
"""Files and a folder in the state folder of an embedded lake."""

_OF_WORKERS = 60
"""Percent of a machine's memory that the embedded engines of all its workers may take, one a core."""


def open_lake(folder: str | Path | Settings = ".", profile: str | None = None) -> Lake:
    """Open the lake in a folder, or with settings made in code.

    Args:
        folder: the lake's folder, or its settings.
        profile: a profile of `lagoa.toml`; see `load_settings`.

    Raises:
        LakeNotFound: the folder has no lagoa.toml.
        SettingsError: an invalid setting.
        CatalogDamaged, LakeTooNew: the lake's state cannot be read.
        CatalogBusy: the catalog's server does not answer.
    """
    from lagoa.lake import Lake

    settings = folder if isinstance(folder, Settings) else load_settings(Path(folder), profile)
    settings.state_folder.mkdir(parents=True, exist_ok=True)
    secrets_of = cache(partial(open_secrets, settings))
    tokens = _sign_in(settings, secrets_of)
    storage, catalog = _open_state(settings, tokens)
    context = _context(settings, secrets_of, tokens, storage, catalog)
    forgets = settings.catalog == "nessie"
    return Lake(replace(context, all_pointers=catalog.pointers, forgets_branches=forgets))


@contextmanager
def open_for_restore(settings: Settings, home: str) -> Iterator[LakeContext]:
    """Open a lake that a backup is restored to: its catalog is new, and counts when the block ends without an error.

    Args:
        settings: of the lake.
        home: the warehouse that the restored lake was made with.

    Raises:
        LakeNotEmpty: it has commits.
        SettingsError: the files would not be found under `home`.
    """
    settings.state_folder.mkdir(parents=True, exist_ok=True)
    secrets_of = cache(partial(open_secrets, settings))
    tokens = _sign_in(settings, secrets_of)
    storage = _storage_of(settings, tokens)(settings.warehouse_home or home)
    refuse_other_home(settings, home)
    if settings.catalog == "nessie":
        with closing(
            _context(settings, secrets_of, tokens, storage, _open_nessie(settings, tokens, storage))
        ) as opened:
            yield opened
        return
    from lagoa.adapters.sqlite.restoring import restored_file

    with (
        restored_file(settings.state_folder / CATALOG, home) as catalog,
        closing(_context(settings, secrets_of, tokens, storage, catalog)) as opened,
    ):
        yield opened


def refuse_other_home(settings: Settings, home: str) -> None:
    """Raise `SettingsError` if a lake that is restored to would not find its files.

    Args:
        settings: of the lake.
        home: the warehouse that the restored lake was made with.
    """
    if settings.catalog == "nessie" and home != (settings.warehouse_home or settings.warehouse_location):
        message = f"The files of the lake are named by the warehouse of the time when it was made, {home}."
        place = f"[profiles.{settings.profile}] of lagoa.toml" if settings.profile else "lagoa.toml"
        raise SettingsError(message, f'Set warehouse_home = "{home}" in {place}, then do it again.')


def is_empty(settings: Settings) -> bool:
    """Return whether a lake has no commits, so that a backup can be restored to it.

    Raises:
        CatalogDamaged: what is in the place of its catalog is none.
        CatalogBusy: the catalog's server does not answer.
    """
    if settings.catalog == "nessie":
        tokens = _sign_in(settings, cache(partial(open_secrets, settings)))
        storage = _storage_of(settings, tokens)(settings.warehouse_home)
        with closing(_open_nessie(settings, tokens, storage)) as there:
            return cast("SavableCatalog", there).is_new()
    from lagoa.adapters.sqlite.restoring import is_empty_file

    return is_empty_file(settings.state_folder / CATALOG)


def _context(
    settings: Settings,
    secrets_of: Callable[[], Secrets],
    tokens: OidcTokens | None,
    storage: Storage,
    catalog: VersionedCatalog,
) -> LakeContext:
    """Return the services of a lake over its storage and catalog."""
    from lagoa.context import LakeContext

    state = settings.state_folder

    def open_engine() -> SqlEngine:
        from lagoa.adapters.duckdb.engine import DuckDBEngine

        return DuckDBEngine(
            storage,
            spill=state / "spill",
            memory_limit=settings.memory_limit,
            threads=settings.threads,
            target_file_bytes=settings.target_file_mb * 1024**2,
        )

    def open_auditor() -> Auditor:
        from lagoa.adapters.soda.auditor import SodaAuditor

        return SodaAuditor(settings.cache("checks"))

    return LakeContext(
        settings=settings,
        storage=storage,
        catalog=catalog,
        open_engine=open_engine,
        receipts=_open_receipts(settings, secrets_of),
        open_auditor=open_auditor,
        open_secrets=secrets_of,
        open_publisher=_publisher_of(tokens),
        open_online=partial(open_online_features, settings),
        open_training=partial(open_training, settings),
        open_tracking=partial(open_tracking, settings),
        open_turns=partial(open_turns, settings, secrets_of),
        gate=approvals_of,
        people=_people(settings, tokens),
        sql_catalogs=_sql_catalogs(settings),
        open_model_engine=_model_engine_of(settings, storage, catalog, tokens),
    )


def _sign_in(settings: Settings, secrets: Callable[[], Secrets]) -> OidcTokens | None:
    """Return the tokens to authenticate with; None without sign-in."""
    if settings.sign_in == "none":
        return None
    with extra("stack", 'Sign-in (`sign_in = "oidc"`)'):
        from lagoa.adapters.oidc.tokens import OidcOptions, OidcTokens, client_secret

    secret = partial(client_secret, secrets, settings.state_folder / "stack", settings.role)
    options = OidcOptions(timeout_s=settings.timeout_s, patience_s=settings.patience_s)
    return OidcTokens(settings.oidc_url, settings.role, secret, options)


def _people(settings: Settings, tokens: OidcTokens | None) -> People | None:
    """Return the people of the sign-in server; None without sign-in."""
    if tokens is None:
        return None
    with extra("stack", 'Sign-in (`sign_in = "oidc"`)'):
        from lagoa.adapters.oidc.people import OidcPeople

    return OidcPeople(settings.oidc_url, tokens, settings.timeout_s)


def approvals_of(context: LakeContext, receipt: Receipt, head: str) -> tuple[Approval, ...]:
    """Return the approvals by which a candidate may be published; see `lagoa.review.approval.gate`."""
    if not context.settings.approval.any:
        return ()
    from lagoa.review.approval import gate

    return gate(context, receipt, head)


def _publisher_of(tokens: Tokens | None) -> Callable[[LakeContext], Publisher]:
    """Return the factory of the publisher: in this process if it may move main, else the publisher process."""

    def open_publisher(context: LakeContext) -> Publisher:
        if tokens is None or tokens.role == PUBLISHER:
            from lagoa.publish.local import LocalPublisher

            return LocalPublisher(context)
        from lagoa.publish.remote import PublisherProcess

        return PublisherProcess(context.settings, context.receipts.parts)

    return open_publisher


def _model_engine_of(
    settings: Settings, storage: Storage, catalog: VersionedCatalog, tokens: OidcTokens | None
) -> Callable[[], ModelEngine] | None:
    """Return the factory of the engine that models run on; None if that is the embedded one."""
    if settings.engine == "duckdb" or (settings.engine == "auto" and settings.catalog != "nessie"):
        return None

    def open_engine() -> ModelEngine:
        with extra("stack", "Nessie"):
            from lagoa.adapters.nessie.catalog import NessieCatalog

        if not isinstance(catalog, NessieCatalog):
            message = f"{settings.engine.capitalize()} reads the tables by itself, and cannot read a SQLite catalog."
            raise SettingsError(message, 'Use the stack (`--profile stack`), or `engine = "duckdb"`.')
        if settings.engine == "trino":
            return _trino_engine(settings, storage, catalog)
        return _spark_engine(settings, storage, catalog, tokens)

    return open_engine


def _spark_engine(
    settings: Settings, storage: Storage, catalog: NessieCatalog, tokens: OidcTokens | None
) -> ModelEngine:
    from lagoa.adapters.nessie.iceberg import rest_address, rest_catalog
    from lagoa.adapters.spark.engine import SparkEngine
    from lagoa.adapters.spark.session import SparkOptions, conf_folder, conf_in

    conf = conf_folder(settings.root, settings.spark_conf, settings.state_folder / "stack")
    options = SparkOptions(
        master=settings.spark_master or conf_in(conf, "spark.master") or "local[*]",
        address=rest_address(settings.nessie_url),
        catalog=partial(rest_catalog, settings.s3_endpoint, settings.s3_region, tokens),
        conf=conf,
    )
    open_engine = partial(_worker_engine, settings.target_file_mb * 1024**2)
    return SparkEngine(options, storage, catalog.lend, open_engine, _log_of(settings, "spark"))


def _log_of(settings: Settings, engine: EngineName) -> Asked:
    """Return what adds the queries of an engine to the log."""
    from lagoa.usage.other_engines import log_own_query

    return partial(log_own_query, settings, sql_without_values(), engine)


def sql_without_values() -> Callable[[str], str]:
    """Return what removes the values from a query in DuckDB's SQL; what is no query becomes empty."""
    from lagoa.adapters.duckdb.no_values import value_remover

    return value_remover()


def _worker_engine(target_file_bytes: int, storage: Storage, spill: Path) -> SqlEngine:
    """Return the embedded engine for one of many processes of a machine: it has one thread, and its share of memory."""
    from lagoa.adapters.duckdb.engine import DuckDBEngine

    memory = f"{_OF_WORKERS / (os.cpu_count() or 1)}%"
    return DuckDBEngine(storage, spill=spill, memory_limit=memory, threads=1, target_file_bytes=target_file_bytes)


def _trino_engine(settings: Settings, storage: Storage, catalog: NessieCatalog) -> ModelEngine:
    from lagoa.adapters.trino.engine import TrinoEngine
    from lagoa.adapters.trino.server import access_of

    stack = settings.state_folder / "stack"
    access = access_of(stack, settings.nessie_url)
    if access is None:
        message = f"The stack of this lake ({stack}) has no Trino beside its Nessie."
        raise SettingsError(message, "Start it with `lagoa stack up --only trino`, on this machine.")
    return TrinoEngine(stack, access, storage, catalog.lend, _log_of(settings, "trino"))


def _open_state(settings: Settings, tokens: Tokens | None) -> tuple[Storage, SqliteCatalog | NessieCatalog]:
    """Open the storage of the tables' files, and the catalog; return both."""
    open_storage = _storage_of(settings, tokens)
    if settings.catalog == "nessie":
        storage = open_storage(settings.warehouse_home)
        return storage, _open_nessie(settings, tokens, storage)
    from lagoa.adapters.sqlite.catalog import SqliteCatalog

    catalog = SqliteCatalog(settings.state_folder / CATALOG, create=True, traces=_traces(settings))
    try:
        home = settings.warehouse_home or catalog.home(lambda pointers: home_of(pointers, open_storage("")))
    except BaseException:
        catalog.close()
        raise
    return open_storage(home), catalog


def _traces(settings: Settings) -> list[Path]:
    """Return what is made in the state folder after the lake's SQLite catalog, and by no profile with Nessie."""
    file, state = settings.root / SETTINGS_FILE, settings.state_folder
    document = tomllib.loads(file.read_text("utf-8")) if file.is_file() else {}
    profiles = [{**document, **each} for each in document.get("profiles", {}).values()]
    others = [each for each in (document, *profiles) if each.get("catalog") == "nessie"]
    traces = []
    if all(each.get("receipts", "sqlite") != "sqlite" for each in others):
        traces.append(state / RECEIPTS)
    warehouse = Path(settings.warehouse_location)  # a prefix of an object store is no folder of the state
    if warehouse.is_relative_to(state) and all(each.get("warehouse", "").startswith(S3) for each in others):
        traces.append(warehouse)
    return traces


def _storage_of(settings: Settings, tokens: Tokens | None) -> Callable[[str], Storage]:
    """Return a factory of the lake's storage, given its home; an empty home means the current warehouse."""
    if not settings.warehouse.startswith(S3):
        return partial(LocalStorage, settings.warehouse_location, cold=settings.cold_location)
    from lagoa.storage.s3 import S3Storage

    return partial(S3Storage, settings.warehouse_location, _object_store(settings, tokens))


def _object_store(settings: Settings, tokens: Tokens | None) -> S3Server:
    """Return the object store of a lake, with the keys that it is used with."""
    from lagoa.storage.s3 import S3Server
    from lagoa.storage.s3.keys import AssumedKeys, WebIdentityKeys, permanent_keys, signing_keys

    keys: Callable[[], Keys]
    deletes = settings.role == MAINTAINER
    if tokens is None:
        user = signing_keys(settings.state_folder / "stack", deletes=deletes)
        assumed = AssumedKeys(settings.s3_endpoint, *user, timeout_s=settings.timeout_s)
        keys = assumed if settings.s3_keys == "temporary" else permanent_keys(*user)
    else:
        keys = WebIdentityKeys(settings.s3_endpoint, tokens, timeout_s=settings.timeout_s)
    role = tokens.role if tokens else ""
    return S3Server(settings.s3_endpoint, settings.s3_region, keys, role, settings.timeout_s, may_delete=deletes)


def backup_objects(settings: Settings) -> Objects:
    """Return the objects of the store of backups: the lake's own, or another one with keys of its own."""
    from lagoa.storage.s3 import S3Server
    from lagoa.storage.s3.keys import backup_keys
    from lagoa.storage.s3.objects import Objects

    backup, keys = settings.backup, backup_keys()
    if keys is None:
        tokens = _sign_in(settings, cache(partial(open_secrets, settings)))
        server = _object_store(settings, tokens)
        return Objects(replace(server, endpoint=backup.endpoint or server.endpoint))
    endpoint = backup.endpoint or settings.s3_endpoint
    return Objects(S3Server(endpoint, settings.s3_region, keys, timeout_s=settings.timeout_s))


def open_secrets(settings: Settings) -> Secrets:
    """Return where a lake's credentials come from; the server of it, if there is one, is contacted when one is read."""
    if settings.secrets == "vault":
        with extra("stack", 'Vault (`secrets = "vault"`)'):
            from lagoa.adapters.vault.secrets import VaultSecrets, app_role

        sign_in = partial(app_role, settings.state_folder / "stack", settings.role)
        return VaultSecrets(settings.vault_url, settings.role, sign_in)
    from lagoa.adapters.env.secrets import EnvSecrets

    return EnvSecrets()


def _open_receipts(settings: Settings, secrets: Callable[[], Secrets]) -> ReceiptStore:
    if settings.receipts == "postgres":
        from lagoa.adapters.postgres.receipts import PostgresReceipts

        return PostgresReceipts(_postgres_login(settings, secrets))
    from lagoa.adapters.sqlite.receipts import SqliteReceipts

    # With roles, results of another role must not be taken for the publisher's.
    owner = f"{settings.role}:" if settings.sign_in == "oidc" else ""
    return SqliteReceipts(settings.state_folder / RECEIPTS, owner)


def _postgres_login(settings: Settings, secrets: Callable[[], Secrets]) -> Login:
    """Return who signs in to the database that machines share."""
    from lagoa.adapters.postgres.lazy import Login
    from lagoa.adapters.postgres.receipts import receipts_password

    password = partial(receipts_password, secrets, settings.state_folder / "stack", settings.role)
    return Login(settings.postgres_url, settings.role, password, settings.timeout_s, settings.patience_s)


def open_online_features(settings: Settings) -> OnlineFeatures:
    """Return the online store of a lake's features; it is connected when it is first read."""
    if settings.online_features == "postgres":
        from lagoa.adapters.postgres.online import PostgresOnlineFeatures

        return PostgresOnlineFeatures(_postgres_login(settings, cache(partial(open_secrets, settings))))
    from lagoa.adapters.sqlite.online import SqliteOnlineFeatures

    settings.state_folder.mkdir(parents=True, exist_ok=True)
    return SqliteOnlineFeatures(settings.state_folder / FEATURES)


def open_training(settings: Settings) -> TrainingRuns:
    """Return the records of a lake's trained models; the file is made when the first one is kept."""
    if settings.training == "postgres":
        from lagoa.adapters.postgres.training import PostgresTrainingRuns

        return PostgresTrainingRuns(_postgres_login(settings, cache(partial(open_secrets, settings))))
    from lagoa.adapters.sqlite.training import SqliteTrainingRuns

    return SqliteTrainingRuns(settings.state_folder / TRAINING)


def open_turns(settings: Settings, secrets: Callable[[], Secrets] | None = None) -> Turns:
    """Return the turns to move a lake's `main`: on the server where its receipts are, or of this machine."""
    if settings.receipts == "postgres":
        with extra("stack", 'PostgreSQL (`receipts = "postgres"`)'):
            from lagoa.adapters.postgres.turns import PostgresTurns

        return PostgresTurns(_postgres_login(settings, secrets or cache(partial(open_secrets, settings))))
    from lagoa.adapters.flock.turns import FlockTurns

    return FlockTurns(settings.state_folder / TURNS)


def open_tracking(settings: Settings) -> Tracking:
    """Return the MLflow of a lake; MLflow itself is imported when it is first needed."""
    from lagoa.adapters.mlflow.tracking import MlflowTracking

    return MlflowTracking(settings.state_folder / "mlflow", settings.root, mlflow_server(settings))


def mlflow_server(settings: Settings) -> MlflowServer | None:
    """Return the MLflow server that a lake uses; None if it has MLflow's store in its state folder."""
    if settings.tracking != "server":
        return None
    from lagoa.adapters.mlflow.server import MlflowServer

    secrets_of = cache(partial(open_secrets, settings))
    stack, drawn = settings.state_folder / "stack", drawn_tracking_password(settings.role)

    def password() -> SecretStr | None:
        try:
            return secret_or_drawn(secrets_of, "mlflow-password", stack, drawn)
        except SecretNotFound:
            return None

    user = tracking_user(settings.role)
    return MlflowServer(settings.mlflow_url, user, password, settings.timeout_s, settings.patience_s)


def _open_nessie(settings: Settings, tokens: Tokens | None, storage: Storage) -> NessieCatalog:
    with extra("stack", 'Nessie (`catalog = "nessie"`)'):
        from lagoa.adapters.nessie.catalog import NessieCatalog, NessieOptions
        from lagoa.adapters.nessie.contents import iceberg_ids

    # With sign-in, `lagoa stack up` creates the first commit, as the publisher.
    ids = partial(iceberg_ids, storage.read)
    options = NessieOptions(timeout_s=settings.timeout_s, patience_s=settings.patience_s, ids=ids)
    return NessieCatalog(settings.nessie_url, tokens, create=tokens is None, options=options)


def _sql_catalogs(settings: Settings) -> SqlCatalogs | None:
    """Return the catalogs of sandboxes on the Trino of the lake's own stack; None if there is none."""
    if settings.catalog != "nessie":
        return None
    from lagoa.adapters.trino.catalogs import TrinoCatalogs
    from lagoa.adapters.trino.server import access_of

    stack = settings.state_folder / "stack"
    access = access_of(stack, settings.nessie_url)
    return TrinoCatalogs(stack, access) if access else None


def refs_on_disk(settings: Settings) -> list[RefInfo]:
    """Return the branches and tags of a SQLite catalog for shell completion, without creating or waiting for anything.

    Empty if there is no catalog yet, or if a server has it.
    """
    catalog = settings.state_folder / CATALOG
    if settings.catalog != "sqlite" or not catalog.is_file():
        return []
    from lagoa.adapters.sqlite.catalog import SqliteCatalog

    with closing(SqliteCatalog(catalog, create=False, busy_seconds=0)) as opened:
        return list(opened.refs())


def examine_lake(folder: str | Path | Settings = ".") -> list[Finding]:
    """Return what is wrong with a lake, even if it cannot be opened; see `lagoa.review.doctor.examine`."""
    from lagoa.adapters.sqlite.receipts_repair import receipts_fault
    from lagoa.review.doctor import REPAIR, Finding, examine

    settings = folder if isinstance(folder, Settings) else load_settings(Path(folder))
    receipts = settings.state_folder / RECEIPTS
    fault = receipts_fault(receipts) if settings.receipts == "sqlite" else ""
    damaged = [Finding("receipts", fault, REPAIR)] if fault else []
    try:
        with open_lake(settings) as lake:
            return [*damaged, *examine(lake.context, receipts=not fault)]
    except CatalogDamaged as error:
        if fault and str(receipts) in error.message:
            return damaged
        return [Finding("catalog", error.message, error.advice), *damaged]
    except (SecretsUnavailable, StackError) as error:  # there are no credentials to sign in with
        return [Finding("secrets", error.message, error.advice)]


def moved_from(folder: str | Path | Settings = ".") -> str | None:
    """Return the warehouse that a lake was created with, if its files are elsewhere now; else, or on an error, None."""
    with suppress(LagoaError), open_lake(folder) as lake:
        storage = lake.context.storage
        return storage.home if storage.home != storage.location else None
    return None


def repair_lake(folder: str | Path | Settings = ".") -> Repair:
    """Replace the catalog, and receipts if they are damaged, with repaired ones; the old files are kept.

    No other process may use the lake meanwhile.

    Raises:
        TerminalError: nothing of the catalog can be read; it is left unchanged.
    """
    from lagoa.adapters.sqlite.receipts_repair import receipts_fault, repair_receipts
    from lagoa.adapters.sqlite.repair import repair
    from lagoa.review.doctor import Repair

    settings = folder if isinstance(folder, Settings) else load_settings(Path(folder))
    salvage, damaged = repair(settings.state_folder / CATALOG)
    lost = list(salvage.lost)
    receipts = settings.state_folder / RECEIPTS
    if receipts_fault(receipts):
        lost.append(repair_receipts(receipts, damaged))
    return Repair(damaged, salvage.commits, tuple(lost))


def prepare_catalog(url: str, realm: str | None, secret: Callable[[], SecretStr]) -> None:
    """Create the root commit of main on a Nessie server, and the journal of its moves, as the publisher.

    Args:
        url: URL of Nessie's API, version 2.
        realm: URL of the realm that issues tokens; None without sign-in.
        secret: returns the secret of the publisher's client.
    """
    with extra("stack", "Nessie"):
        from lagoa.adapters.nessie.catalog import NessieCatalog
        from lagoa.adapters.oidc.tokens import OidcTokens

    tokens = OidcTokens(realm, PUBLISHER, secret) if realm else None
    with closing(NessieCatalog(url, tokens)) as catalog:
        catalog.make_journal()


def prepare_catalogs(url: str, realm: str | None, secret: Callable[[], SecretStr], stack: Path, *, pin: bool) -> None:
    """Let Trino have the catalogs of just the sandboxes that there are, as a reader of the branches.

    Args:
        url: URL of Nessie's API, version 2.
        realm: URL of the realm that issues tokens; None without sign-in.
        secret: returns the secret of the reader's client.
        stack: the stack's state folder.
        pin: also make the catalog that shows one commit of main.
    """
    with extra("stack", "Nessie"):
        from lagoa.adapters.nessie.catalog import NessieCatalog
        from lagoa.adapters.oidc.tokens import OidcTokens
        from lagoa.adapters.trino.catalogs import TrinoCatalogs
    from lagoa.adapters.trino.server import access_of
    from lagoa.sandbox import follow

    access = access_of(stack, url)
    if access is not None:
        tokens = OidcTokens(realm, READER, secret) if realm else None
        with closing(NessieCatalog(url, tokens)) as catalog:
            catalogs = TrinoCatalogs(stack, access)
            follow(catalog, catalogs)
            if pin:
                catalogs.pin(catalog.ref(MAIN).commit)


def prepare_receipts(connection: Connection[Any], passwords: Mapping[str, SecretStr]) -> None:
    """Create the receipts' tables and logins in PostgreSQL; see `lagoa.adapters.postgres.tables.prepare`."""
    with extra("stack", "PostgreSQL"):
        from lagoa.adapters.postgres.tables import prepare

    prepare(connection, passwords)
