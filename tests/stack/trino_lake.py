"""Who queries Trino in the tests, and the lake that they query."""

from __future__ import annotations

import uuid
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
import requests
from lakes import LakeFolder
from trino.auth import BasicAuthentication
from trino.dbapi import connect
from trino.exceptions import HttpError, TrinoUserError

from lagoa.domain.ports.sql_catalogs import PASSWORD
from lagoa.stack.run import Stack
from lagoa.stack.servers.trino.catalogs import ADMIN
from tests.stack.test_sign_in import Servers
from tests.stack.test_stack import wait_until

ANA = {
    "id": 1,
    "name": "Ana Conceição",
    "phone": "11-99999-0001",
    "born": date(1990, 2, 28),
    "income": Decimal("1234.50"),
    "spent": Decimal("99999999.99"),
    "weight": 0.1,
    "active": True,
    "seen": datetime(2026, 3, 1, 12, 30, 15, 123456),  # noqa: DTZ001 - a timestamp without zone
    "paid": datetime(2026, 3, 1, 15, 30, 15, 123456, tzinfo=UTC),
    "tags": ["é", "日本"],
}
"""A row of gold.customers; `name`, `phone`, `born` and `income` are personal."""

TYPES = pa.schema(
    {
        "id": pa.int64(),
        "name": pa.string(),
        "phone": pa.string(),
        "born": pa.date32(),
        "income": pa.decimal128(10, 2),
        "spent": pa.decimal128(10, 2),
        "weight": pa.float64(),
        "active": pa.bool_(),
        "seen": pa.timestamp("us"),
        "paid": pa.timestamp("us", "UTC"),
        "tags": pa.list_(pa.string()),
    }
)
PERSONAL = {"name", "phone", "born", "income"}


class Analyst:
    """Somebody who signs in to a Trino."""

    def __init__(self, stack, name, password):
        self._where = stack.manifest["trino"]
        self.ca = stack.environment()["LAGOA_TRINO_CA"]
        self.name = name
        self.password = password

    def connect(self, **options):
        sign_in = {"user": self.name, "auth": BasicAuthentication(self.name, self.password)}
        session = requests.Session()
        session.trust_env, session.verify = False, self.ca  # REQUESTS_CA_BUNDLE goes before the certificate
        where = {"host": self._where.host, "port": self._where.port, "http_scheme": "https", "http_session": session}
        return connect(**{**where, **sign_in, "catalog": "lake", "max_attempts": 1, **options})

    def rows(self, sql, **options):
        with closing(self.connect(**options)) as connection:
            cursor = connection.cursor()
            cursor.execute(sql)
            found = cursor.fetchall()
            self.columns = [column[0] for column in cursor.description or ()]
            return [tuple(row) for row in found]

    def get(self, place, method="GET", **options):
        sign_in = {"auth": (self.name, self.password), "verify": self.ca}
        return requests.request(method, f"https://{self._where.address}{place}", timeout=30, **sign_in, **options)

    def url(self):
        return f"trino://{self.name}:{self.password}@{self._where.address}/lake/gold"


@contextmanager
def without_sandboxes(stack):
    """Delete in the end the sandboxes that tests made on a stack."""
    yield
    with LakeFolder(stack._root).open() as lake:
        for each in lake.sandboxes():
            lake.delete_ref(each.branch)


@contextmanager
def lake_on(signed, root):
    """Give a stack, seen from a lake with tables in three layers, whose state is published."""
    servers = Servers(signed)
    servers.empty()
    folder = LakeFolder(root)
    (folder.root / "infra").symlink_to(signed._root / "infra")
    (folder.root / ".lagoa").mkdir()
    (folder.root / ".lagoa/stack").symlink_to(signed._state)
    folder.settings(
        catalog="nessie",
        nessie_url=servers.nessie,
        warehouse=f"s3://lagoa/warehouse/{uuid.uuid4().hex}",
        s3_endpoint=servers.s3,
        sign_in="oidc",
        oidc_url=servers.oidc,
    )
    kinds = {"id": "long*", "name": "string!", "phone": "string", "born": "date", "income": "decimal(10, 2)"}
    kinds |= {"spent": "decimal(10, 2)", "weight": "double", "active": "boolean", "seen": "timestamp"}
    kinds |= {"paid": "timestamptz", "tags": "list<string>"}
    columns = {
        name: {"physicalType": kind} | ({"classification": "personal"} if name in PERSONAL else {})
        for name, kind in kinds.items()
    }
    people = {"id": "long*", "name": {"physicalType": "string", "classification": "personal"}}
    folder.contract("bronze.people", people)
    folder.contract("silver.people", people)
    folder.contract("gold.customers", columns)
    folder.contract("gold.sales", "day:date* amount:decimal(10,2)")
    here = Stack(folder.root, signed._state)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):  # they go before the certificate that a client is given
            patch.delenv(name, raising=False)
        for name, value in servers.environment.items():  # the other stack's stand there, and go before the file
            patch.setenv(name, value)
        here.up(["trino"])
        with folder.open() as lake:
            publish(lake)
            lake.follow_sandboxes()  # others may have left catalogs whose branches are gone
        yield here


def publish(lake):
    branch = lake.create_branch("dev/engineer/first")
    for table in ("bronze.people", "silver.people"):
        branch.append(table, pa.table({"id": [1], "name": ["Ana"]}))
    branch.append("gold.customers", pa.Table.from_pylist([ANA, {"id": 2, "name": "Zé"}], TYPES))
    sales = {"day": pa.array([date(2026, 3, 1)]), "amount": pa.array([Decimal("0.10")], pa.decimal128(10, 2))}
    branch.append("gold.sales", pa.table(sales))
    branch.publish()


@contextmanager
def analysts(stack):
    """Give what makes a user of a role."""
    made = []

    def make(role, name=None):
        name = name or f"{role}-{uuid.uuid4().hex[:6]}"
        password = stack.users().add(name, role)
        made.append(name)
        who = Analyst(stack, name, password)
        wait_until(lambda: refusal(who, "SELECT 1") is None)
        return who

    yield make
    for name in made:
        stack.users().remove(name)


def as_admin(stack):
    """Return the user as whom Lagoa makes catalogs."""
    return Analyst(stack, ADMIN, stack._credentials()[PASSWORD].get_secret_value())


def refusal(who, sql, **options):
    """Return the name of the error by which a statement is refused, or 401; None for one that goes through."""
    try:
        who.rows(sql, **options)
    except TrinoUserError as error:
        return error.error_name
    except HttpError as error:
        return str(error).removeprefix("error ")[:3]
    return None
