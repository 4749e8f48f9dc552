"""`t/forbidden/c`: a column has none of the values that its contract forbids (`house.forbidden`)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

import yaml

from lagoa.audit.bases.scan import ScanCheck
from lagoa.domain.sql_names import name_in_sql, table_in_sql

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from lagoa.contracts.contract import Contract


class Forbidden(ScanCheck):
    """No value is one of a list."""

    kind: ClassVar[str] = "forbidden"

    @classmethod
    def of(cls, contract: Contract, *, has_quarantine: bool) -> Iterator[Self]:  # noqa: ARG003 - as every kind
        for column in yaml.safe_load(contract.file.read_text("utf-8"))["schema"][0]["properties"]:
            for each in column.get("customProperties", ()):
                if each["property"] == "house.forbidden":
                    values = ", ".join(str(int(value)) for value in each["value"])
                    violated = f"{name_in_sql(column['name'])} IN ({values})"
                    yield cls(
                        table=contract.table,
                        about=column["name"],
                        contract=contract,
                        definition=json.dumps({"forbidden": each["value"]}),
                        sql=f"count(*) FILTER (WHERE {violated})",
                        counts=f"rows whose {column['name']} is one of {values}",
                        samples_sql=f"SELECT * FROM {table_in_sql(contract.table)} WHERE {violated}",
                    )

    @classmethod
    def weaker(cls, old: Any, new: Any) -> Iterator[str]:
        for value in old["forbidden"]:
            if value not in new["forbidden"]:
                yield f"no longer forbids {value}"
