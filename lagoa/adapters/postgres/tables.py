"""The database of receipts, online features and trained models: its tables, a login a role, and who may do what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from psycopg import sql

from lagoa.adapters.postgres.lazy import login_of
from lagoa.adapters.postgres.online import FEATURES
from lagoa.adapters.postgres.receipts import FORMAT
from lagoa.adapters.postgres.training import FORMAT as TRAINING_FORMAT
from lagoa.adapters.postgres.training import TRAINING
from lagoa.adapters.shared.online_states import FORMAT as FEATURES_FORMAT
from lagoa.domain.roles import PUBLISHER, Role
from lagoa.errors import LakeTooNew

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg import Connection
    from pydantic import SecretStr

ROLES: tuple[Role, ...] = get_args(Role)

_VERSION = """
create schema if not exists {schema};
create table if not exists {schema}.format (version integer not null);
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
create table if not exists lagoa.parts (
    kept_by name not null default current_user,
    digest text collate "C" not null,
    number bigint not null generated always as identity,
    document text not null,
    primary key (digest, kept_by)
);
create table if not exists lagoa.approvals (
    number bigint primary key generated always as identity,
    kept_by name not null default current_user,
    commit_id text collate "C" not null,
    document text not null
);
create index if not exists approvals_commit on lagoa.approvals (commit_id);
create table if not exists lagoa.results (
    kept_by name not null default current_user,
    key text collate "C" not null,
    number bigint not null generated always as identity,
    document text not null,
    primary key (kept_by, key)
);
create index if not exists results_number on lagoa.results (kept_by, number);
"""

_ONLINE_TABLES = """
create table if not exists lagoa_features.applied (
    id integer primary key check (id = 1), registry bytea not null, definitions text not null
);
create table if not exists lagoa_features.states (
    number bigint primary key, commit_id text not null, at text not null, views text not null
);
"""

_TRAINING_TABLES = """
create table if not exists lagoa_training.runs (
    number bigint primary key generated always as identity,
    kept_by name not null default current_user,
    id text collate "C" not null unique,
    model text collate "C" not null,
    document text not null
);
create index if not exists runs_of on lagoa_training.runs (model, number);
create table if not exists lagoa_training.promotions (
    model text collate "C" not null,
    number bigint not null,
    kept_by name not null default current_user,
    document text not null,
    primary key (model, number)
);
"""

# A receipt proves a publication to whoever reads it, and a result saves a check: nobody may write in another's name,
# and nobody's result may pass for one that the publisher found itself. Parts of receipts are known by their hash, and
# only added. Approvals are only added to, and the server
# keeps whose login did it: where people sign in, those of the publisher's alone count.
_RULES = """
revoke all on schema lagoa from public;
revoke all on all tables in schema lagoa from public, {everybody};
grant usage on schema lagoa to {everybody};
grant select on lagoa.format, lagoa.receipts, lagoa.parts, lagoa.approvals to {everybody};
grant insert (digest, document) on lagoa.parts to {writers};
grant insert (commit_id, document) on lagoa.approvals to {definers};
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

# Whoever loads or publishes puts features online; what features are is said by those who make models.
_ONLINE_RULES = """
revoke all on schema lagoa_features from public, {everybody};
revoke all on lagoa_features.format, lagoa_features.applied, lagoa_features.states from public, {everybody};
grant usage on schema lagoa_features to {everybody};
grant select on lagoa_features.format, lagoa_features.applied, lagoa_features.states to {everybody};
grant insert, update on lagoa_features.applied to {definers};
grant insert, delete on lagoa_features.states to {writers};
grant usage, create on schema lagoa_features to lagoa_features;
revoke lagoa_features from {everybody};
grant lagoa_features to {writers};
"""

# What a run learned from and how it became champion is only added to, and the server keeps whose login did it.
_TRAINING_RULES = """
revoke all on schema lagoa_training from public, {everybody};
revoke all on all tables in schema lagoa_training from public, {everybody};
grant usage on schema lagoa_training to {everybody};
grant select on all tables in schema lagoa_training to {everybody};
grant insert (id, model, document) on lagoa_training.runs to {definers};
grant insert (model, number, document) on lagoa_training.promotions to {definers};
"""


def prepare(connection: Connection[Any], passwords: Mapping[str, SecretStr]) -> None:
    """Make the tables, logins and rules that are missing, and update the others to the definitions above.

    Args:
        connection: to the database, of a user who may make logins and tables there.
        passwords: of each role's login, by role.

    Raises:
        LakeTooNew: a newer Lagoa made the tables.
        psycopg.Error: the server refuses.
    """
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(hashtext('lagoa.receipts'))")
        for schema, known in (("lagoa", FORMAT), (FEATURES, FEATURES_FORMAT), (TRAINING, TRAINING_FORMAT)):
            _check_version(connection, sql.Identifier(schema), known)
        connection.execute(_TABLES)
        connection.execute(_ONLINE_TABLES)
        connection.execute(_TRAINING_TABLES)
        _make_logins(connection, passwords)
        connection.execute(_rules(connection))


def _check_version(connection: Connection[Any], schema: sql.Identifier, known: int) -> None:
    connection.execute(sql.SQL(_VERSION).format(schema=schema))
    row = connection.execute(sql.SQL("select version from {}.format").format(schema)).fetchone()
    if row is None:
        connection.execute(sql.SQL("insert into {}.format values (%s)").format(schema), (known,))
    elif row[0] > known:
        raise LakeTooNew(f"the database {connection.info.dbname}", row[0], known)
    elif row[0] < known:
        connection.execute(sql.SQL("update {}.format set version = %s").format(schema), (known,))


def _make_logins(connection: Connection[Any], passwords: Mapping[str, SecretStr]) -> None:
    for role in ROLES:
        login = login_of(role)
        verb = sql.SQL("alter" if _known(connection, login) else "create")
        # Hashed here: no password is sent, so none is in the server's log.
        hashed = connection.pgconn.encrypt_password(
            passwords[role].get_secret_value().encode(), login.encode(), b"scram-sha-256"
        ).decode()
        connection.execute(
            sql.SQL(
                "{} role {} with login nosuperuser nocreatedb nocreaterole noreplication nobypassrls password {}"
            ).format(verb, sql.Identifier(login), sql.Literal(hashed))
        )
    if not _known(connection, FEATURES):
        connection.execute(sql.SQL("create role {} with nologin").format(sql.Identifier(FEATURES)))


def _known(connection: Connection[Any], role: str) -> bool:
    return connection.execute("select 1 from pg_roles where rolname = %s", (role,)).fetchone() is not None


def _rules(connection: Connection[Any]) -> sql.Composed:
    def logins(*roles: str) -> sql.Composed:
        return sql.SQL(", ").join(sql.Identifier(login_of(role)) for role in roles)

    database = sql.Identifier(connection.info.dbname)
    connect = sql.SQL("revoke all on database {0} from public; grant connect on database {0} to {1};")
    rules = sql.SQL(_RULES + _ONLINE_RULES + _TRAINING_RULES).format(
        everybody=logins(*ROLES),
        writers=logins("ingest", "engineer", "publisher"),
        definers=logins("engineer", "publisher"),
        publisher=logins(PUBLISHER),
    )
    return connect.format(database, logins(*ROLES)) + rules
