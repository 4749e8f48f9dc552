"""Settings of a lake: `lagoa.toml` in its folder, with one of its profiles, overridden by `LAGOA_*` variables."""

from __future__ import annotations

import getpass
import os
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as NoSetting

from lagoa.domain.engines import EngineChoice  # noqa: TC001 - pydantic reads it
from lagoa.domain.roles import READER, Role
from lagoa.domain.suggestions import did_you_mean
from lagoa.errors import LakeNotFound, SettingsError
from lagoa.storage.port import S3

SETTINGS_FILE = "lagoa.toml"
PROFILE_VARIABLE = "LAGOA_PROFILE"
LAKE_VARIABLE = "LAGOA_LAKE"
ENGINE_VARIABLE = "LAGOA_ENGINE"

_PLACE = r"^(s3://[a-z0-9][a-z0-9.-]{2,62}(/[A-Za-z0-9_][A-Za-z0-9._-]*)*|[^:]+)$"
_HOME = r"^((file://)?/[^:]*|s3://[a-z0-9][a-z0-9.-]{2,62}(/[A-Za-z0-9_][A-Za-z0-9._-]*)*|)$"
_LIBPQ = r"(sslmode|sslrootcert|sslcert|sslkey|sslcrl|channel_binding|target_session_attrs|load_balance_hosts)=[^&\s]*"
_DATABASE = rf"^postgresql://[^/\s@?]+/[^/\s@?]+(\?{_LIBPQ}(&{_LIBPQ})*)?$"


_WORDS = {
    "int_parsing": "it must be a whole number",
    "int_type": "it must be a whole number",
    "bool_parsing": "it must be true or false",
    "bool_type": "it must be true or false",
    "dict_type": "it must be a table",
    "model_type": "it must be a table",
    "int_from_float": "it must be a whole number",
    "float_parsing": "it must be a number",
    "float_type": "it must be a number",
    "string_type": "it must be text",
    "path_type": "it must be a path",
    "tuple_type": "it must be a list",
    "literal_error": "it must be {expected}",
    "greater_than_equal": "it must be at least {ge}",
    "less_than_equal": "it must be at most {le}",
    "string_too_long": "it must have at most {max_length} characters",
    "string_pattern_mismatch": "it is not of the form {pattern}",
}
"""What is wrong with a value, by pydantic's name for it."""


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without an entry for its user
        return f"uid-{os.getuid()}"


class ApprovalRules(BaseModel):
    """What asks for an approval before a branch is published; nothing by default.

    Attributes:
        owners: each owner of a changed table, by its contract, approves: somebody whom `teams` names for it.
        breaking: a change of a schema that breaks readers: a table or column that is removed, a renamed column, a type
            that does not have all former values, a column that may be null now.
        loosened: checks that are removed or less strict.
        rows_removed: more rows than this that are removed from tables, by their keys; None for no limit.
        four_eyes: whether the authors of a branch's commits cannot approve it, nor can the user whom it belongs to.
        teams: for each owner, the names of the people who can approve for it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    owners: bool = False
    breaking: bool = False
    loosened: bool = False
    rows_removed: Annotated[int, Field(ge=0)] | None = None
    four_eyes: bool = False
    teams: dict[str, tuple[str, ...]] = {}

    @property
    def any(self) -> bool:
        """Whether anything asks for an approval."""
        return self.owners or self.breaking or self.loosened or self.rows_removed is not None


class ColdRules(BaseModel):
    """What files move to slower storage; none by default.

    Attributes:
        folder: where those of a lake in local folders move to; relative to the lake's folder. In an object store, a
            rule of the bucket says where.
        days: for each layer, after how many days without a query of their table.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    folder: Annotated[str, Field(min_length=1)] | None = None
    days: dict[str, Annotated[int, Field(ge=1, le=3650)]] = {}


class RetentionRules(BaseModel):
    """How long what is not the newest is kept; by default nothing expires.

    Attributes:
        history_days: days for which each state that main had can be read; forever by default. The heads of branches and
            tags, and what is held, stay in any case.
        layer_days: for each layer that is kept for fewer days, how many.
        run_days: days after the last commit of a branch `run/…` after which it is deleted; never by default.
        grace_hours: hours that no write, read or publication exceeds: files are collected if nothing has needed them
            for so long.
        trash_days: days for which collected files can be brought back.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    history_days: Annotated[int, Field(ge=1, le=36500)] | None = None
    layer_days: dict[Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_.]*$")], Annotated[int, Field(ge=1, le=36500)]] = {}
    run_days: Annotated[int, Field(ge=1, le=36500)] | None = None
    grace_hours: Annotated[int, Field(ge=1, le=8760)] = 24
    trash_days: Annotated[int, Field(ge=1, le=3650)] = 7

    @model_validator(mode="after")
    def _layers_within_history(self) -> Self:
        for layer, days in self.layer_days.items():
            if self.history_days is not None and days > self.history_days:
                raise ValueError(
                    f"layer_days keeps {layer} for {days} days, longer than history_days, {self.history_days}, keeps a "
                    "state: raise that, and give the other layers fewer days"
                )
        return self


_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class KeepRules(BaseModel):
    """Which backups `lagoa backup prune` keeps: the newest ones of so many periods (UTC) that have one.

    Attributes:
        last: the newest ones.
        hourly: the newest of each of so many hours.
        daily: of days.
        weekly: of weeks, which begin on Monday.
        monthly: of months.
        yearly: of years.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    last: Annotated[int, Field(ge=0, le=10_000)] = 0
    hourly: Annotated[int, Field(ge=0, le=10_000)] = 0
    daily: Annotated[int, Field(ge=0, le=10_000)] = 0
    weekly: Annotated[int, Field(ge=0, le=10_000)] = 0
    monthly: Annotated[int, Field(ge=0, le=10_000)] = 0
    yearly: Annotated[int, Field(ge=0, le=10_000)] = 0

    @property
    def any(self) -> bool:
        """Whether there is a rule; without one every backup is kept."""
        return any(self.model_dump().values())


class BackupRules(BaseModel):
    """Where the lake's backups are, and which are kept.

    Attributes:
        to: a folder, relative to `root`, or a prefix in a bucket; empty if there are none.
        every: after how long without a backup `lagoa status` says that one is overdue: minutes, hours, days or weeks.
        endpoint: URL of the object store of a bucket; by default that of the lake.
        keep: which backups `lagoa backup prune` keeps; by default all.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    to: Annotated[str, Field(pattern=rf"{_PLACE}|^$")] = ""
    every: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,3}[mhdw]$")] = "24h"
    endpoint: Annotated[str, Field(pattern=r"^(https?://[^/\s@]+|)$")] = ""
    keep: KeepRules = KeepRules()

    @property
    def interval(self) -> timedelta:
        """The longest time between two backups."""
        return timedelta(**{_UNITS[self.every[-1]]: int(self.every[:-1])})


class Settings(BaseSettings):
    """The settings of a lake.

    Attributes:
        root: the lake's folder.
        profile: the selected profile of the file; empty for none.
        name: the lake's name.
        state: folder of the catalog, the receipts and the data files; relative to `root`.
        warehouse: folder of the tables' files, relative to `state`; or an S3 prefix, such as `s3://lagoa/warehouse`.
        warehouse_home: the warehouse that the lake was created with, if its files were moved or copied since: an
            absolute folder or an S3 prefix. A lake with a SQLite catalog records it itself.
        s3_endpoint: URL of that S3 object store. Its keys are not a setting: they come from the environment or from
            the stack.
        s3_region: the store's region.
        s3_keys: whether requests are made with keys that the store issues for an hour (STS AssumeRole, as MinIO does),
            or with the permanent ones, for a store that issues none. Where roles sign in, a token gets issued keys.
        catalog: where branches and commits are stored: a SQLite file in `state`, or a Nessie server.
        nessie_url: URL of that server's API v2.
        sign_in: how Lagoa signs in to the servers: by OpenID Connect, or not at all.
        oidc_url: URL of the sign-in's issuer; with Keycloak the URL of a realm.
        role: the role to sign in with: `reader`, `ingest` (flows), `engineer`, `publisher`, which alone moves main, or
            `maintainer`, which alone deletes files.
        publisher_command: program and arguments that start the publisher process, if it runs as another user or on
            another machine (`sudo`, `ssh`); by default it runs with this Python, in this folder.
        publisher_limit_s: how long a publication by the publisher process may take.
        secrets: where credentials come from: variables `LAGOA_SECRET_<NAME>`, or a Vault server.
        vault_url: URL of that server. The role's credentials for it are not a setting: they come from the environment
            or from the stack.
        receipts: where receipts and results of checks are stored: a SQLite file in `state`, or a PostgreSQL database,
            which several machines can share.
        online_features: where the features that are online are: likewise a SQLite file, or that database.
        training: where the records of trained models and their promotions are: likewise.
        tracking: where MLflow shows them and keeps their files: a SQLite file and a folder in `state`, or a server.
        mlflow_url: URL of that server. The user is `lagoa_<role>`, its password the secret `mlflow-password`; a server
            without sign-in needs none.
        postgres_url: URL of that database; the login is `lagoa_<role>`, its password the secret `receipts-password`.
        flow_history: where the lake's Prefect server has its state: a SQLite file in `state`, or the database `prefect`
            on the PostgreSQL server of `postgres_url`; its password is the secret `flow-history-password`.
        timeout_s: how long Nessie, PostgreSQL and the sign-in server may take to answer, and how long the object store
            may be silent, before a request fails.
        patience_s: how long a request to Nessie, PostgreSQL or the sign-in server is retried after transient failures.
        engine: what runs the models and checks: DuckDB in this process; Spark or Trino, which read and write the tables
            of a lake on Nessie by themselves; or `auto`, which takes Spark for a model or check that reads much.
        engine_limit_gb: from how many GB of data files on the inputs of a model or check are large, or source files a
            delivery.
        spark_master: the Spark that does it: `local[*]` or `local[2]` for one that this process starts, `spark://…` for
            a cluster, `sc://…` for a server of Spark Connect; by default what `spark_conf` says.
        spark_conf: Spark's folder of settings, with `spark-defaults.conf`; relative to `root`. By default that of the
            variable `SPARK_CONF_DIR`, else that of the stack of the same lake.
        python_memory_gb: how many GB of memory a Python model may use, besides the rows of its inputs.
        python_limit_s: how many seconds it may run.
        memory_limit: how much memory the SQL engine may use, such as `4GB`; beyond it, it spills to disk.
        threads: threads of the SQL engine; a Python model gets as many for Arrow, NumPy and Polars.
        workers: number of tables loaded or built concurrently.
        ingest_ignore: names of files, with `*` for any characters and `?` for one, that may lie in a folder that is
            loaded without a contract that names them.
        target_file_mb: size of a data file, in MiB.
        batch_days: how many days a table remembers its batches, to detect one that is loaded again; forever by
            default.
        query_log_days: how many days the queries that users run are kept on this machine, without their values, for
            `lagoa table advise`; 0 to keep none.
        snapshots: how many snapshots a table's metadata lists. Older ones are in the metadata of older commits, which
            every command reads; other engines find them there, too.
        incoming_days: how many days the rows of a merge are kept as received, so that they can be merged again on
            another state; 0 to keep none.
        publish_tries: how many times a publication is attempted if main moves meanwhile.
        publish_wait_s: how long a publication waits for its turn while others are published; then it goes on without
            one. 0 for no turns. They are given where the receipts are.
        author: the author recorded in commits and receipts.
        approval: what asks for an approval before a branch is published.
        cold: which data files move to slower storage.
        retention: how long states, branches and files are kept that nothing needs.
        backup: where the lake's backups are, and how often one is due.
    """

    model_config = SettingsConfigDict(env_prefix="LAGOA_", extra="forbid", frozen=True, hide_input_in_errors=True)

    root: Path
    profile: str = ""
    name: str = "lake"
    state: Path = Path(".lagoa")
    warehouse: Annotated[str, Field(pattern=_PLACE)] = "warehouse"
    warehouse_home: Annotated[str, Field(pattern=_HOME)] = ""
    s3_endpoint: Annotated[str, Field(pattern=r"^https?://[^/\s@]+$")] = "http://127.0.0.1:9000"
    s3_region: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")] = "us-east-1"
    s3_keys: Literal["temporary", "permanent"] = "temporary"
    catalog: Literal["sqlite", "nessie"] = "sqlite"
    nessie_url: Annotated[str, Field(pattern=r"^https?://\S+$")] = "http://127.0.0.1:19120/api/v2"
    sign_in: Literal["none", "oidc"] = "none"
    oidc_url: Annotated[str, Field(pattern=r"^https?://[^/\s@]+(/\S*)?$")] = "http://127.0.0.1:8180/realms/lagoa"
    role: Role = "engineer"
    publisher_command: tuple[str, ...] = ()
    publisher_limit_s: Annotated[int, Field(ge=1, le=86400)] = 3600
    secrets: Literal["env", "vault"] = "env"
    vault_url: Annotated[str, Field(pattern=r"^https?://[^/\s@]+$")] = "http://127.0.0.1:8200"
    receipts: Literal["sqlite", "postgres"] = "sqlite"
    online_features: Literal["sqlite", "postgres"] = "sqlite"
    training: Literal["sqlite", "postgres"] = "sqlite"
    tracking: Literal["files", "server"] = "files"
    mlflow_url: Annotated[str, Field(pattern=r"^https?://[^/\s@]+(/\S*)?$")] = "http://127.0.0.1:5000"
    postgres_url: Annotated[str, Field(pattern=_DATABASE)] = "postgresql://127.0.0.1:5433/lagoa"
    flow_history: Literal["sqlite", "postgres"] = "sqlite"
    timeout_s: Annotated[float, Field(ge=0.1, le=3600)] = 15.0
    patience_s: Annotated[float, Field(ge=0, le=3600)] = 30.0
    engine: EngineChoice = "duckdb"
    engine_limit_gb: Annotated[float, Field(gt=0)] = 20.0
    spark_master: Annotated[str, Field(pattern=r"^(local(\[(\d+|\*)\])?|(spark|sc)://[^/\s@]+(/\S*)?|)$")] = ""
    spark_conf: Path | None = None
    python_memory_gb: Annotated[float, Field(gt=0)] = 4.0
    python_limit_s: Annotated[int, Field(ge=1, le=86400)] = 600
    memory_limit: Annotated[str, Field(pattern=r"^\d+(\.\d+)?\s*([KMGT]i?B|%)$")] = "60%"
    threads: Annotated[int, Field(ge=1, le=256)] = os.cpu_count() or 2
    workers: Annotated[int, Field(ge=1, le=64)] = 2
    ingest_ignore: tuple[str, ...] = ()
    target_file_mb: Annotated[int, Field(ge=1, le=4096)] = 256
    batch_days: Annotated[int, Field(ge=1, le=36500)] | None = None
    query_log_days: Annotated[int, Field(ge=0, le=3650)] = 90
    snapshots: Annotated[int, Field(ge=1, le=10_000)] = 20
    incoming_days: Annotated[int, Field(ge=0, le=3650)] = 30
    publish_tries: Annotated[int, Field(ge=1, le=100)] = 5
    publish_wait_s: Annotated[float, Field(ge=0, le=3600)] = 60.0
    author: Annotated[str, Field(max_length=200)] = Field(default_factory=_user)
    approval: ApprovalRules = ApprovalRules()
    cold: ColdRules = ColdRules()
    retention: RetentionRules = RetentionRules()
    backup: BackupRules = BackupRules()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic-settings'
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Give variables precedence over the file, whose values are the arguments."""
        del settings_cls
        return env_settings, init_settings

    @property
    def state_folder(self) -> Path:
        """The absolute folder of the catalog, the receipts and the data files."""
        return self.root / self.state

    @property
    def proves_approvals(self) -> bool:
        """Whether the publisher knows who approved: people sign in, and only it can keep an approval in their name."""
        return self.sign_in == "oidc" and self.receipts == "postgres"

    @property
    def sees_quarantine(self) -> bool:
        """Whether the role may read the quarantine."""
        return self.sign_in == "none" or self.role != READER

    def cache(self, name: str) -> Path:
        """Return the file of the state folder in which a process keeps for the next one what it found out."""
        return self.state_folder / f"{name}.cache"

    @property
    def warehouse_location(self) -> str:
        """The location of the tables' files: an absolute folder, or an S3 prefix."""
        return self.warehouse if self.warehouse.startswith(S3) else str(self.state_folder / self.warehouse)

    @property
    def cold_location(self) -> str:
        """The absolute folder of cold files, without links in its path; empty if there is none."""
        return str((self.root / self.cold.folder).resolve()) if self.cold.folder else ""

    @property
    def contracts_folder(self) -> Path:
        """The folder of the data contracts."""
        return self.root / "iceberg"

    @property
    def models_folder(self) -> Path:
        """The folder of the models."""
        return self.root / "transformations"

    @property
    def checks_folder(self) -> Path:
        """The folder of the check files."""
        return self.root / "soda"

    @property
    def features_folder(self) -> Path:
        """The folder of the feature repository."""
        return self.root / "feature_store"

    @property
    def ml_folder(self) -> Path:
        """The folder of the definitions of trained models."""
        return self.root / "ml"

    @property
    def exposures_folder(self) -> Path:
        """The folder of the declared exposures."""
        return self.root / "exposures"

    @property
    def sources_folder(self) -> Path:
        """The folder of the declared sources."""
        return self.root / "sources"


def find_lake(start: Path) -> Path:
    """Return the folder of the lake that `start` is in.

    Raises:
        LakeNotFound: neither it nor a folder above it has a lagoa.toml.
    """
    start = start.resolve()
    for folder in (start, *start.parents):
        if (folder / SETTINGS_FILE).is_file():
            return folder
    raise LakeNotFound(start)


def present_lake() -> Path:
    """Return the folder of the lake that the variable `LAGOA_LAKE` names, else of the one that this process runs in.

    Raises:
        LakeNotFound: it names none, and neither the current folder nor one above it has a lagoa.toml.
    """
    named = os.environ.get(LAKE_VARIABLE)
    return Path(named) if named else find_lake(Path.cwd())


def load_settings(folder: Path, profile: str | None = None) -> Settings:
    """Read the settings of the lake in `folder`.

    Args:
        folder: the lake's.
        profile: name of a table `[profiles.<name>]` of the file, which overrides its other values; by default the
            value of `LAGOA_PROFILE`, if it is set. Empty for no profile.

    Raises:
        LakeNotFound: the folder has no lagoa.toml.
        SettingsError: a value or key is invalid; the error says where.
    """
    file = folder / SETTINGS_FILE
    try:
        values: dict[str, Any] = tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        raise LakeNotFound(folder) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: {error}.", "Fix the file.") from error
    profile = os.environ.get(PROFILE_VARIABLE, "") if profile is None else profile
    values |= _profile(file, values.pop("profiles", {}), profile)
    try:
        # `root` is set again last: no variable may select contracts and data of another folder than the file's.
        return Settings(root=folder, **values).model_copy(update={"root": folder.resolve(), "profile": profile})
    except ValidationError as error:
        raise _invalid(file, error) from error
    except NoSetting as error:  # a list in a variable that is no JSON
        raise SettingsError(f"A LAGOA_* variable: {error}.", 'Write a list as JSON: ["a", "b"].') from error


def _invalid(file: Path, error: ValidationError) -> SettingsError:
    """Return the first thing that is wrong, in words."""
    first = error.errors()[0]
    name = ".".join(part for part in first["loc"] if isinstance(part, str))
    if first["type"] == "extra_forbidden":
        parts: dict[str, type[BaseModel]] = {
            "approval": ApprovalRules,
            "backup": BackupRules,
            "backup.keep": KeepRules,
            "cold": ColdRules,
            "retention": RetentionRules,
        }
        inner = (f"{part}.{each}" for part, rules in parts.items() for each in rules.model_fields)
        known = [*Settings.model_fields, *inner]
        advice = "Fix its name or remove it: the lagoa.toml of a new lake lists all settings."
        return SettingsError(f"{file}: there is no setting {name!r}.{did_you_mean(name, known)}", advice)
    words = _WORDS.get(first["type"])
    said = words.format(**first.get("ctx", {})) if words else first["msg"].removeprefix("Value error, ")
    variable = f"LAGOA_{str(first['loc'][0]).upper()}"
    place = variable if variable in os.environ else str(file)
    return SettingsError(f"{place}: {name}: {said}.", "Fix the value or remove it.")


def _profile(file: Path, profiles: Any, name: str) -> dict[str, Any]:
    if not name:
        return {}
    if not isinstance(profiles, dict) or not isinstance(profiles.get(name), dict):
        known = ", ".join(sorted(profiles)) if isinstance(profiles, dict) else ""
        raise SettingsError(
            f"{file} has no profile {name!r}.", f"It has: {known}." if known else "Write [profiles.NAME] with settings."
        )
    return dict(profiles[name])
