"""Every error that Lagoa raises, in one tree.

```
LagoaError
├── TransientError              the same call may succeed on a retry
│   ├── CommitLost              another writer moved the branch and changed a table of this commit
│   ├── CatalogBusy             the catalog is locked or does not answer in time
│   ├── StorageUnavailable      the object store does not answer
│   ├── SourceUnavailable       a declared source does not answer
│   ├── SignInUnavailable       the sign-in server does not answer
│   ├── SecretsUnavailable      the secrets server does not answer, or is sealed
│   ├── SqlServerUnavailable    the SQL server of the sandboxes' catalogs does not answer
│   ├── FlowServerUnavailable   the Prefect server that is configured does not answer
│   ├── FeaturesUnavailable     the online store of features does not answer or cannot be written
│   ├── OnlineStateLost         the online store has another state by now
│   ├── TrainingUnavailable     the records of trained models, or MLflow's, cannot be read or written
│   ├── PromotionLost           another version of the model was promoted meanwhile
│   └── PublishContended        `main` moved during every attempt to publish
└── TerminalError               a retry cannot succeed: fix the cause first
    ├── SignInFailed            a server does not accept the sign-in
    ├── NotAllowed              a server denies the request to this user or role
    ├── SecretNotFound          there is no secret of this name
    ├── SettingsError           lagoa.toml or a LAGOA_* variable
    ├── LakeNotFound, LakeExists, LakeTooNew, LakeClosed, CatalogDamaged
    ├── LakeNotEmpty            a backup is restored to an empty lake only
    ├── BackupRefused           a place that cannot have the backup of this lake
    ├── BackupNotFound          a place without a backup, or without one of that time
    ├── BackupDamaged           a file of a backup is missing or is not what was saved
    ├── BackupFailed            a backup or restore that broke off, as on a full disk
    ├── PartMissing             an optional package is not installed
    ├── EngineTooOld            Spark or Trino is of a version that Lagoa does not support
    ├── PublisherFailed         the publisher process ended without an answer
    ├── FlowServerFailed        the lake's Prefect server does not start
    ├── StackError              a server of the stack cannot be fetched, built or started
    ├── InvalidName             an invalid name of a branch, tag, table, column or secret
    ├── RefNotFound, RefExists, RefProtected
    ├── FeaturesGone            features of a commit that is not there; a RefNotFound
    ├── StateExpired            a state whose rows are not kept any more; a RefNotFound
    ├── ClockBehind             something in the lake is of a time to come
    ├── NotCollectable          a lake that was opened as a role that deletes nothing
    ├── CollectionFailed        files could not be collected, such as when a disk is full
    ├── NotASuccessor           a commit that cannot follow the head of a branch
    ├── TableNotFound
    ├── KeyRefused              a key that no row of the table can have, or a table without one
    ├── RowNotFound             no state of the table had a row with this key
    ├── OutsideWarehouse        a file in an object store other than the lake's
    ├── TableUnreadable         a table of another writer that would be read incorrectly
    ├── SourceError             a file or source that cannot be read as its contract or declaration requires
    ├── SourcesFailed           several declared sources were not loaded to their end
    ├── BatchChanged            a batch id that was loaded before with different content
    ├── BatchHeld               a batch that was rolled back and held
    ├── WriteError              rows that do not fit the table
    ├── QueryError              SQL that is refused or fails
    ├── ContractError           a data contract (file and line)
    ├── ModelError              a model (file and line)
    ├── CheckError              a check file (file and line)
    ├── ModelTestError          a test of a model (file and line)
    ├── ExposureError           a declared exposure (file and line)
    ├── DeclarationError        a declared source (file and line)
    ├── FeatureError            a feature, an entity, or rows of entities
    ├── TrainingError           a model that cannot be trained, or a run that there is not
    ├── RowRefused              a row that a model cannot be asked for
    ├── TrainingSetGone         the commit that a run learned from was deleted
    ├── PromotionRefused        a version of a model that does not pass the gate
    ├── AuditNotFound           no audit of a ref or commit is stored
    ├── AuditFailed             a check failed or was not evaluated
    ├── NothingToPublish        main has all changes of the branch
    └── PublishConflict         another publication changed the same tables
        ├── RebaseConflict      of two changes of a table only one can stay
        └── RevertConflict      a publication cannot be undone without the later ones
```

An error has fields that identify what failed, and its text ends with what to do next.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lagoa.domain.checks import AuditReport
    from lagoa.domain.tables import TableName


_COMMIT = re.compile(r"[0-9a-f]{8,64}")


class LagoaError(Exception):
    """The base class of every error that Lagoa raises."""

    def __init__(self, message: str, advice: str = "") -> None:
        """Set what failed (`message`) and what to do next (`advice`)."""
        super().__init__(f"{message} {advice}".strip())
        self.message = message
        self.advice = advice


class TransientError(LagoaError):
    """The same call may succeed when it is tried again."""


class TerminalError(LagoaError):
    """A retry cannot succeed: the cause must be fixed first."""


class CommitLost(TransientError):
    """Another writer moved the branch, and changed a table that this commit changes."""

    def __init__(self, ref: str, expected: str, actual: str, tables: Sequence[TableName] = ()) -> None:
        what = f" in {', '.join(map(str, tables))}" if tables else ""
        super().__init__(
            f"{ref!r} was expected at {expected[:12]} and is at {actual[:12]}: another writer came first{what}.",
            "Nothing was written. Read the branch again and retry the write.",
        )
        self.ref = ref
        self.expected = expected
        self.actual = actual
        self.tables = tuple(tables)


class CatalogBusy(TransientError):
    """The catalog stayed locked by others beyond the time limit."""


class StorageUnavailable(TransientError):
    """The object store does not answer, or the connection broke."""

    def __init__(self, place: str, reason: str = "it does not answer") -> None:
        super().__init__(
            f"The object store{f' at {place}' if place else ''}: {reason}.",
            "Nothing was committed. Check that it runs (`lagoa stack status`), then try again.",
        )
        self.place = place
        self.reason = reason


class SourceUnavailable(TransientError):
    """A declared source does not answer, or the connection to it broke."""

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(
            f"The source {source}: {reason}.",
            "What was loaded before stays. Check that it runs and can be reached from here, then try again.",
        )
        self.source = source
        self.reason = reason


class EngineUnavailable(TransientError):
    """The engine that models run on does not start or does not answer."""

    def __init__(self, engine: str, reason: str) -> None:
        super().__init__(
            f"{engine} {reason}.",
            "Nothing was committed. Check that it runs (`lagoa stack status`), or use `--engine duckdb`.",
        )
        self.engine = engine
        self.reason = reason


class EngineTooOld(TerminalError):
    """Spark or Trino answers, and is of an earlier version than Lagoa needs."""

    def __init__(self, engine: str, place: str, found: str, least: str) -> None:
        super().__init__(
            f"{engine} at {place} is version {found}; Lagoa needs {least} or later.",
            f"Nothing was committed. Run {least} there (on the stack: the version in infra/stack.toml, then "
            "`lagoa stack down` and `lagoa stack up`), or use `--engine duckdb`.",
        )
        self.engine = engine
        self.place = place
        self.found = found
        self.least = least


class FeaturesUnavailable(TransientError):
    """The online store of features does not answer, is locked, or cannot be written."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(
            f"The online store ({place}): {reason}.",
            "What it held is as it was. Check that it runs, its permissions and the free disk space, then try again.",
        )
        self.place = place
        self.reason = reason


class OnlineStateLost(TransientError):
    """The online store has another state by now."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} is not what the online store has any more: features were materialized meanwhile.", "Try again."
        )
        self.what = what


class TrainingUnavailable(TransientError):
    """The records of trained models, or MLflow's store, cannot be read or written."""

    def __init__(self, place: str, reason: str, advice: str = "") -> None:
        super().__init__(
            f"The store of trained models {place} cannot be used: {reason}.",
            advice or "Nothing was kept. Look at its disk, its permissions and the version of MLflow, and try again.",
        )
        self.place = place
        self.reason = reason


class ModelChanged(TerminalError):
    """The files of a trained model are not those that were saved."""

    def __init__(self, model: str, version: int, place: str) -> None:
        super().__init__(
            f"The files of {model} {version} at {place} are not those that were saved: their SHA-256 is another one.",
            f"They were not loaded. Find out who changed them; `lagoa ml train {model}` trains it again.",
        )
        self.model = model
        self.version = version
        self.place = place


class PromotionLost(TransientError):
    """Another version of the model was promoted since this one was compared."""

    def __init__(self, model: str, number: int) -> None:
        super().__init__(
            f"{model} has another champion since this version was compared with it.",
            "Nothing was changed. Promote it again: it is compared with the new champion then.",
        )
        self.model = model
        self.number = number


class SecretsUnavailable(TransientError):
    """The secrets server does not answer, or is sealed."""

    def __init__(self, server: str, reason: str = "it does not answer") -> None:
        super().__init__(
            f"{server}: {reason}.",
            "Check that it runs and is unsealed (`lagoa stack status`; `lagoa stack up` unseals it), then try again.",
        )
        self.server = server
        self.reason = reason


class SqlServerUnavailable(TransientError):
    """The SQL server that has a catalog for each sandbox does not answer."""

    def __init__(self, server: str) -> None:
        super().__init__(
            f"{server}: Trino does not answer, and so the catalogs of sandboxes stay as they are.",
            "Check that it runs (`lagoa stack status`; `lagoa stack up` starts it), then try again.",
        )
        self.server = server


class FlowServerUnavailable(TransientError):
    """The Prefect server that the user configured does not answer."""

    def __init__(self, server: str, reason: str) -> None:
        super().__init__(
            f"{server}: the Prefect server does not answer ({reason.rstrip('.')}).",
            "Check that it runs and that PREFECT_API_URL is its address, then try again.",
        )
        self.server = server
        self.reason = reason


class SignInUnavailable(TransientError):
    """The sign-in server (OpenID Connect) does not answer."""

    def __init__(self, server: str, reason: str) -> None:
        super().__init__(
            f"The sign-in server {server} did not issue a token: {reason}.",
            "Check that it runs (`lagoa stack status`), then try again.",
        )
        self.server = server
        self.reason = reason


class PublishContended(TransientError):
    """`main` moved during every attempt to publish."""

    def __init__(self, branch: str, tries: int) -> None:
        super().__init__(
            f"{branch!r} was not published: main moved during each of {tries} attempts.",
            "The branch is unchanged; publish it again when fewer runs end at the same time.",
        )
        self.branch = branch
        self.tries = tries


class SignInFailed(TerminalError):
    """A server does not accept the sign-in: the credential is missing, wrong or expired."""

    def __init__(self, server: str, reason: str = "", advice: str = "") -> None:
        super().__init__(
            f"{reason or f'{server} does not accept the sign-in'}.", advice or "Check the credentials of the profile."
        )
        self.server = server


class NotAllowed(TerminalError):
    """A server denies the request to this user or role."""

    def __init__(self, server: str, reason: str, role: str = "", advice: str = "") -> None:
        super().__init__(
            f"{server} does not allow {f'the role {role!r}' if role else 'you'} to do this: {reason}",
            advice or "Ask for a role that is allowed to, or ask somebody who has one.",
        )
        self.server = server
        self.reason = reason
        self.role = role


class SecretNotFound(TerminalError):
    """There is no secret of this name, or it is empty."""

    def __init__(self, name: str, place: str, advice: str) -> None:
        super().__init__(f"There is no secret {name!r}: {place} has none.", advice)
        self.name = name
        self.place = place


class SettingsError(TerminalError):
    """A value in lagoa.toml or in a LAGOA_* variable cannot be used."""


class LakeClosed(TerminalError):
    """A lake, or a branch of it, is used after the lake was closed."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The lake {name!r} is closed.", "Open it again with `lagoa.open_lake`.")


class StackError(TerminalError):
    """A server of the stack cannot be fetched, built or started."""

    def __init__(self, server: str, message: str, advice: str = "") -> None:
        super().__init__(f"{server}: {message}", advice)
        self.server = server


class LakeNotEmpty(TerminalError):
    """A backup is restored to a lake that has commits."""

    def __init__(self, place: str) -> None:
        super().__init__(
            f"{place} has commits already: a backup is restored to an empty lake only.",
            "Nothing was changed. Restore to another folder, or move the lake's state away first. With --missing, lost "
            "files and records are put back, and the commits stay as they are.",
        )
        self.place = place


class BackupRefused(TerminalError):
    """A place cannot have the backup of this lake."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"{place} cannot have this backup: {reason}.", "Nothing was written. Choose another place.")
        self.place = place
        self.reason = reason


class BackupNotFound(TerminalError):
    """A place has no backup, or none of the time that was asked for."""

    def __init__(self, place: str, reason: str = "it has no backup that is complete") -> None:
        super().__init__(f"{place}: {reason}.", "Check the place. `lagoa backup create` makes a backup.")
        self.place = place
        self.reason = reason


class BackupDamaged(TerminalError):
    """A file of a backup is missing, or is not what was saved."""

    def __init__(self, place: str, name: str, reason: str) -> None:
        super().__init__(
            f"The backup in {place} is damaged: {name} {reason}.",
            "`lagoa backup verify` lists each such file; `lagoa backup create --full` copies all files again.",
        )
        self.place = place
        self.name = name
        self.reason = reason


class BackupFailed(TerminalError):
    """A backup or a restore broke off, as on a full disk."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(
            f"{place} cannot be used: {reason}.",
            "Earlier backups are as they were; what was written counts as no backup. Fix the cause, then run it again.",
        )
        self.place = place
        self.reason = reason


class PartMissing(TerminalError):
    """A package of an optional part is not installed; `extra` names the part."""

    def __init__(self, extra: str, capability: str, package: str) -> None:
        super().__init__(
            f"{capability} needs the package {package!r}, which is not installed.",
            f"Install what belongs to it: `pip install 'lagoa[{extra}]'`.",
        )
        self.extra = extra
        self.capability = capability
        self.package = package


class PublisherFailed(TerminalError):
    """The publisher process ended without an answer."""

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(
            f"The publisher process for {what!r} {reason}",
            "main is either unchanged or fully moved: `lagoa log` shows which. It is safe to publish again.",
        )
        self.what = what
        self.reason = reason


class FlowServerFailed(TerminalError):
    """The Prefect server of the lake does not start or does not answer."""

    def __init__(self, reason: str, log: Path, log_end: str = "") -> None:
        shown = f"\nThe end of {log}:\n{log_end}\n" if log_end else ""
        super().__init__(
            f"The lake's Prefect server: {reason}.{shown}",
            f"Set PREFECT_API_URL to a server of your own, or remove {log.parent}, which has the history of runs.",
        )
        self.reason = reason
        self.log = log


class LakeNotFound(TerminalError):
    """There is no lake in this folder or above it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"There is no lake in {folder} or in a folder above it (no lagoa.toml).",
            "Create one with `lagoa init NAME`, or change to its folder.",
        )
        self.folder = folder


class LakeExists(TerminalError):
    """The folder already contains a lake, or lies inside of one."""

    def __init__(self, folder: Path, around: Path | None = None) -> None:
        what = f"lies in the lake {around}" if around else "already contains a lake"
        super().__init__(f"{folder} {what}.", "Choose another folder: one lake cannot be in another.")
        self.folder = folder
        self.around = around


class LakeTooNew(TerminalError):
    """The lake was written by a newer Lagoa."""

    def __init__(self, path: Path | str, found: int, known: int) -> None:
        super().__init__(
            f"{path} has format {found}; this version of Lagoa supports formats up to {known}.",
            "Upgrade Lagoa: `pip install --upgrade lagoa`.",
        )
        self.path = path
        self.found = found
        self.known = known


class CatalogDamaged(TerminalError):
    """The catalog's file is not a catalog, or is damaged."""


class InvalidName(TerminalError):
    """An invalid name of a branch, tag, table, column or secret, or an unknown one of a model."""

    def __init__(self, kind: str, name: str, rule: str, similar: str = "", fault: str = "") -> None:
        shown = name if len(name) <= 80 else f"{name[:80]}… ({len(name)} characters)"  # noqa: PLR2004 - one line
        super().__init__(f"{shown!r} {fault or f'is not a valid {kind} name'}.{similar}", f"Expected: {rule}.")
        self.kind = kind
        self.name = name


class RefNotFound(TerminalError):
    """This ref names no branch, tag or commit."""

    def __init__(
        self, ref: str, reason: str = "there is no such branch or tag", advice: str = "", similar: str = ""
    ) -> None:
        known = "`lagoa branch list`, `lagoa tag list` and `lagoa log` show what exists."
        if _COMMIT.fullmatch(ref):
            known = f"To name a commit, put the branch or tag that has it before it: main@{ref}."
        super().__init__(f"{ref!r} was not found: {reason}.{similar}", advice or known)
        self.ref = ref
        self.reason = f"{reason}.{similar}".rstrip(".")


class FeaturesGone(RefNotFound):
    """Features are requested of a commit that is not there: never was, or deleted with its branch or tag.

    Attributes:
        left: which features there still are.
    """

    def __init__(self, ref: str, reason: str, left: str) -> None:
        super().__init__(ref, reason, f"{left} `lagoa branch list`, `lagoa tag list` and `lagoa log` show what exists.")
        self.left = left


class StateExpired(RefNotFound):
    """This commit is in the history, but the rows of its tables are not kept any more, by `[retention]`.

    Attributes:
        expired_at: since when at the latest.
        layers: those whose tables are not kept, if others are.
    """

    def __init__(self, ref: str, expired_at: str, layers: tuple[str, ...] = ()) -> None:
        what = f"its tables of {' and '.join(layers)}" if layers else "its state"
        rule = "layer_days in [retention]" if layers else "[retention]"
        others = "Tables of other layers can be read at it." if layers else "`lagoa log` shows the commits."
        super().__init__(
            ref,
            f"{what} expired on {expired_at}, by {rule} of lagoa.toml: the commit is in the history, "
            f"{'their' if layers else 'its'} rows are not kept",
            f"{others} Before a state expires, `lagoa hold add` or `lagoa tag create` keeps it.",
        )
        self.expired_at = expired_at
        self.layers = layers


class RefExists(TerminalError):
    """A branch or tag of this name already exists."""

    def __init__(self, ref: str) -> None:
        super().__init__(f"A branch or tag {ref!r} already exists.", "Choose another name, or delete it first.")
        self.ref = ref


class RefProtected(TerminalError):
    """A write to `main`, a tag or a commit, or the deletion of `main`."""

    def __init__(self, ref: str, *, deleting: bool = False) -> None:
        advice = "Every lake has it." if deleting else "Write to a branch (`lagoa branch create`) and publish it."
        super().__init__(f"{ref!r} cannot be {'deleted' if deleting else 'written to'}.", advice)
        self.ref = ref


class ClockBehind(TerminalError):
    """A commit, publication or record is of a later time than the clock's: nobody knows how old things are."""

    def __init__(self, now: str, latest: str) -> None:
        super().__init__(
            f"It is {now} by this machine's clock, and the lake has something of {latest}: nothing was deleted.",
            "Set the clock right. If it is right, and was ahead when that was made: `lagoa maintain --expire "
            "--clock-is-right`.",
        )
        self.now = now
        self.latest = latest


class NotCollectable(TerminalError):
    """The lake was opened as a role that deletes nothing."""

    def __init__(self, lake: str) -> None:
        super().__init__(
            f"In the lake {lake!r} nothing expires, is collected or goes to cold storage by whoever opens it: on "
            "servers, the role maintainer alone does that.",
            "`lagoa maintain` signs in as that role; from Python, open the lake with the setting `role` = maintainer.",
        )
        self.lake = lake


class CollectionFailed(TerminalError):
    """A collection ended in the middle; the lake is whole, and what was moved is in the trash."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The collection ended before it was done: {reason}. No state that is kept has lost a file.",
            "Free space or fix the cause, and collect again; `lagoa maintain --trash` lists what was moved.",
        )
        self.reason = reason


class NotASuccessor(TerminalError):
    """A branch can only move to a commit that was made on top of its head."""

    def __init__(self, branch: str, expected: str, to: str) -> None:
        super().__init__(
            f"{branch!r} cannot move from {expected[:12]} to {to[:12]}: that commit has a different first parent.",
            "Nothing was moved. Make the commit on top of the head and move to it.",
        )
        self.branch = branch
        self.expected = expected
        self.to = to


class TableNotFound(TerminalError):
    """The table does not exist at this ref."""

    def __init__(self, table: TableName, ref: str, similar: str = "") -> None:
        super().__init__(f"There is no table {table} at {ref!r}.{similar}", f"`lagoa tables {ref}` lists its tables.")
        self.table = table
        self.ref = ref


class KeyRefused(TerminalError):
    """A key that no row of the table can have: another column, a value of another type; or a table without a key."""

    def __init__(self, table: TableName, reason: str, advice: str) -> None:
        super().__init__(f"{table}: {reason}", advice)
        self.table = table
        self.reason = reason


class RowNotFound(TerminalError):
    """No state of the table at a ref, or before it, had a row with this key."""

    def __init__(self, table: TableName, key: str, ref: str, commit: str, states: int) -> None:
        looked = "the one state" if states == 1 else f"any of the {states:,} states"
        super().__init__(
            f"{table}: no row with {key} in {looked} at {ref!r} ({commit[:12]}) and before.",
            f"It may be on another branch (`--ref BRANCH`), or refused (`lagoa quarantine show {table}`).",
        )
        self.table = table
        self.key = key
        self.ref = ref
        self.commit = commit
        self.states = states


class OutsideWarehouse(TerminalError):
    """A table's file is in an object store other than the lake's."""

    def __init__(self, location: str) -> None:
        super().__init__(
            f"{location} is outside of the lake's warehouse, in a store that the lake has no keys for.",
            "Write the table again inside the warehouse, or drop it from the branch. "
            "If the warehouse was copied from there, set `warehouse_home` in lagoa.toml to where it was.",
        )
        self.location = location


class TableUnreadable(TerminalError):
    """Another engine wrote data into a table that Lagoa's engines would read incorrectly."""

    def __init__(self, table: TableName, message: str, advice: str) -> None:
        super().__init__(f"{table}: {message}", advice)
        self.table = table


class SourceError(TerminalError):
    """A source file is missing, unreadable, or not in the format that the contract describes."""

    def __init__(self, source: str, message: str, advice: str = "") -> None:
        super().__init__(f"{source}: {message}", advice)
        self.source = source
        self.reason = message


class SourcesFailed(TerminalError):
    """Several declared sources could not be loaded to their end."""

    def __init__(self, sources: str, told: str) -> None:
        super().__init__(
            f"These sources were not loaded to their end: {sources}.\n{told}\n",
            "What was loaded of them before, and of the others, stays; loading them again goes on from there.",
        )
        self.sources = sources
        self.told = told


class UnknownColumn(SourceError):
    """A source file has a column that the contract lacks."""

    def __init__(self, source: str, column: str, message: str, advice: str) -> None:
        super().__init__(source, message, advice)
        self.column = column


class BatchChanged(TerminalError):
    """A batch was loaded again under the same id with different content."""

    def __init__(self, table: TableName, batch: str, known: str, found: str) -> None:
        super().__init__(
            f"Batch {batch!r} of {table} was loaded before with different content "
            f"(fingerprint {_short(known)}, now {_short(found)}).",
            "Nothing was written. Load the new content under a new batch id, or roll the first one back.",
        )
        self.table = table
        self.batch = batch
        self.known = known
        self.found = found


class BatchHeld(TerminalError):
    """A batch is loaded again that was rolled back and held (`lagoa rollback --hold`)."""

    def __init__(self, table: TableName, batch: str) -> None:
        super().__init__(
            f"Batch {batch!r} of {table} was rolled back and is held: the same content is refused.",
            "Nothing was written. Load corrected content (under this id or another), or go back to the state with the "
            "batch by `lagoa rollback`.",
        )
        self.table = table
        self.batch = batch


class WriteError(TerminalError):
    """Rows that do not fit the table: a null in a required column, a missing column, an overflow."""

    def __init__(self, table: TableName, message: str, advice: str = "") -> None:
        super().__init__(f"{table}: {message}", advice)
        self.table = table


class FileNotMoved(TerminalError):
    """A data file cannot be moved to or from cold storage."""

    def __init__(self, file: str, to: str, reason: str) -> None:
        advice = "It stays where it is. Check both disks and run the command again."
        super().__init__(f"{file} cannot be copied to {to}: {reason}.", advice)
        self.file = file
        self.to = to
        self.reason = reason


class QueryError(TerminalError):
    """SQL that is refused (anything but one SELECT over tables of the ref) or that fails."""


class FileError(TerminalError):
    """An error at a line of one of the lake's own files."""

    def __init__(self, file: Path | str, line: int | None, message: str, advice: str = "") -> None:
        place = f"{file}:{line}" if line else str(file)
        super().__init__(f"{place}: {message}", advice)
        self.file = str(file)
        self.line = line


class ContractError(FileError):
    """A data contract that cannot be used."""


class ModelError(FileError):
    """A model that cannot be used, or fails."""


class CheckError(FileError):
    """A check file that cannot be used."""


class ModelTestError(FileError):
    """A test of a model that cannot be used."""


class ExposureError(FileError):
    """A file of exposures that cannot be used."""


class DeclarationError(FileError):
    """A declaration of a source that cannot be used."""


class AuditNotFound(TerminalError):
    """No audit of this ref, commit or receipt is stored."""

    def __init__(self, what: str) -> None:
        advice = f"`lagoa audit run {what}` runs the checks there; `lagoa log` shows the publications, which have one."
        super().__init__(f"No audit of {what!r} is stored.", advice)
        self.what = what


class AuditFailed(TerminalError):
    """A check failed, was not evaluated, or is missing; `report` has every result."""

    def __init__(self, report: AuditReport) -> None:
        bad = report.blocking
        listed = "; ".join(result.summary for result in bad[:5])
        more = f"; and {len(bad) - 5} more" if len(bad) > 5 else ""  # noqa: PLR2004 - five lines are read
        shown = [
            f" `lagoa quarantine show {each} --ref {report.ref}` shows refused records." for each in report.refusing
        ]
        records = shown[0] if shown else ""
        if any(result.check.endswith("/schema") for result in bad):
            records += f" `lagoa contract apply --branch {report.ref}` changes tables to match their contracts."
        super().__init__(
            f"{len(bad)} of {len(report.results)} checks block {report.ref}: {listed}{more}.",
            f"main is unchanged. `lagoa audit show {report.ref} --rows` shows them.{records} Correct the data on the "
            "branch, then publish it.",
        )
        self.report = report


class ApprovalMissing(TerminalError):
    """Publishing a branch asks for an approval of its head that is not there."""

    def __init__(self, branch: str, head: str, missing: Sequence[str], ignored: Sequence[str] = ()) -> None:
        more = f" Approvals that do not count: {'; '.join(ignored)}." if ignored else ""
        super().__init__(
            f"{branch!r} ({head[:12]}) needs an approval: {'; '.join(missing)}.{more}",
            f"main is unchanged. `lagoa review {branch}` shows what would change. Whoever can approve it runs `lagoa "
            f"approve {branch} --commit {head[:12]}`; then publish it. Another commit on the branch, as by a rebase, "
            "needs another approval.",
        )
        self.branch = branch
        self.head = head
        self.missing = tuple(missing)
        self.ignored = tuple(ignored)


class ApprovalOutdated(TerminalError):
    """What is to be approved is not the head of the branch any more."""

    def __init__(self, branch: str, commit: str, head: str) -> None:
        super().__init__(
            f"{commit[:12]} is not the head of {branch!r}, which is at {head[:12]}: nothing was approved.",
            f"`lagoa review {branch}` shows what it would change now.",
        )
        self.branch = branch
        self.commit = commit
        self.head = head


class NothingToPublish(TerminalError):
    """`main` has all changes of the branch."""

    def __init__(self, branch: str) -> None:
        super().__init__(f"{branch!r} has no changes that main does not have.", "Write to it first.")
        self.branch = branch


class PublishConflict(TerminalError):
    """Since the branch was created, `main` changed tables that the branch changes or was built from.

    Attributes:
        behind: whether that is because `main` moved on, so that a rebase of the branch may help.
    """

    behind = False

    def __init__(
        self, branch: str, tables: Sequence[TableName], ours: str, theirs: str, reason: str, advice: str = ""
    ) -> None:
        super().__init__(
            f"{branch!r} ({ours[:12]}) cannot be published over main ({theirs[:12]}): {reason} "
            f"{', '.join(map(str, tables))}.",
            f"main is unchanged. {advice}".rstrip(),
        )
        self._is_between(branch, tables, ours, theirs)

    def _is_between(self, branch: str, tables: Sequence[TableName], ours: str, theirs: str) -> None:
        self.branch = branch
        self.tables = tuple(tables)
        self.ours = ours
        self.theirs = theirs


class RebaseConflict(PublishConflict):
    """What the branch did to some tables cannot be done again on `main` as it is now."""

    def __init__(
        self, branch: str, tables: Sequence[TableName], ours: str, theirs: str, reason: str, advice: str = ""
    ) -> None:
        choice = (
            f"Say whose state of each table stays: `lagoa rebase {branch} --ours {tables[0] if tables else 'TABLE'}` "
            "that of the branch, `--theirs` that of main."
        )
        LagoaError.__init__(
            self,
            f"{branch!r} ({ours[:12]}) cannot be rebased on main ({theirs[:12]}): {reason}",
            f"main and the branch are unchanged. {advice or choice}",
        )
        self._is_between(branch, tables, ours, theirs)


class RevertConflict(PublishConflict):
    """What was published after a publication cannot be done again without it."""

    def __init__(self, branch: str, tables: Sequence[TableName], ours: str, theirs: str, reason: str) -> None:
        LagoaError.__init__(
            self,
            f"Publication {theirs[:12]} cannot be undone alone on main ({ours[:12]}): {reason}",
            f"main is unchanged. `lagoa table restore {' '.join(map(str, tables))} --from main@{theirs[:12]}~1` brings "
            "these tables to before it; `lagoa rollback` takes back all that came later, too.",
        )
        self._is_between(branch, tables, ours, theirs)


def _short(fingerprint: str) -> str:
    return fingerprint.rpartition(":")[2][:12]


class FeatureError(TerminalError):
    """A feature, a feature view or an entity that there is not or that does not fit, or rows of entities."""

    def __init__(self, what: str, reason: str, advice: str) -> None:
        super().__init__(f"{what}: {reason}{'' if reason.endswith('?') else '.'}", advice)
        self.what = what
        self.reason = reason


class TrainingError(TerminalError):
    """A model that cannot be trained as its files say, or a model or run that there is not."""

    def __init__(self, what: str, reason: str, advice: str) -> None:
        super().__init__(f"{what}: {reason}" + ("" if reason.endswith("?") else "."), advice)
        self.what = what
        self.reason = reason


class RowRefused(TerminalError):
    """A row that a model cannot be asked for: a field is missing, unknown, or of another type."""

    def __init__(self, model: str, faults: Sequence[str]) -> None:
        super().__init__(
            f"{model} cannot be asked for this: {'; '.join(faults)}.",
            "Correct the fields: docs/ml.md says which there are.",
        )
        self.model = model
        self.faults = tuple(faults)


class TrainingSetGone(TerminalError):
    """The commit that a run learned from cannot be read any more."""

    def __init__(self, run: str, commit: str, reason: str, left: str) -> None:
        super().__init__(
            f"The run {run} learned from the commit {commit[:12]}, which is gone: {reason}.",
            f"It cannot be repeated. What is left of it: {left}",
        )
        self.run = run
        self.commit = commit
        self.reason = reason
        self.left = left


class PromotionRefused(TerminalError):
    """A version of a model does not pass the gate."""

    def __init__(self, model: str, run: str, reasons: Sequence[str]) -> None:
        super().__init__(
            f"{model} ({run}) cannot be promoted: {'; '.join(reasons)}.",
            f"The champion stays. Look at `lagoa ml compare {model}`, change the model or the data, and train again.",
        )
        self.model = model
        self.run = run
        self.reasons = tuple(reasons)
