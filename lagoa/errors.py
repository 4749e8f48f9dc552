"""Every error that Lagoa raises, in one tree.

```
LagoaError
├── TransientError              the same call may succeed when it is tried again
│   ├── CommitLost              the branch moved on and a table of this commit with it
│   ├── CatalogBusy             the catalog is locked or does not answer in time
│   ├── StorageUnavailable      the object store does not answer
│   ├── SignInUnavailable       the server that gives out sign-ins does not answer
│   ├── SecretsUnavailable      the server that keeps the secrets does not answer, or is sealed
│   └── PublishContended        `main` kept moving during every try to publish
└── TerminalError               trying again changes nothing: act first
    ├── SignInFailed            a server does not know who asks
    ├── NotAllowed              a server knows who asks, and refuses
    ├── SecretNotFound          there is no secret of this name
    ├── SettingsError           lagoa.toml or a LAGOA_* variable
    ├── LakeNotFound, LakeExists, LakeTooNew, CatalogDamaged
    ├── PartMissing             an optional package is not installed
    ├── PublisherFailed         the publisher's own step ended without an answer
    ├── StackError              a server of the stack cannot be had, or does not start
    ├── InvalidName             a branch, tag or table name outside the grammar
    ├── RefNotFound, RefExists, RefProtected
    ├── NotASuccessor           a commit that cannot follow the head of a branch
    ├── TableNotFound
    ├── OutsideWarehouse        a file in an object store that is not the lake's own
    ├── TableUnreadable         a table of another writer that would not be read rightly
    ├── SourceError             a file that cannot be read as the contract says
    ├── BatchChanged            a batch id that came before with another content
    ├── BatchHeld               a batch that was rolled back and held
    ├── WriteError              rows that the table cannot hold
    ├── QueryError              SQL that is refused or fails
    ├── ContractError           a data contract (file and line)
    ├── ModelError              a SQL model (file and line)
    ├── CheckError              a check file (file and line)
    ├── ModelTestError          a test of a model (file and line)
    ├── AuditNotFound           no audit was kept of a ref or commit
    ├── AuditFailed             a check failed or was not evaluated
    ├── NothingToPublish        main has all that the branch holds
    └── PublishConflict         somebody else published a change to the same tables
```

An error carries the fields that identify what failed, and its text ends with what to do next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lagoa.domain.checks import AuditReport
    from lagoa.domain.tables import TableName


class LagoaError(Exception):
    """The root: whatever Lagoa raises on purpose."""

    def __init__(self, message: str, advice: str = "") -> None:
        """Say what failed (`message`) and what to do next (`advice`)."""
        super().__init__(f"{message} {advice}".strip())
        self.message = message
        self.advice = advice


class TransientError(LagoaError):
    """The same call may succeed when it is tried again."""


class TerminalError(LagoaError):
    """Trying again changes nothing: something must be done first."""


class CommitLost(TransientError):
    """Another writer moved the branch, and changed a table that this commit changes."""

    def __init__(self, ref: str, expected: str, actual: str, tables: Sequence[TableName] = ()) -> None:
        what = f" in {', '.join(map(str, tables))}" if tables else ""
        super().__init__(
            f"{ref!r} was expected at {expected[:12]} and is at {actual[:12]}: another writer came first{what}.",
            "Nothing was written. Read the branch again and repeat the write.",
        )
        self.ref = ref
        self.expected = expected
        self.actual = actual
        self.tables = tuple(tables)


class CatalogBusy(TransientError):
    """The catalog is locked by others for longer than the time limit."""


class StorageUnavailable(TransientError):
    """The object store of the tables' files does not answer, or broke off."""

    def __init__(self, place: str, reason: str = "it does not answer") -> None:
        super().__init__(
            f"The object store{f' at {place}' if place else ''}: {reason}.",
            "Nothing of this was committed. See whether it runs (`lagoa stack status`), then try again.",
        )
        self.place = place
        self.reason = reason


class SecretsUnavailable(TransientError):
    """The server that keeps the secrets does not answer, or is sealed."""

    def __init__(self, server: str, reason: str = "it does not answer") -> None:
        super().__init__(
            f"{server}: {reason}.",
            "See whether it runs and is unsealed (`lagoa stack status`; `lagoa stack up` unseals it), then try again.",
        )
        self.server = server
        self.reason = reason


class SignInUnavailable(TransientError):
    """The server that says who somebody is (OpenID Connect) does not answer."""

    def __init__(self, server: str, reason: str) -> None:
        super().__init__(
            f"The sign-in server {server} gives out no token: {reason}.",
            "See whether it runs (`lagoa stack status`), then try again.",
        )
        self.server = server
        self.reason = reason


class PublishContended(TransientError):
    """`main` moved during every one of the tries to publish."""

    def __init__(self, branch: str, tries: int) -> None:
        super().__init__(
            f"{branch!r} was not published: main moved during each of {tries} tries.",
            "The branch is as it was; publish it again when fewer runs end at the same time.",
        )
        self.branch = branch
        self.tries = tries


class SignInFailed(TerminalError):
    """A server does not know who asks: no credential, a wrong one, or one that ran out."""

    def __init__(self, server: str, reason: str = "", advice: str = "") -> None:
        super().__init__(
            f"{reason or f'{server} does not accept the sign-in'}.", advice or "Check the credentials of the profile."
        )
        self.server = server


class NotAllowed(TerminalError):
    """A server knows who asks, and does not let them do this."""

    def __init__(self, server: str, reason: str, role: str = "", advice: str = "") -> None:
        super().__init__(
            f"{server} does not let {f'the role {role!r}' if role else 'you'} do this: {reason}",
            advice or "Ask for the role that may, or let it be done there.",
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


class StackError(TerminalError):
    """A server of the stack cannot be fetched, built or started."""

    def __init__(self, server: str, message: str, advice: str = "") -> None:
        super().__init__(f"{server}: {message}", advice)
        self.server = server


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
    """The publisher's own step ended without an answer."""

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(
            f"The publisher's step for {what!r} {reason}",
            "main is either as it was or wholly moved: `lagoa log` tells. Publishing again does no harm.",
        )
        self.what = what
        self.reason = reason


class LakeNotFound(TerminalError):
    """There is no lake in this folder or above it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"There is no lake in {folder} or in a folder above it (no lagoa.toml).",
            "Make one with `lagoa init NAME`, or go to its folder.",
        )
        self.folder = folder


class LakeExists(TerminalError):
    """A lake is there already."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"{folder} holds a lake already.", "Choose another folder.")
        self.folder = folder


class LakeTooNew(TerminalError):
    """The lake was written by a newer Lagoa."""

    def __init__(self, path: Path | str, found: int, known: int) -> None:
        super().__init__(
            f"{path} has format {found}; this Lagoa knows formats up to {known}.",
            "Upgrade Lagoa: `pip install --upgrade lagoa`.",
        )
        self.path = path
        self.found = found
        self.known = known


class CatalogDamaged(TerminalError):
    """The catalog's file is not a catalog, or is damaged."""


class InvalidName(TerminalError):
    """A name of a branch, tag, table, column or secret that is outside the grammar."""

    def __init__(self, kind: str, name: str, rule: str) -> None:
        shown = name if len(name) <= 80 else f"{name[:80]}… ({len(name)} characters)"  # noqa: PLR2004 - one line
        super().__init__(f"{shown!r} is no {kind} name.", f"It takes {rule}.")
        self.kind = kind
        self.name = name


class RefNotFound(TerminalError):
    """No branch, tag or commit answers to this ref."""

    def __init__(self, ref: str, reason: str = "there is no such branch or tag") -> None:
        super().__init__(f"{ref!r} was not found: {reason}.", "`lagoa branch list` and `lagoa log` show what is there.")
        self.ref = ref


class RefExists(TerminalError):
    """A branch or tag of this name is there already."""

    def __init__(self, ref: str) -> None:
        super().__init__(f"A branch or tag {ref!r} is there already.", "Choose another name, or delete it first.")
        self.ref = ref


class RefProtected(TerminalError):
    """A write to `main`, a tag or a commit."""

    def __init__(self, ref: str) -> None:
        super().__init__(f"{ref!r} takes no writes.", "Write to a branch (`lagoa branch create`) and publish it.")
        self.ref = ref


class NotASuccessor(TerminalError):
    """A branch was to be moved to a commit that was not made on top of its head."""

    def __init__(self, branch: str, expected: str, to: str) -> None:
        super().__init__(
            f"{branch!r} cannot move from {expected[:12]} to {to[:12]}: that commit's first parent is another.",
            "Nothing was moved. Make the commit on top of the head and move to it.",
        )
        self.branch = branch
        self.expected = expected
        self.to = to


class TableNotFound(TerminalError):
    """The table is not there at this ref."""

    def __init__(self, table: TableName, ref: str) -> None:
        super().__init__(f"There is no table {table} at {ref!r}.", "`lagoa tables` lists the tables of a ref.")
        self.table = table
        self.ref = ref


class OutsideWarehouse(TerminalError):
    """A table's file lies in an object store that is not the lake's own."""

    def __init__(self, location: str) -> None:
        super().__init__(
            f"{location} lies outside of the lake's warehouse, in a store that the lake has no keys for.",
            "Write the table again within the warehouse, or take it off the branch. "
            "If the warehouse was copied from there, set `warehouse_home` in lagoa.toml to where it was.",
        )
        self.location = location


class TableUnreadable(TerminalError):
    """A table holds what Lagoa's engines do not read rightly; another engine wrote it."""

    def __init__(self, table: TableName, message: str, advice: str) -> None:
        super().__init__(f"{table}: {message}", advice)
        self.table = table


class SourceError(TerminalError):
    """A source file is missing, unreadable, or not of the form that the contract gives."""

    def __init__(self, source: str, message: str, advice: str = "") -> None:
        super().__init__(f"{source}: {message}", advice)
        self.source = source


class BatchChanged(TerminalError):
    """A batch came again under the same id with another content."""

    def __init__(self, table: TableName, batch: str, known: str, found: str) -> None:
        super().__init__(
            f"Batch {batch!r} of {table} was loaded before with another content "
            f"(fingerprint {_short(known)}, now {_short(found)}).",
            "Nothing was written. Load the new content under a batch id of its own, or roll the first one back.",
        )
        self.table = table
        self.batch = batch
        self.known = known
        self.found = found


class BatchHeld(TerminalError):
    """A batch comes again that was rolled back and held (`lagoa rollback --hold`)."""

    def __init__(self, table: TableName, batch: str) -> None:
        super().__init__(
            f"Batch {batch!r} of {table} was rolled back and is held: this very content is refused.",
            "Nothing was written. Load mended content (under this id or another), or bring the state that held the "
            "batch back by `lagoa rollback`.",
        )
        self.table = table
        self.batch = batch


class WriteError(TerminalError):
    """Rows that the table cannot hold: a null in a required column, a missing column, an overflow."""

    def __init__(self, table: TableName, message: str, advice: str = "") -> None:
        super().__init__(f"{table}: {message}", advice)
        self.table = table


class QueryError(TerminalError):
    """SQL that is refused (anything but one SELECT over tables of the ref) or that fails."""


class FileError(TerminalError):
    """An error at a place in one of the lake's own files."""

    def __init__(self, file: Path | str, line: int | None, message: str, advice: str = "") -> None:
        place = f"{file}:{line}" if line else str(file)
        super().__init__(f"{place}: {message}", advice)
        self.file = str(file)
        self.line = line


class ContractError(FileError):
    """A data contract that cannot be used."""


class ModelError(FileError):
    """A SQL model that cannot be used."""


class CheckError(FileError):
    """A check file that cannot be used."""


class ModelTestError(FileError):
    """A test of a model that cannot be used."""


class AuditNotFound(TerminalError):
    """No audit was kept of this ref, commit or receipt."""

    def __init__(self, what: str) -> None:
        advice = f"`lagoa audit run {what}` runs the checks there; `lagoa log` shows the publications, which have one."
        super().__init__(f"No audit of {what!r} was kept.", advice)
        self.what = what


class AuditFailed(TerminalError):
    """A check failed, was not evaluated, or is missing; `report` has every result."""

    def __init__(self, report: AuditReport) -> None:
        bad = report.blocking
        listed = "; ".join(result.summary for result in bad[:5])
        more = f"; and {len(bad) - 5} more" if len(bad) > 5 else ""  # noqa: PLR2004 - five lines are read
        super().__init__(
            f"{len(bad)} of {len(report.results)} checks block {report.ref}: {listed}{more}.",
            f"main is as it was. `lagoa audit show {report.ref} --rows` shows them; mend the data on the branch and "
            "publish again.",
        )
        self.report = report


class NothingToPublish(TerminalError):
    """`main` has all that the branch holds."""

    def __init__(self, branch: str) -> None:
        super().__init__(f"{branch!r} holds nothing that main does not have.", "Write to it first.")
        self.branch = branch


class PublishConflict(TerminalError):
    """`main` has, since the branch was made, changed tables that the branch changes or was built from."""

    def __init__(
        self, branch: str, tables: Sequence[TableName], ours: str, theirs: str, reason: str, advice: str = ""
    ) -> None:
        super().__init__(
            f"{branch!r} ({ours[:12]}) cannot be published over main ({theirs[:12]}): {reason} "
            f"{', '.join(map(str, tables))}.",
            f"main is as it was. {advice or 'Make a new branch from main and run the work again there.'}",
        )
        self.branch = branch
        self.tables = tuple(tables)
        self.ours = ours
        self.theirs = theirs


def _short(fingerprint: str) -> str:
    return fingerprint.rpartition(":")[2][:12]
