"""The database of receipts: its tables, a login for each role, and who may do what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from psycopg import sql

from lagoa.adapters.postgres.receipts import FORMAT, login_of
from lagoa.domain.roles import PUBLISHER, Role
from lagoa.errors import LakeTooNew

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg import Connection
    from pydantic import SecretStr

ROLES: tuple[Role, ...] = get_args(Role)

_VERSION = """
create schema if not exists lagoa;
create table if not exists lagoa.format (version integer not null);
"""

# Bytes are compared, not letters of a language: first digits are looked up by their range.
_TABLES = """
create table if not exists lagoa.receipts (
    id text collate "C" not null,
    kept_by name not null default current_user,
    commit_id text collate "C" not null,
    prepared_at timestamptz not null,
    settled boolean not null default false,
    branch text not null,
    document text not null,
    primary key (id, kept_by)
);
create index if not exists receipts_commit on lagoa.receipts (commit_id);
create index if not exists receipts_branch on lagoa.receipts (branch, prepared_at);
create index if not exists receipts_prepared on lagoa.receipts (prepared_at);
create index if not exists receipts_unsettled on lagoa.receipts (prepared_at) where not settled;
create table if not exists lagoa.results (
    kept_by name not null default current_user,
    key text collate "C" not null,
    number bigint not null generated always as identity,
    document text not null,
    primary key (kept_by, key)
);
create index if not exists results_number on lagoa.results (kept_by, number);
"""

# A receipt proves a publication to whoever reads it, and a result saves a check: nobody may write in another's name,
# and nobody's result may pass for one that the publisher found itself.
_RULES = """
revoke all on schema lagoa from public;
revoke all on all tables in schema lagoa from public, {everybody};
grant usage on schema lagoa to {everybody};
grant select on lagoa.format, lagoa.receipts to {everybody};
grant insert, update, delete on lagoa.receipts to {writers};
grant select, insert, update, delete on lagoa.results to {writers};
alter table lagoa.receipts enable row level security;
drop policy if exists read on lagoa.receipts;
create policy read on lagoa.receipts for select using (true);
drop policy if exists own on lagoa.receipts;
create policy own on lagoa.receipts using (kept_by = current_user) with check (kept_by = current_user);
drop policy if exists settle on lagoa.receipts;
create policy settle on lagoa.receipts for update to {publisher} using (true) with check (true);
drop policy if exists prune on lagoa.receipts;
create policy prune on lagoa.receipts for delete to {publisher} using (true);
alter table lagoa.results enable row level security;
drop policy if exists own on lagoa.results;
create policy own on lagoa.results using (kept_by = current_user) with check (kept_by = current_user);
"""


def prepare(connection: Connection[Any], passwords: Mapping[str, SecretStr]) -> None:
    """Make the tables, logins and rules that are missing, and update the others to the definitions above.

    Args:
        connection: to the database of receipts, of a user who may make logins and tables there.
        passwords: of each role's login, by role.

    Raises:
        LakeTooNew: a newer Lagoa made the tables.
        psycopg.Error: the server refuses.
    """
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(hashtext('lagoa.receipts'))")
        connection.execute(_VERSION)
        row = connection.execute("select version from lagoa.format").fetchone()
        if row is None:
            connection.execute("insert into lagoa.format values (%s)", (FORMAT,))
        elif row[0] > FORMAT:
            raise LakeTooNew(f"the database {connection.info.dbname}", row[0], FORMAT)
        connection.execute(_TABLES)
        _make_logins(connection, passwords)
        connection.execute(_rules(connection))


def _make_logins(connection: Connection[Any], passwords: Mapping[str, SecretStr]) -> None:
    for role in ROLES:
        login = login_of(role)
        known = connection.execute("select 1 from pg_roles where rolname = %s", (login,)).fetchone()
        verb = sql.SQL("alter" if known else "create")
        # Hashed here: no password is sent, so none is in the server's log.
        hashed = connection.pgconn.encrypt_password(
            passwords[role].get_secret_value().encode(), login.encode(), b"scram-sha-256"
        ).decode()
        connection.execute(
            sql.SQL(
                "{} role {} with login nosuperuser nocreatedb nocreaterole noreplication nobypassrls password {}"
            ).format(verb, sql.Identifier(login), sql.Literal(hashed))
        )


def _rules(connection: Connection[Any]) -> sql.Composed:
    def logins(*roles: str) -> sql.Composed:
        return sql.SQL(", ").join(sql.Identifier(login_of(role)) for role in roles)

    database = sql.Identifier(connection.info.dbname)
    connect = sql.SQL("revoke all on database {0} from public; grant connect on database {0} to {1};")
    rules = sql.SQL(_RULES).format(
        everybody=logins(*ROLES), writers=logins("ingest", "engineer", "publisher"), publisher=logins(PUBLISHER)
    )
    return connect.format(database, logins(*ROLES)) + rules
