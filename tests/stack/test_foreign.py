"""Others beside Lagoa: tables that they write through Nessie's Iceberg REST catalog, and what they see on `main`."""

from __future__ import annotations

import threading
import warnings
from contextlib import contextmanager
from urllib.parse import quote

import foreign_tables as others
import pytest
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.exceptions import NoSuchTableError
from small_lake import PEOPLE as PEOPLES_COLUMNS
from small_lake import SmallLake

import lagoa
from lagoa.domain.refs import MAIN
from lagoa.domain.tables import TableName
from lagoa.errors import AuditFailed, PublishConflict, TableUnreadable
from lagoa.review.diff import diff
from lagoa.sql_models.run import transform
from tests.stack.test_sign_in import Servers

pytestmark = pytest.mark.timeout(240)

PEOPLE = ("bronze", "people")
CATS = TableName.parse("bronze.cats")


@pytest.fixture
def files(tmp_path, empty_nessie):
    """Return the files of a lake in the warehouse in which Nessie places tables."""
    small = SmallLake(tmp_path / "lake")
    with (small.root / "lagoa.toml").open("a") as settings:
        settings.write(
            f'[profiles.stack]\ncatalog = "nessie"\nnessie_url = "{empty_nessie}"\nwarehouse = "s3://lagoa/warehouse"\n'
        )
    small.contract("bronze.cats", {"id": {"physicalType": "long", "required": True, "primaryKey": True}})
    return small


@pytest.fixture
def lake(files):
    with lagoa.open_lake(files.root, "stack") as lake:
        yield lake


@pytest.fixture
def work(lake):
    return lake.create_branch("work")


def rest(nessie_url, ref, **options):
    """Return PyIceberg's own catalog of a reference, with keys that Nessie hands out."""
    address = f"{nessie_url.removesuffix('/api/v2')}/iceberg/{quote(ref, safe='')}"
    delegated = {"header.X-Iceberg-Access-Delegation": "vended-credentials"}
    return RestCatalog("nessie", uri=address, warehouse="lagoa", **delegated, **options)


def add(catalog, name, rows):
    """Append rows by PyIceberg through the REST catalog."""
    table = catalog.load_table(name)
    table.append(rows.cast(table.schema().as_arrow()))


def both(lake, nessie_url, ref):
    """Return the people at a reference, as Lagoa reads them, once PyIceberg reads the same through Nessie."""
    ours = lake.sql("SELECT id, name, age FROM bronze.people ORDER BY id", ref).fetchall()
    rows = rest(nessie_url, ref).load_table(PEOPLE).scan().to_arrow().sort_by("id").to_pylist()
    assert ours == [(row["id"], row["name"], row["age"]) for row in rows]
    return [row[0] for row in ours]


def test_who_wrote_a_row_is_told_with_the_rows_of_others(files, lake, work, empty_nessie):
    work.append("bronze.people", files.people(1, 2))
    came = work.publish()
    add(rest(empty_nessie, "work"), PEOPLE, files.people(3))
    work.merge("bronze.people", files.people(1, name="eva"))
    changed = work.publish()
    back = lake.rollback("main~1")
    found = lake.blame("bronze.people", 1)
    assert [(each.kind, each.how, each.commit) for each in found.writes] == [
        ("changed", ("rollback",), back.commit),
        ("changed", ("merge",), changed.commit),
        ("added", ("append",), came.commit),
    ]
    assert [each.at for each in found.writes] == [each.published_at for each in (back, changed, came)]
    assert [(each.kind, each.how, each.branch) for each in lake.blame("bronze.people", 3).writes] == [
        ("removed", ("rollback",), ""),
        ("added", ("unknown",), "work"),
    ]


def test_tables_of_both_are_changed_by_both_and_published(files, lake, work, empty_nessie):
    work.append("bronze.people", files.people(1, 2))
    work.publish()
    catalog = rest(empty_nessie, "work")
    add(catalog, PEOPLE, files.people(3, 4))
    assert both(lake, empty_nessie, "work") == [1, 2, 3, 4]
    assert work.merge("bronze.people", files.people(2, 5)).rows_removed == 1
    add(catalog, PEOPLE, files.people(6))
    catalog.load_table(PEOPLE).delete("id = 4")
    assert work.delete("bronze.people", "id = 1").rows_removed == 1
    assert both(lake, empty_nessie, "work") == [2, 3, 5, 6]
    theirs = catalog.create_table(("bronze", "cats"), lake.context.contracts[CATS].schema())
    add(catalog, ("bronze", "cats"), files.people(7, 8).select(["id"]))
    work.merge("bronze.cats", files.people(8, 9).select(["id"]))
    assert sorted(catalog.load_table(theirs.name()).scan().to_arrow()["id"].to_pylist()) == [7, 8, 9]
    found = {str(each.table): each for each in diff(lake.context, "main", "work").tables}
    people = found["bronze.people"]
    assert (people.rows_added, people.rows_removed) == (3, 1)
    assert found["bronze.cats"].rows_added == 3
    assert work.publish().report.passed
    assert both(lake, empty_nessie, MAIN) == [2, 3, 5, 6]
    lake.rollback("main~1")
    assert both(lake, empty_nessie, MAIN) == [1, 2]


def test_rows_of_others_are_audited_and_conflicts_told(files, lake, work, empty_nessie):
    work.append("bronze.people", files.people(1))
    work.publish()
    other = lake.create_branch("other")
    add(rest(empty_nessie, "other"), PEOPLE, files.people(2, age=-5))
    with pytest.raises(AuditFailed):
        other.publish()
    rest(empty_nessie, "other").load_table(PEOPLE).delete("age < 0")
    work.append("bronze.people", files.people(3))
    work.publish()
    add(rest(empty_nessie, "other"), PEOPLE, files.people(4))
    with pytest.raises(PublishConflict) as error:
        other.publish()
    assert [str(table) for table in error.value.tables] == ["bronze.people"]
    assert both(lake, empty_nessie, MAIN) == [1, 3]


def test_deletes_of_others_are_applied_or_refused(files, lake, work, empty_nessie):
    work.append("bronze.people", files.people(1, 2, 3))
    others.delete_positions(lake.catalog("work").load_table(PEOPLE), "id", 2)
    assert both(lake, empty_nessie, "work") == [1, 3]
    add(rest(empty_nessie, "work"), PEOPLE, files.people(4))
    work.merge("bronze.people", files.people(3))
    assert both(lake, empty_nessie, "work") == [1, 3, 4]
    assert work.publish().report.passed
    assert both(lake, empty_nessie, MAIN) == [1, 3, 4]
    others.delete_equal(lake.catalog("work").load_table(PEOPLE), "id", 1)
    with pytest.raises(TableUnreadable, match="equality deletes"):
        lake.sql("SELECT * FROM bronze.people", "work")
    with pytest.raises(TableUnreadable, match="equality deletes"):
        work.publish()
    assert both(lake, empty_nessie, MAIN) == [1, 3, 4]


def test_a_models_table_that_others_wrote_to_is_built_anew(files, lake, work, empty_nessie):
    work.append("bronze.people", files.people(1))
    work.append("bronze.pets", files.pets(1, 2, owner=1))
    counts = ("gold", "counts")
    for _ in range(2):
        assert [each.skipped for each in transform(lake.context, "work")] == [False]
        assert [each.skipped for each in transform(lake.context, "work")] == [True]
        table = rest(empty_nessie, "work").load_table(counts)
        add(rest(empty_nessie, "work"), counts, table.scan().to_arrow())
        assert lake.sql("SELECT count(*) FROM gold.counts", "work").fetchall() == [(2,)]


class Watcher:
    """Looks at `main` all the time, as others do, and notes what is new.

    Attributes:
        commits: the head of main, by pynessie.
        pointers: the pointer of the people's table there, by PyIceberg's REST catalog.
        failures: what went wrong while looking.
    """

    def __init__(self, nessie_url, token=None, layer="bronze", **signed):
        with warnings.catch_warnings(action="ignore"):  # of marshmallow, at pynessie's import
            from pynessie import init
        endpoint = nessie_url.replace("/api/v2", "/api/v1")
        auth = {"type": "bearer", "token": token} if token else {"type": "none"}
        self._nessie = init(config_dict={"endpoint": endpoint, "verify": True, "auth": auth})
        self._catalog = rest(nessie_url, MAIN, **signed)
        self.layer = layer
        self.commits, self.pointers, self.failures = [], [], []
        self._done = threading.Event()

    @contextmanager
    def watching(self):
        threads = [threading.Thread(target=self._watch, args=each) for each in self._ways()]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._done.set()
            for thread in threads:
                thread.join()
        assert self.failures == []

    def _ways(self):
        return ((self.commits, self.head), (self.pointers, self.pointer))

    def head(self):
        return self._nessie.get_reference(MAIN).hash_

    def tables(self):
        """Return the pointer of each table on main, by pynessie."""
        from pynessie.model import ContentKey

        keys = [each.name.elements for each in self._nessie.list_keys(MAIN).entries if each.kind == "ICEBERG_TABLE"]
        return {".".join(key): self._nessie.get_content(MAIN, ContentKey(key)).metadata_location for key in keys}

    def pointer(self):
        try:
            return self._catalog.load_table((self.layer, "people")).metadata_location
        except NoSuchTableError:
            return None

    def _watch(self, seen, look):
        try:
            while not self._done.wait(0.005):
                found = look()
                if seen[-1:] != [found]:
                    seen.append(found)
        except Exception as error:  # noqa: BLE001 - told by the test
            self.failures.append(error)


def publish_watched(lake, files, watcher, times):
    """Publish so often, and try to publish what is refused, while others look on; they see what was published alone."""
    states, pointers, people = [lake.resolve(MAIN).id], [None], f"{watcher.layer}.people"
    with watcher.watching():
        for number in range(times):
            work = lake.create_branch(f"work-{number}")
            work.append(people, files.people(number))
            work.append(f"{watcher.layer}.pets", files.pets(number, owner=number))
            bad = lake.create_branch(f"bad-{number}", f"work-{number}")
            bad.append(people, files.people(100 + number, age=-1))
            with pytest.raises(AuditFailed):
                bad.publish()
            states.append(work.publish().commit)
            tables = {str(table): pointer for table, pointer in lake.tables().items()}
            pointers.append(tables[people])
            assert (watcher.head(), watcher.tables(), watcher.pointer()) == (states[-1], tables, pointers[-1])
    for seen, published in ((watcher.commits, states), (watcher.pointers, pointers)):
        assert [each for each in published if each in seen] == seen
        assert (seen[0], seen[-1]) == (published[0], published[-1])


def test_others_see_on_main_what_was_published_when_it_was(files, lake, empty_nessie):
    publish_watched(lake, files, Watcher(empty_nessie), 3)


def test_so_does_a_reader_who_signs_in(tmp_path, signed, monkeypatch):
    servers = Servers(signed)
    servers.empty()
    for name, value in servers.environment.items():  # the other stack's stand there, and go before the file
        monkeypatch.setenv(name, value)
    secret = servers.credentials["oidc-client-reader"]
    reader = {
        "credential": f"lagoa-reader:{secret}",
        "oauth2-server-uri": f"{servers.oidc}/protocol/openid-connect/token",
        "scope": "profile",
    }
    watcher = Watcher(servers.nessie, servers.tokens("reader")().get_secret_value(), "gold", **reader)
    files = SmallLake(tmp_path / "lake")
    files.contract("gold.people", PEOPLES_COLUMNS)
    files.contract("gold.pets", "id:long* owner:long! kind:string!")
    (files.root / ".stack").mkdir()
    (files.root / ".stack/stack").symlink_to(servers.folder)
    with (files.root / "lagoa.toml").open("a") as settings:
        settings.write(
            f'[profiles.stack]\nstate = ".stack"\ncatalog = "nessie"\nnessie_url = "{servers.nessie}"\n'
            f'warehouse = "s3://lagoa/warehouse"\ns3_endpoint = "{servers.s3}"\n'
            f'sign_in = "oidc"\noidc_url = "{servers.oidc}"\n'
        )
    monkeypatch.setenv("LAGOA_ROLE", "engineer")
    with lagoa.open_lake(files.root, "stack") as lake:
        publish_watched(lake, files, watcher, 1)
    shown = ("gold", "people")
    rows = rest(servers.nessie, MAIN, **reader).load_table(shown).scan().to_arrow()
    assert sorted(rows["id"].to_pylist()) == [0]
    with pytest.raises(OSError, match="ACCESS_DENIED"):
        add(rest(servers.nessie, MAIN, **reader), shown, files.people(9))
