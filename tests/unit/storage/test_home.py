"""Where a lake was made that keeps no record of it."""

from __future__ import annotations

import pytest

from lagoa.errors import SettingsError
from lagoa.storage.home import home_of
from lagoa.storage.local import LocalStorage

ID = "0a85ec93-a340-4844-98e8-1a2d6bbc3a95"
TABLE = f"silver/orders-{ID}/metadata/00001-{ID}.metadata.json"
NESSIES = f"silver/orders_{ID}/metadata/00001-{ID}.metadata.json"


@pytest.fixture
def storage(tmp_path):
    return LocalStorage(tmp_path)


def put(storage, *rests):
    for rest in rests:
        with storage.file_io({}).new_output(f"{storage.location}/{rest}").create() as file:
            file.write(b"{}")


def test_a_lake_without_tables_is_at_home(storage):
    assert home_of([], storage) == storage.location


def test_one_pointer_into_the_warehouse_tells(storage):
    pointers = [f"/elsewhere/{TABLE}", f"file://{storage.location}/{TABLE}"]
    assert home_of(pointers, storage) == storage.location


@pytest.mark.parametrize("form", ["", "file:", "file://"])
@pytest.mark.parametrize("table", [TABLE, NESSIES])
@pytest.mark.parametrize("home", ["/srv/lake/.lagoa/warehouse", "/a/silver/b/metadata", "/x"])
def test_pointers_whose_files_are_there_tell(storage, form, table, home):
    put(storage, table)
    lost = TABLE.replace("orders", "lost")
    assert home_of([f"{form}{home}/{lost}", f"{form}{home}/{table}"], storage) == home


def test_an_object_store_is_told_too(storage):
    put(storage, TABLE)
    assert home_of([f"s3://old/warehouse/{TABLE}"], storage) == "s3://old/warehouse"


def test_tables_from_elsewhere_do_not_count(storage):
    put(storage, TABLE)
    others = ["s3://theirs/t/metadata/1.metadata.json", f"/theirs/{TABLE.replace('orders', 'theirs')}"]
    assert home_of([*others, *others, f"/made/{TABLE}"], storage) == "/made"
    assert home_of(others[:1], storage) == storage.location


def test_nothing_is_guessed_where_no_file_is_there(storage):
    pointers = [f"/made/{TABLE}", f"/made/{TABLE.replace('1', '2')}", f"/made/{TABLE}", f"/other/{TABLE}"]
    with pytest.raises(SettingsError, match=r"2 in /made, 1 in /other\. None of them") as told:
        home_of(pointers, storage)
    assert "warehouse_home" in told.value.advice


def test_nothing_is_guessed_where_pointers_do_not_agree(storage):
    put(storage, TABLE)
    with pytest.raises(SettingsError, match=r"1 in /made, 1 in /other\. Files of several"):
        home_of([f"/made/{TABLE}", f"/other/{TABLE}"], storage)
