"""`lagoa.features` in contracts: what it must name, and what follows from it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from lagoa.contracts import Contracts
from lagoa.contracts.features import feature_columns, join_keys, time_to_live
from lagoa.domain.tables import TableName
from lagoa.errors import ContractError
from lagoa.formats import FORMATS

COLUMNS = "shop:string!* at:timestamp!* written:timestamptz v:long debug:string"


def contract(folder, features, columns=COLUMNS):
    folder.contract("gold.shops", columns, features=features)
    return Contracts.load(folder.root / "iceberg", FORMATS)[TableName.parse("gold.shops")]


def test_keys_features_and_time_to_live_follow_from_it(folder):
    said = {"event": "at", "created": "written", "ttl": "2w", "exclude": ["debug"], "zone": "America/Sao_Paulo"}
    found = contract(folder, said)
    assert (join_keys(found), feature_columns(found)) == (("shop",), ("v",))
    assert time_to_live(found.features) == timedelta(weeks=2)
    assert (found.features.zone, found.features.online) == ("America/Sao_Paulo", True)
    assert time_to_live(contract(folder, {"event": "at"}).features) == timedelta()


@pytest.mark.parametrize(
    ("features", "columns", "said"),
    [
        ({"event": "att"}, COLUMNS, "no column 'att'. Did you mean 'at'"),
        ({"event": "v"}, COLUMNS, "column v is no moment"),
        ({"event": "at", "created": "debug"}, COLUMNS, "column debug is no moment"),
        ({"event": "written"}, COLUMNS, "the key must be the join keys and written"),
        ({"event": "at"}, "at:timestamp!* v:long", "the key must be the join keys and at"),
        ({"event": "at", "exclude": ["debugg"]}, COLUMNS, "no column 'debugg'"),
        ({"event": "at", "exclude": ["v", "debug", "written"]}, COLUMNS, "no column is left"),
        ({"event": "at", "zone": "Brasilia"}, COLUMNS, "no time zone 'Brasilia'"),
        ({"event": "at", "zone": "../../etc/passwd"}, COLUMNS, "no time zone"),
        ({"event": "at", "ttl": "soon"}, COLUMNS, "ttl"),
        ({"event": "at", "domian": "sales"}, COLUMNS, "domian"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(folder, features, columns, said):
    with pytest.raises(ContractError) as refused:
        contract(folder, features, columns)
    assert said in str(refused.value)
