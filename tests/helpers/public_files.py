"""Files as Brazilian public bodies publish them, with invented values: their bytes, and what each record says."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Row = tuple[Any, ...]

FUEL, STATES, DRUGS = ("GASOLINA", "ETANOL", "DIESEL S10"), ("SP", "RJ", "MG"), ("I219", "J189")


@dataclass(frozen=True)
class PublicFile:
    """A delivery.

    Attributes:
        files: content by name, in the order in which it is loaded.
        rows: what the records say, file by file; those that nobody can read are not there.
        review: what a `REVIEW` line offers and the owner of the data takes: by column a word of the edit.
        refused: how many records break each rule.
        footer: how many totals and notes are no records.
        folder: whether the files are one delivery, as a folder; else the contract is drafted from the first alone.
    """

    files: Mapping[str, bytes]
    rows: Sequence[Row]
    review: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, int] = field(default_factory=dict)
    footer: int = 0
    folder: bool = False


def lines(*records: str, end: str = "\n") -> str:
    return "".join(f"{record}{end}" for record in records)


def quoted(*fields: object) -> str:
    return ";".join(f'"{each}"' for each in fields)


def comma(number: Decimal | float, places: int = 2) -> str:
    """Write a number as in Brazil: 1234.5 is 1234,50."""
    return f"{number:.{places}f}".replace(".", ",")


def grouped(number: Decimal | float, places: int = 0) -> str:
    """Write a number with marks between thousands: 1234.5 is 1.234,50."""
    return f"{number:,.{places}f}".translate({ord(","): ".", ord("."): ","})


def day(number: int) -> date:
    return date(2024, 1, 1) + timedelta(number)


def fuel_prices() -> PublicFile:
    """ANP: two months put together, so that byte order mark and header come again in the middle."""
    header = "\ufeffRegiao - Sigla;Revenda;CNPJ da Revenda;Data da Coleta;Valor de Venda;Valor de Compra;Bandeira"
    rows = [
        (
            "SE",
            f"POSTO JOÃO & IRMÃOS {n}",
            f" {n:02}.000.000/0001-13",
            day(n),
            Decimal(500 + n) / 100,
            None,
            FUEL[n % 3],
        )
        for n in range(120)
    ]
    records = [";".join([*row[:3], f"{row[3]:%d/%m/%Y}", comma(row[4]), "", row[6]]) for row in rows]
    text = lines(header, *records[:60], header, *records[60:])
    return PublicFile({"ca-2024-01-02.csv": text.encode()}, rows, refused={"header": 1})


def expenses() -> PublicFile:
    """TSE: a record with stray quotes, and one with the delimiter inside quotes."""
    rows = [(2024, "SP", f"SERVICO {n}", n + 0.5) for n in range(119)]
    records = [quoted(*row[:3], f"{n},50") for n, row in enumerate(rows)]
    records[8], rows[8] = quoted(2024, "SP", "LOCACAO; CARRO", "8,50"), (2024, "SP", "LOCACAO; CARRO", 8.5)
    records.insert(20, '"2024";"SP";"SERVICO DE "SOM" E LUZ";"20,50"')
    text = lines(quoted("ANO", "UF", "DS", "VR"), *records)
    return PublicFile({"despesas.csv": text.encode()}, rows, refused={"quoting": 1})


def index_shares() -> PublicFile:
    """B3: a title, a delimiter behind each record, marks between thousands, two totals."""
    rows = [(f"ABCD{n}", f"EMPRESA {n}", 4_351_911_445 + n * 1_000_003, (n * 37 + 240) / 1000) for n in range(80)]
    records = [f"{code};{name};{grouped(shares)};{comma(part, 3)};" for code, name, shares, part in rows]
    totals = ("Quantidade Teórica Total;;98.765.432.100;100,000;", "Redutor;;16.184.765,12345;;")
    text = lines(
        "IBOV - Carteira do Dia 02/01/24", "Código;Ação;Qtde. Teórica;Part. (%);", *records, *totals, end="\r\n"
    )
    return PublicFile({"IBOVDia_02-01-24.csv": text.encode("latin-1")}, rows, footer=2)


def payments() -> PublicFile:
    """Central Bank, OData: the records are a list inside of one object."""
    rows = [(202401, ("PJ", "PF")[n % 2], Decimal(489526277 + n) / 100, n + 1) for n in range(60)]
    names = ("AnoMes", "PAG_PFPJ", "VALOR", "QUANTIDADE")
    values = [dict(zip(names, (*row[:2], float(row[2]), row[3]), strict=True)) for row in rows]
    text = json.dumps({"@odata.context": "https://exemplo/$metadata#Estatisticas", "value": values})
    return PublicFile({"EstatisticasTransacoesPix.json": text.encode()}, rows)


def salaries() -> PublicFile:
    """CGU: decimal commas, months such as 01, a note in the last line."""
    rows = [
        (2024, "01", f"{80_000_000 + n}", "***.123.456-**", Decimal(914_000 + n * 7) / 100, Decimal(-700 - n) / 100)
        for n in range(320)
    ]
    records = [quoted(*row[:4], comma(row[4]), comma(row[5])) for row in rows]
    header = quoted("ANO", "MES", "Id_SERVIDOR_PORTAL", "CPF", "REMUNERAÇÃO BÁSICA BRUTA (R$)", "IRRF (R$)")
    note = '"(*) Total de Verbas Indenizatórias: valores sujeitos a revisão"'
    text = lines(header, *records, note, end="\r\n")
    return PublicFile({"202401_Remuneracao.csv": text.encode("latin-1")}, rows, footer=1)


def branches_of_companies() -> PublicFile:
    """Receita Federal, by a portal: two codes with a comma between them, which look like a number."""
    rows = [
        (f"{90_000_000_000_184 + n}", "SP", "4930202", ("5914600,8230000", "7711000,8541400", "4772500")[n % 3])
        for n in range(60)
    ]
    text = lines("cnpj;uf;cnae_fiscal_principal;cnae_fiscal_secundaria", *map(";".join, rows))
    return PublicFile({"estabelecimentos_sp.csv": text.encode()}, rows)


def quotas() -> PublicFile:
    """CVM: quotas of funds with twelve places, more digits than a double keeps."""
    rows = [(f"F{n}", day(1), Decimal("40939.112971807228") + n * Decimal("1.000000000003")) for n in range(60)]
    text = lines("CNPJ_FUNDO;DT_COMPTC;VL_QUOTA", *(f"{fund};{when};{quota}" for fund, when, quota in rows))
    return PublicFile({"inf_diario_fi_202401.csv": text.encode()}, rows)


def deaths() -> PublicFile:
    """DATASUS: days without marks between their parts, hours and ages as codes."""
    rows = [
        (
            1,
            day(n),
            None if n % 9 == 0 else f"{n % 24:02}46",
            None if n % 7 == 0 else date(1930 + n % 70, 3, 9),
            ("475", "081")[n % 2],
            DRUGS[n % 2],
        )
        for n in range(80)
    ]
    records = [
        quoted(row[0], f"{row[1]:%d%m%Y}", row[2] or "", f"{row[3]:%d%m%Y}" if row[3] else "", *row[4:]) for row in rows
    ]
    text = lines(quoted("ORIGEM", "DTOBITO", "HORAOBITO", "DTNASC", "IDADE", "CAUSABAS"), *records)
    return PublicFile({"DO24OPEN.csv": text.encode()}, rows)


def statement() -> PublicFile:
    """A bank: 00/00/0000 where there is no day, amounts with marks between thousands, doubled quotes."""
    rows: list[Row] = [(None, "Saldo Anterior", "0", Decimal("1234.56"))]
    records = ['"00/00/0000","Saldo Anterior","0","1.234,56"']
    for n in range(40):
        value = Decimal(n * 7919 - 385_819) / 100
        rows.append((day(n), 'Tarifa "Pacote"', f"{n:011}", value))
        records.append(f'"{day(n):%d/%m/%Y}","Tarifa ""Pacote""","{n:011}","{grouped(value, 2)}"')
    text = lines('"Data","Histórico","Número do documento","Valor"', *records)
    return PublicFile({"extrato.csv": text.encode("latin-1")}, rows)


def municipalities() -> PublicFile:
    """IBGE: objects inside of objects, upper case and hyphens in their keys, one of them null."""
    rows: list[Row] = []
    values: list[dict[str, Any]] = []
    for n in range(40):
        state = {"id": 11, "sigla": "RO", "nome": "Rondônia"}
        small = None if n == 17 else {"id": 11000 + n, "nome": f"Micro {n}", "UF": state}
        region = {"id": 110000 + n, "regiao-intermediaria": {"id": 1101, "UF": state}}
        rows.append((1100015 + n, f"Alta D'Oeste {n}", small, region))
        values.append(dict(zip(("id", "nome", "microrregiao", "regiao-imediata"), rows[-1], strict=True)))
    return PublicFile({"municipios.json": json.dumps(values, ensure_ascii=False).encode()}, rows)


def weather() -> PublicFile:
    """INMET: lines before the table, -9999 for nothing measured, `,8`, a delimiter behind each record."""
    before = ("REGIAO:;CO", "UF:;DF", "ESTACAO:;BRASILIA", "ALTITUDE:;1160,96", "DATA DE FUNDACAO:;07/05/00")
    header = (
        "Data;Hora UTC;PRECIPITAÇÃO TOTAL, HORÁRIO (mm);TEMPERATURA DO AR (°C);UMIDADE RELATIVA DO AR (%);VENTO (m/s);"
    )
    rows: list[Row] = []
    records: list[str] = []
    for n in range(96):
        missing = n % 12 == 0
        rain, warm, wet = (None,) * 3 if missing else (Decimal(n % 30) / 10, 15 + n % 9 + 0.4, 40 + n % 50)
        rows.append((day(n // 24), f"{n % 24:02}00 UTC", rain, warm, wet, 0.8 if n % 2 else 1.1))
        measured = "-9999;;-9999" if missing else f"{comma(rain, 1).removeprefix('0')};{15 + n % 9},4;{wet}"
        records.append(f"{day(n // 24):%Y/%m/%d};{n % 24:02}00 UTC;{measured};{',8' if n % 2 else '1,1'};")
    text = lines(*before, header, *records)
    review = {"precipitacao_total_horario_mm": "nulls", "umidade_relativa_do_ar": "nulls"}
    return PublicFile({"INMET_A001_2024.CSV": text.encode("latin-1")}, rows, review)


def amounts() -> PublicFile:
    """Treasury: 1.231.567,81."""
    rows = [("SP", Decimal(123_156_781 + n * 100_001) / 100) for n in range(40)]
    text = lines("uf;valor", *(f"{state};{grouped(value, 2)}" for state, value in rows))
    return PublicFile({"mil.csv": text.encode()}, rows)


def note_at_the_end() -> PublicFile:
    """A last line that is a note, of one field."""
    rows = [(2024, "SP", f"SERVICO {n}", n + 0.5) for n in range(100)]
    records = [quoted(*row[:3], f"{n},50") for n, row in enumerate(rows)]
    text = lines(quoted("ANO", "UF", "DS", "VR"), *records, '"(*) nota de rodape"')
    return PublicFile({"remuneracao.csv": text.encode()}, rows, footer=1)


def job_changes(month: int = 2) -> PublicFile:
    """CAGED: -1 is a value in one column, and stands for nothing in another one."""
    rows = [
        (202400 + month, 31, (-1, 1)[n % 3 > 0], None if n % 10 == 0 else 20 + n, Decimal(150_050 + n * 101) / 100)
        for n in range(40)
    ]
    records = [";".join(map(str, (*row[:3], row[3] or -1, comma(row[4])))) for row in rows]
    text = lines("competênciamov;uf;saldomovimentação;idade;salário", *records)
    return PublicFile({f"CAGEDMOV2024{month:02}.txt": text.encode()}, rows, {"idade": "nulls"})


def months() -> PublicFile:
    """CAGED: a folder with a file for each month."""
    found = [job_changes(month) for month in (1, 2, 3)]
    files = {name: content for each in found for name, content in each.files.items()}
    return PublicFile(files, [row for each in found for row in each.rows], {"idade": "nulls"}, folder=True)


def people() -> PublicFile:
    """Populations such as 856.680, which is no fraction."""
    rows = [(f"Município {n}", 456_680 + n * 1009, 96_155 - n * 903) for n in range(60)]
    text = lines("municipio;populacao;eleitores", *(f"{name};{grouped(a)};{grouped(b)}" for name, a, b in rows))
    review = {"populacao": "thousands", "eleitores": "thousands"}
    return PublicFile({"populacao_municipios.csv": text.encode()}, rows, review)


def accidents() -> PublicFile:
    """PRF: (null) among numbers and among texts, NA, coordinates with a decimal comma."""
    rows: list[Row] = []
    records: list[str] = []
    for n in range(100):
        missing = n % 50 == 0
        place = (-28.20083225 + n / 100, -49.77916659)
        state, road, where, office = (None,) * 4 if missing else (STATES[n % 3], 116, n + 0.5, "SPRF-SP")
        rows.append((500_000 + n, day(n), state, road, where, "SÃO PAULO", *(round(x, 8) for x in place), office))
        shown = ("(null)", "(null)", "(null)") if missing else (state, road, f"{n},5")
        degrees = [comma(x, 8) for x in place]
        records.append(quoted(500_000 + n, day(n), *shown, "SÃO PAULO", *degrees, office or "NA"))
    header = quoted("id", "data_inversa", "uf", "br", "km", "municipio", "latitude", "longitude", "regional")
    text = lines(header, *records, end="\r\n")
    return PublicFile({"datatran2024.csv": text.encode("latin-1")}, rows, {"uf": "nulls", "regional": "nulls"})


def companies() -> PublicFile:
    """Receita Federal: no header, days as eight digits with 0 and 00000000 for none, a NUL byte in one record."""
    rows: list[Row] = []
    records: list[str] = []
    for n in range(130):
        since = None if n % 9 == 0 else date(2005 + n % 19, 1 + n % 12, 14)
        opened, closed = date(1970 + n % 30, 5, 8), date(2019, 11, 4 + n) if n < 5 else None
        root = "1AK4Z000" if n == 0 else f"{n * 911:08}"
        codes = ("4772500", "5914600,8230002", "")[n % 3]
        rows.append(
            (root, "0001", f"{n % 8 + 1:02}", since, opened, codes or None, "0" if n % 2 else "31240000", closed)
        )
        shown = f"{since:%Y%m%d}" if since else ("0", "00000000")[n % 2]
        records.append(
            quoted(
                root,
                "0001",
                f"{n % 8 + 1:02}",
                shown,
                f"{opened:%Y%m%d}",
                codes,
                rows[-1][6],
                f"{closed:%Y%m%d}" if closed else "",
            )
        )
    records.insert(77, '"00070168";"0001";"02";"20160218";"19721202";"";"312\x004000";""')
    text = lines(*records)
    rows = [(*row[:6], int(row[6]), row[7]) for row in rows]
    return PublicFile(
        {"K3241.K03200Y1.D61108.ESTABELE": text.encode("latin-1")}, rows, {"column_8": "date"}, {"nul": 1}
    )


def countries() -> PublicFile:
    """Receita Federal: codes and names without a header."""
    rows = [
        (f"{n * 13:03}", name if n < 5 else f"{name} {n}")
        for n, name in enumerate(["COLIS POSTAUX", "ÁUSTRIA", "BRASIL", "CHILE", "PERU"] * 6)
    ]
    text = lines(*(quoted(*row) for row in rows))
    return PublicFile({"F.K03200$Z.D61108.PAISCSV": text.encode("latin-1")}, rows)


def water() -> PublicFile:
    """SNIS: UTF-16, a delimiter behind each record, marks between thousands, a total."""
    rows = [
        (
            f"{350_010 + n}",
            f"Município {n}",
            "SP",
            2021,
            94_041 + n * 23_977,
            None if n % 10 == 0 else (2322 + n * 31) / 100,
        )
        for n in range(60)
    ]
    records = [
        f"{code};{name};{state};{year};{grouped(served)};{'' if lost is None else comma(lost)};"
        for code, name, state, year, served, lost in rows
    ]
    names = ("Código do Município", "Município", "Estado", "Ano de Referência", "AG001 - População", "IN049 - Perdas")
    text = lines(";".join(names) + ";", *records, ";;;TOTAL da AMOSTRA:;99.999.999;;", end="\r\n")
    return PublicFile({"Desagregado-2021.csv": text.encode("utf-16")}, rows, footer=1)


def candidates() -> PublicFile:
    """TSE: many ways to say nothing: #NULO, #NULO#, #NE, -1, -3, and -4 for what may not be told."""
    rows: list[Row] = []
    records: list[str] = []
    for n in range(120):
        odd = n % 2 == 1
        born = None if n % 40 == 0 else date(1950 + n % 50, 7, 11)
        rows.append(
            (
                day(300),
                "10:30:15",
                2024,
                f"{n * 7:05}",
                f"{89_663_387_573 + n:012}",
                None,
                None,
                None if odd else 7,
                None,
                born,
                None,
                n % 70,
            )
        )
        written = f"{born:%d/%m/%Y}" if born else ("", "#NULO")[n % 80 == 0]
        words = ("#NULO", "-4", "-1", "#NULO", written, "-1") if odd else ("#NULO#", "-4", 7, "#NE", written, "-3")
        records.append(quoted(f"{day(300):%d/%m/%Y}", "10:30:15", 2024, *rows[-1][3:5], *words, n % 70))
    header = quoted(
        "DT_GERACAO",
        "HH_GERACAO",
        "ANO_ELEICAO",
        "SG_UE",
        "SQ_CANDIDATO",
        "NM_SOCIAL_CANDIDATO",
        "NR_CPF_CANDIDATO",
        "NR_FEDERACAO",
        "SG_FEDERACAO",
        "DT_NASCIMENTO",
        "VR_DESPESA_MAX_CAMPANHA",
        "NR_IDADE_DATA_POSSE",
    )
    review = dict.fromkeys(
        ("nm_social_candidato", "nr_cpf_candidato", "nr_federacao", "sg_federacao", "vr_despesa_max_campanha"), "nulls"
    )
    text = lines(header, *records)
    return PublicFile({"consulta_cand_2024_SP.csv": text.encode("latin-1")}, rows, review)


def health_units() -> PublicFile:
    """CNES: codes without a leading zero in the first delivery, and with it in the second."""
    rows: list[Row] = []
    files: dict[str, bytes] = {}
    for name, city, unit, client in (
        ("estab_sp.csv", 3_500_000, 2_000_000, 100_000),
        ("estab_tj.csv", 3_300_100, 0, 0),
    ):
        found = [(f"{city + n}", f"{unit + 7 * n:07}", f"{client + n:06}") for n in range(40)]
        files[name] = lines("cod_ibge;co_cnes;cod_cliente", *map(";".join, found)).encode()
        rows += found
    return PublicFile(files, rows)


def zipped() -> PublicFile:
    """Chamber of Deputies: one CSV file in a zip file."""
    rows = [(2023, n + Decimal("0.50")) for n in range(50)]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("Ano-2023.csv", lines("ANO;VALOR", *(f"{year};{comma(value)}" for year, value in rows)))
    return PublicFile({"Ano-2023.csv.zip": packed.getvalue()}, rows)
