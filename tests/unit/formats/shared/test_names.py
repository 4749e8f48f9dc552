"""Names of columns that are made of names in files."""

from __future__ import annotations

from effort import many
from hypothesis import given, settings
from hypothesis import strategies as st

from lagoa.domain.tables import LINEAGE_COLUMNS, TableName
from lagoa.formats.shared.names import column_names


def test_column_names_are_kept_or_made():
    found = column_names(["id", "Full Name", "São-Paulo", "2020", "%", "ID", "_row", "a__b", "Preço (R$)", "id_6"])
    assert found == ["id", "full_name", "sao_paulo", "_2020", "column_5", "id_6_6", "_row_7", "a__b", "preco_r", "id_6"]


HEADERS = st.lists(st.text(max_size=12), min_size=1, max_size=8, unique=True)


@settings(max_examples=many(60), deadline=None)
@given(headers=HEADERS)
def test_made_names_are_names_and_differ(headers):
    names = column_names(headers)
    assert len(set(names)) == len(headers)
    for name in names:
        assert TableName.parse(f"a.{name}").name == name
        assert name not in LINEAGE_COLUMNS
