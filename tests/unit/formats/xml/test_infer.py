"""Contracts guessed from XML: where the records are, what is in them, and that the file gets in."""

from __future__ import annotations

import pytest
from inferring import inferred, loaded, types

from lagoa.domain.tables import TableName
from lagoa.errors import SourceError
from lagoa.formats.infer import infer_contract
from lagoa.formats.shared.given import Given

THINGS = TableName.parse("bronze.things")


def order(number: int) -> str:
    items = "".join(f"<item sku='s{each}'><n>{each}</n></item>" for each in range(number % 3 + 1))
    return (
        f"<order id='{number}'><price currency='BRL'>{number},5</price><day>0{number % 9 + 1}/01/2026</day>"
        f"<to><city>São Paulo</city><zip>0131{number % 10}-000</zip></to>{items}<note/></order>"
    )


def test_records_columns_and_types(tmp_path):
    path = tmp_path / "things.xml"
    path.write_text(f"<orders><made>x</made><list>{''.join(map(order, range(1, 40)))}</list></orders>", "utf-8")
    contract, text = inferred(path, THINGS)
    assert contract.source is not None
    assert contract.source.model_dump()["record"] == "orders/list/order"
    assert "# REVIEW: the records are the elements 'orders/list/order'" in text
    found = types(contract)
    assert found["id"] == "long"
    assert found["price"].startswith("decimal")
    assert found["price_currency"] == "string"
    assert found["day"] == "date"
    assert found["item"] == "list<struct<`@sku`: string, n: string>>"
    assert {column.source_name for column in contract.columns} >= {"@id", "price/@currency", "to/city", "note"}
    assert loaded(contract, path) == (39, 0)


def test_one_record_a_namespace_and_latin_1(tmp_path):
    path = tmp_path / "nfe.xml"
    first = "<?xml version='1.0' encoding='ISO-8859-1'?>"
    path.write_text(f"{first}<n xmlns='urn:n' xmlns:s='urn:s'><uf>São</uf><s:q>q</s:q></n>", "latin-1")
    contract, _ = inferred(path, THINGS)
    assert {column.source_name for column in contract.columns} == {"uf", "{urn:s}q"}
    assert loaded(contract, path) == (1, 0)


def test_empty_elements_are_null_where_they_are_no_text(tmp_path):
    path = tmp_path / "a.xml"
    rows = (f"<r><n>{n if n % 3 else ''}</n><t>{'x' * (n % 2)}</t></r>" for n in range(40))
    path.write_text(f"<a>{''.join(rows)}</a>", "utf-8")
    contract, _ = inferred(path, THINGS)
    assert types(contract) == {"n": "long", "t": "string"}
    assert [column.nulls for column in contract.columns] == [("",), None]
    assert loaded(contract, path) == (40, 0)


def test_the_path_may_be_given(tmp_path):
    path = tmp_path / "a.xml"
    path.write_text("<a><b/><b/><c><d>1</d><d>2</d></c></a>", "utf-8")
    assert 'record: "a/c/d"' in infer_contract(path, THINGS, Given(records="a/c/d"))


@pytest.mark.parametrize("content", ["<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "<a><b></a>", "text", "<a/>"])
def test_what_cannot_be_read_is_refused(tmp_path, content):
    path = tmp_path / "a.xml"
    path.write_text(content, "utf-8")
    with pytest.raises(SourceError):
        infer_contract(path, THINGS)
