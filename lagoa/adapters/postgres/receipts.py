"""Receipts and results of checks in a PostgreSQL database, for lakes that several machines share.

`lagoa.adapters.postgres.tables` makes the tables, the logins of the roles, and the rules of who may do what.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal

from lagoa.adapters.postgres.lazy import LazySession, Login, login_of
from lagoa.adapters.shared.receipt_documents import (
    MAX_RESULTS,
    first_digits,
    read_approval,
    read_receipt,
    read_result,
    write_approval,
    write_each,
    write_receipt,
)
from lagoa.adapters.shared.receipt_parts import Parts, hash_of, new_parts
from lagoa.domain.credentials import drawn_password, secret_or_drawn
from lagoa.domain.roles import PUBLISHER
from lagoa.domain.saved import SavedRecord
from lagoa.errors import CatalogDamaged

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from pydantic import SecretStr

    from lagoa.adapters.postgres.session import Connection, PostgresSession
    from lagoa.domain.approvals import Approval
    from lagoa.domain.checks import CheckResult
    from lagoa.domain.ports.secrets import Secrets
    from lagoa.domain.receipts import Receipt

FORMAT = 2
"""Of the tables of receipts: since 2 receipts consist of parts."""

_AT_ONCE = 500
"""Parts that are brought back in one statement."""

_END = SavedRecord("receipt", "")
"""Stands behind the last of the records that are brought back."""

PASSWORD = "receipts-password"  # noqa: S105 - the name of the secret


def receipts_password(secrets: Callable[[], Secrets], stack: Path, role: str) -> SecretStr:
    """Return the password of a role's login; see `secret_or_drawn`."""
    return secret_or_drawn(secrets, PASSWORD, stack, drawn_password(role))


class PostgresReceipts:
    """The receipt store of a lake that several machines share; connected at its first use.

    All read all receipts. Each login writes receipts of its own, which can exist beside those of another login but not
    replace them; results of checks are found by the login that kept them alone.

    Args:
        login: of the role, and where.

    Attributes:
        parts: reads the results that receipts name.
    """

    def __init__(self, login: Login) -> None:
        self._login = login
        self._lazy = LazySession(login, "lagoa", FORMAT, 'receipts = "postgres"')
        self.parts = Parts(self._part_documents)

    @property
    def _session(self) -> PostgresSession:
        return self._lazy.get()

    def _rows(self, sql: Any, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._session.run(lambda connection: connection.execute(sql, parameters).fetchall())

    def prepare(self, receipt: Receipt, on: str | None = None) -> None:
        """Keep a receipt before `main` moves from the commit `on`, whose receipt is settled by that."""
        results = receipt.report.by_table
        self._put(receipt, write_receipt(receipt), on, new_parts(results, self._known_parts))
        self.parts.keep(results)

    def _put(
        self, receipt: Receipt, document: str, on: str | None = None, parts: Mapping[str, str] | None = None
    ) -> None:
        sql = """
            insert into lagoa.receipts (id, commit_id, prepared_at, branch, document) values (%s, %s, %s, %s, %s)
            on conflict (id, kept_by) do update set
                commit_id = excluded.commit_id, prepared_at = excluded.prepared_at, settled = false,
                branch = excluded.branch, document = excluded.document
        """
        row = (receipt.id, receipt.commit, receipt.prepared_at, receipt.branch, document)

        def keep(connection: Connection) -> None:
            with connection.transaction():
                if parts:
                    _insert_parts(connection, parts)
                connection.execute(sql, row)
                if on is not None:
                    settle = "update lagoa.receipts set settled = true where commit_id = %s and not settled"
                    connection.execute(settle, (on,))

        self._session.run(keep)

    def get(self, receipt: str) -> Receipt | None:
        """Return a receipt by its id, or by the first digits of it where they are those of one alone."""
        return self._of_prefix("id", receipt)

    def of_commit(self, commit: str) -> Receipt | None:
        """Return the newest receipt of an audited commit, the publisher's first; its first digits do as in `get`."""
        return self._of_prefix("commit_id", commit)

    def audited(self, commit: str) -> Receipt | None:
        """Return the newest receipt of a commit that the publisher keeps, or else this login."""
        sql = """
            select document from lagoa.receipts where commit_id = %s and kept_by in (current_user, %s)
            order by kept_by = %s desc, prepared_at desc limit 1
        """
        publisher = login_of(PUBLISHER)
        rows = self._rows(sql, (commit, publisher, publisher))
        return read_receipt(rows[0][0], self.parts) if rows else None

    def of_branch(self, branch: str) -> Receipt | None:
        """Return the newest receipt of a branch, by its name."""
        sql = "select document from lagoa.receipts where branch = %s order by prepared_at desc limit 1"
        rows = self._rows(sql, (branch,))
        return read_receipt(rows[0][0], self.parts) if rows else None

    def newest(self) -> Iterator[Receipt]:
        """Yield all receipts, newest first."""
        for key in self._rows("select id, kept_by from lagoa.receipts order by prepared_at desc, id"):
            for (document,) in self._rows("select document from lagoa.receipts where id = %s and kept_by = %s", key):
                yield read_receipt(document, self.parts)  # none where it was pruned meanwhile

    def _of_prefix(self, column: Literal["id", "commit_id"], prefix: str) -> Receipt | None:
        # The publisher's first: they are what publications are proven by.
        sql = f"""
            with found as (
                select distinct {column} as whole from lagoa.receipts where {column} >= %s and {column} < %s limit 2
            )
            select document from lagoa.receipts
            where {column} = (select whole from found limit 1) and (select count(*) from found) = 1
            order by kept_by = %s desc, prepared_at desc limit 1
        """  # noqa: S608 - the name of a column
        rows = self._rows(sql, (*first_digits(prefix), login_of(PUBLISHER)))
        return read_receipt(rows[0][0], self.parts) if rows else None

    def _known_parts(self, digests: Collection[str]) -> set[str]:
        """Return which of some parts this login or the publisher keeps."""
        sql = "select digest from lagoa.parts where digest = any(%s) and kept_by in (current_user, %s)"
        return {digest for (digest,) in self._rows(sql, (list(digests), login_of(PUBLISHER)))}

    def _part_documents(self, digests: Collection[str]) -> Mapping[str, str]:
        """Return the documents of parts by their digests, whoever keeps them: a part is what its hash says."""
        rows = self._rows("select digest, document from lagoa.parts where digest = any(%s)", (list(digests),))
        found = {digest: document for digest, document in rows if hash_of(document) == digest}
        missing = [digest for digest in digests if digest not in found]
        if missing:
            message = f"{self._login.place}: a receipt there is damaged: its part {missing[0][:12]} is missing."
            raise CatalogDamaged(message, "Restore the receipts from a backup: `lagoa backup restore FROM --missing`.")
        return found

    def results(self, keys: Sequence[str]) -> Mapping[str, CheckResult]:
        """Return the earlier results of these keys that the same login kept."""
        rows = self._rows("select key, document from lagoa.results where key = any(%s)", (list(keys),))
        return {key: read_result(document) for key, document in rows}

    def remember(self, results: Sequence[CheckResult]) -> None:
        """Keep results for use by later audits of the same login; at most the newest `MAX_RESULTS` stay."""
        documents = write_each(results)
        if not documents:
            return
        keys = sorted(documents)  # in one order, so that two who keep the same do not wait for each other in turn

        def keep(connection: Connection) -> None:
            with connection.transaction():
                connection.execute(
                    "insert into lagoa.results (key, document) select * from unnest(%s::text[], %s::text[]) "
                    "on conflict (kept_by, key) do update set number = default, document = excluded.document",
                    (keys, [documents[key] for key in keys]),
                )
                # By numbers, which all logins share, as counting takes long where there are many.
                connection.execute(
                    "delete from lagoa.results where number <= (select max(number) from lagoa.results) - %s",
                    (MAX_RESULTS,),
                )

        self._session.run(keep)

    def approve(self, approval: Approval) -> None:
        """Keep an approval, with the login that does."""
        sql = "insert into lagoa.approvals (commit_id, document) values (%s, %s)"
        row = (approval.commit, write_approval(approval))
        self._session.run(lambda connection: connection.execute(sql, row))

    def approvals(self, commit: str) -> Sequence[Approval]:
        """Return the approvals of a commit. Those that another login than the publisher's kept are not enforced."""
        sql = "select kept_by::text, document from lagoa.approvals where commit_id = %s order by number"
        found = [(login, read_approval(document)) for login, document in self._rows(sql, (commit,))]
        publisher = login_of(PUBLISHER)
        return [replace(each, enforced=each.enforced and login == publisher) for login, each in found]

    def prune(self, before: datetime, published: Callable[[str], bool]) -> int:
        """Drop receipts prepared before a moment whose commit was not published; return how many.

        The publisher drops everybody's, any other login its own.
        """
        # `for update` leaves out the rows that this login may not change.
        sql = (
            "select id, kept_by::text, commit_id from lagoa.receipts where not settled and prepared_at < %s for update"
        )
        old = self._rows(sql, (before,))
        kept = [(receipt, login) for receipt, login, commit in old if published(commit)]
        gone = [(receipt, login) for receipt, login, _ in old if (receipt, login) not in kept]
        # Fixed text, whose parameters are bound.
        those = "where (id, kept_by) in (select * from unnest(%s::text[], %s::name[]))"

        def settle(connection: Connection) -> None:
            with connection.transaction():
                connection.execute(f"update lagoa.receipts set settled = true {those}", _columns(kept))  # noqa: S608
                connection.execute(
                    f"delete from lagoa.receipts {those} and prepared_at < %s",  # noqa: S608
                    (*_columns(gone), before),
                )

        if old:
            self._session.run(settle)
        return len(gone)

    def saved(self) -> Iterator[SavedRecord]:
        """Yield every receipt and approval of one time with the login that keeps it, and parts of receipts before."""
        parts = "select document, kept_by::text from lagoa.parts order by number"
        receipts = "select document, kept_by::text from lagoa.receipts order by prepared_at, id"
        approvals = "select document, kept_by::text from lagoa.approvals order by number"
        with self._session.one_state() as db:
            queries: tuple[tuple[Literal["receipt", "part", "approval"], Any], ...]
            queries = ("part", parts), ("receipt", receipts), ("approval", approvals)
            for kind, query in queries:
                with db.cursor(name=kind) as cursor:
                    cursor.execute(query)
                    for document, login in cursor:
                        yield SavedRecord(kind, document, login)

    def bring_back(self, records: Iterable[SavedRecord]) -> int:
        """Add records that are not there; return how many another login wrote, which are left out.

        A receipt proves a publication by who keeps it: nobody's may come back as the publisher's.
        """
        left_out, parts = 0, dict[str, str]()
        for each in chain(records, [_END]):
            if parts and (each.kind != "part" or len(parts) == _AT_ONCE):
                self._session.run(partial(_insert_parts, parts=parts))
                parts = {}
            if each is _END:
                break
            if each.kept_by not in {"", self._login.name}:
                left_out += each.kind != "part"
            elif each.kind == "part":
                parts[hash_of(each.document)] = each.document
            elif each.kind == "receipt":
                self._put(read_receipt(each.document, self.parts), each.document)
            else:
                # Of a lake in files, where nobody has proven who approved.
                approval = read_approval(each.document)
                self._approve_once(approval if each.kept_by else replace(approval, enforced=False))
        return left_out

    def _approve_once(self, approval: Approval) -> None:
        row = (approval.commit, write_approval(approval))
        if not self._rows("select 1 from lagoa.approvals where commit_id = %s and document = %s", row):
            self.approve(approval)

    def close(self) -> None:
        """Close the connection."""
        self._lazy.close()


def _insert_parts(connection: Connection, parts: Mapping[str, str]) -> None:
    connection.execute(
        "insert into lagoa.parts (digest, document) select * from unnest(%s::text[], %s::text[]) "
        "on conflict do nothing",
        (sorted(parts), [parts[digest] for digest in sorted(parts)]),  # all in one order: they wait for each other
    )


def _columns(rows: Sequence[tuple[str, str]]) -> tuple[list[str], list[str]]:
    return [first for first, _ in rows], [second for _, second in rows]
