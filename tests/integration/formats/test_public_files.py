"""Files as public bodies publish them: every cell is right, and one record that is changed is refused alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from lakes import LakeFolder

TABLE = "bronze.published"
AMOUNT = "decimal(15, 2)"


@dataclass(frozen=True)
class Published:
    """A file: form, columns, lines, the rows of its records, and one more record with the rule that it breaks."""

    source: dict[str, Any]
    columns: dict[str, Any]
    before: str
    records: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    changed: str
    rule: str
    after: str = ""


def named(header: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"physicalType": kind, "lagoa.header": header, **{f"lagoa.{key}": value for key, value in more.items()}}


FILES = {
    "water, UTF-16 with a total": Published(
        {"encoding": "utf-16", "decimal": ",", "thousands": ".", "footer": 1},
        {"code": named("Código", "string"), "people": named("População", "long"), "loss": named("Perdas", "double")},
        "Código;População;Perdas;\n",
        ("310010;1.758.990;;\n", "310020;773;23,22;\n"),
        [("310010", 1758990, None), ("310020", 773, 23.22)],
        "310030;1.75.990;1,0;\n",
        "type/people",
        "TOTAL;1.759.763;;\n",
    ),
    "weather, eight lines before the table": Published(
        {"encoding": "latin-1", "skip": 3, "decimal": ",", "date": "yyyy/mm/dd"},
        {
            "day": named("Data", "date"),
            "hour": named("Hora UTC", "string"),
            "rain": named("PRECIPITAÇÃO (mm)", "decimal(6, 1)", nulls=["-9999"]),
            "wind": named("VENTO (m/s)", "double", nulls=["-9999"]),
        },
        "REGIAO:;CO\nESTACAO:;BRASÍLIA\nALTITUDE:;1160,96\nData;Hora UTC;PRECIPITAÇÃO (mm);VENTO (m/s);\n",
        ("2024/01/01;0000 UTC;-9999;,8;\n", "2024/01/01;0100 UTC;2,1;-9999;\n"),
        [(date(2024, 1, 1), "0000 UTC", None, 0.8), (date(2024, 1, 1), "0100 UTC", Decimal("2.1"), None)],
        "2024/01/01;0200 UTC;2,1;1,0;x\n",
        "fields",
    ),
    "shares of an index, with two totals": Published(
        {"encoding": "latin-1", "skip": 1, "footer": 2, "decimal": ",", "thousands": "."},
        {
            "code": named("Código", "string"),
            "number": named("Qtde. Teórica", "long"),
            "part": named("Part. (%)", "double"),
        },
        "Carteira do Dia 02/01/24\nCódigo;Qtde. Teórica;Part. (%);\n",
        ("AAAA3;5.710.470.099;1,181;\n", "BBBB4;999;98,819;\n"),
        [("AAAA3", 5710470099, 1.181), ("BBBB4", 999, 98.819)],
        "CCCC4;5710.470.099;0,1;\n",
        "type/number",
        "Quantidade Teórica Total;5.710.471.098;100,000;\nRedutor;15.000.000,12345678;\n",
    ),
    "deaths, days without marks": Published(
        {"date": "ddmmyyyy"},
        {"died": named("DTOBITO", "date"), "born": named("DTNASC", "date", nulls=["00000000"])},
        '"DTOBITO";"DTNASC"\n',
        ('"06052022";"09051934"\n', '"02022022";""\n', '"31122022";"00000000"\n'),
        [(date(2022, 5, 6), date(1934, 5, 9)), (date(2022, 2, 2), None), (date(2022, 12, 31), None)],
        '"31022022";""\n',
        "type/died",
    ),
    "a bank's statement": Published(
        {"delimiter": ",", "encoding": "latin-1", "date": "dd/mm/yyyy"},
        {
            "day": named("Data", "date", nulls=["00/00/0000"]),
            "text": named("Histórico", "string"),
            "number": named("Número", "string"),
            "amount": named("Valor", AMOUNT, decimal=",", thousands="."),
        },
        '"Data","Histórico","Número","Valor"\n',
        ('"00/00/0000","Saldo","0","1.234,56"\n', '"26/01/2024","Tarifa ""Pacote""","000001","-3.858,20"\n'),
        [
            (None, "Saldo", "0", Decimal("1234.56")),
            (date(2024, 1, 26), 'Tarifa "Pacote"', "000001", Decimal("-3858.20")),
        ],
        '"26/01/2024","Pix","000002","1,234.56"\n',
        "type/amount",
    ),
    "prices, with the header of the next month inside": Published(
        {"decimal": ",", "date": "dd/mm/yyyy"},
        {"day": named("Data da Coleta", "string"), "price": named("Valor de Venda", "string")},
        "\ufeffData da Coleta;Valor de Venda\n",
        ("20/12/2023;7,06\n", "17/11/2023;4,07\n"),
        [("20/12/2023", "7,06"), ("17/11/2023", "4,07")],
        "\ufeffData da Coleta;Valor de Venda\n",
        "header",
    ),
    "companies, without header": Published(
        {"encoding": "latin-1", "date": "yyyymmdd", "header": ["CNPJ", "SITUACAO", "DATA", "FONE"]},
        {
            "root": named("CNPJ", "string"),
            "state": named("SITUACAO", "string"),
            "since": named("DATA", "date", nulls=["0", "00000000"]),
            "phone": named("FONE", "string"),
        },
        "",
        ('"00000932";"02";"20160218";"0"\n', '"1AK4Z000";"08";"00000000";""\n', '"00001843";"01";"0";"31240000"\n'),
        [
            ("00000932", "02", date(2016, 2, 18), "0"),
            ("1AK4Z000", "08", None, None),
            ("00001843", "01", None, "31240000"),
        ],
        '"00002754";"03";"20150821";"312\x004000"\n',
        "nul",
    ),
    "candidates, with words for nothing": Published(
        {"encoding": "latin-1", "date": "dd/mm/yyyy", "decimal": ","},
        {
            "born": named("DT_NASCIMENTO", "date", nulls=["#NULO", "#NULO#", "#NE", "#NE#"]),
            "limit": named("VR_DESPESA_MAX", AMOUNT, nulls=["-1", "-3"]),
            "balance": named("SALDO", "int"),
        },
        '"DT_NASCIMENTO";"VR_DESPESA_MAX";"SALDO"\n',
        ('"#NE";"-3";"-1"\n', '"11/07/1980";"1500,50";"1"\n'),
        [(None, None, -1), (date(1980, 7, 11), Decimal("1500.50"), 1)],
        '"#NULL";"-3";"-1"\n',
        "type/born",
    ),
    "health units, of codes": Published(
        {},
        {"city": named("cod_ibge", "long"), "unit": named("co_cnes", "long")},
        "cod_ibge;co_cnes\n",
        ("3500000;2000000\n", "3500001;2000007\n"),
        [(3500000, 2000000), (3500001, 2000007)],
        "3300101;0000007\n",
        "type/unit",
    ),
    "a fund's quotas": Published(
        {},
        {
            "day": named("DT_COMPTC", "date"),
            "quota": named("VL_QUOTA", "double"),
            "exact": named("VL_TOTAL", "decimal(24, 12)"),
        },
        "DT_COMPTC;VL_QUOTA;VL_TOTAL\n",
        ("2024-01-02;1.071258000000;40939.112971807228\n", "2024-01-03;1.25;0.000000000001\n"),
        [
            (date(2024, 1, 2), 1.071258, Decimal("40939.112971807228")),
            (date(2024, 1, 3), 1.25, Decimal("0.000000000001")),
        ],
        "2024-01-04;40939.112971807228;1\n",
        "type/quota",
    ),
    "prices of drugs, with units": Published(
        {"decimal": ",", "thousands": "."},
        {"price": named("Preço", AMOUNT, unit="R$"), "tax": named("ICMS", "decimal(5, 2)", unit="%")},
        "Preço;ICMS\n",
        ("R$ 1.234,50;12,5 %\n", "-R$\u00a05,00;7%\n", "10;0\n"),
        [
            (Decimal("1234.50"), Decimal("12.50")),
            (Decimal("-5.00"), Decimal("7.00")),
            (Decimal("10.00"), Decimal("0.00")),
        ],
        "US$ 5,00;7%\n",
        "type/price",
    ),
}  # fmt: skip


@pytest.mark.parametrize("place", [0, 1, None], ids=["first", "second", "last"])
@pytest.mark.parametrize("file", FILES.values(), ids=FILES)
def test_each_cell_is_right_and_a_changed_record_is_refused_alone(
    folder: LakeFolder, file: Published, place: int | None
) -> None:
    source = {"format": "csv", "delimiter": ";", **file.source}
    folder.contract(TABLE, file.columns, source=source, quarantineShare=1)
    records = list(file.records)
    records.insert(len(records) if place is None else place, file.changed)
    encoding = file.source.get("encoding", "utf-8")
    names = ", ".join(f'"{name}"' for name in file.columns)
    with folder.open() as lake:
        for content, refused in ((file.records, {}), (records, {file.rule: 1})):
            text = file.before + "".join(content) + file.after
            path = folder.file("published.csv", text.encode(encoding))
            branch = lake.create_branch(f"b{len(content)}")
            result = branch.ingest(path, TABLE)
            assert result.rules == refused, [each.reason for each in lake.refused_records(TABLE, branch.name)]
            assert result.footer == file.source.get("footer", 0)
            rows = lake.sql(f"SELECT {names} FROM {TABLE} ORDER BY _row", branch.name).fetchall()
            assert rows == file.rows
