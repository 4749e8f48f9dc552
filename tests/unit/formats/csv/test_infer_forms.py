"""How `contract infer` finds the form of a CSV file: delimiter, header, encoding, lines around the table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from inferring import inferred, loaded, types
from inferring import written as read_back

from lagoa.domain.tables import TableName
from lagoa.errors import SourceError
from lagoa.formats.infer import infer_contract
from lagoa.formats.shared.given import Findings, Given

if TYPE_CHECKING:
    from pathlib import Path

    from lagoa.contracts import Contract
    from lagoa.formats.csv.options import CsvSource

SALES = TableName.parse("bronze.sales")


def of_bytes(folder: Path, content: bytes, name: str = "sales.csv") -> tuple[Contract, CsvSource, str]:
    path = folder / name
    path.write_bytes(content)
    contract, text = inferred(path, SALES)
    source: Any = contract.source
    return contract, source, text


def of_text(folder: Path, text: str, encoding: str = "utf-8") -> tuple[Contract, CsvSource, str]:
    return of_bytes(folder, text.encode(encoding))


RECORDS = [f'"2026";"SP";"SERVIÇO {number}";"{number},50"' for number in range(120)]
ODD = {
    "a note at the end": [*RECORDS, '"(*) valores sujeitos a revisão"'],
    "stray quotes in two": [*RECORDS[:9], '"2026";"SP";"DE "SOM" E LUZ";"1,50"', *RECORDS[9:]],
    "a delimiter inside quotes": [*RECORDS[:9], '"2026";"SP";"VAN; CARRO";"1,50"', *RECORDS[9:]],
    "a short one": [*RECORDS[:9], '"2026";"SP"', *RECORDS[9:]],
}


LINES = "".join(f"{n}|Customer#{n:09}|{n}.50|\n" for n in range(1, 30))


def test_records_without_header_that_end_with_a_delimiter(tmp_path):
    """As the generator of TPC-H writes its tables."""
    contract, source, text = of_text(tmp_path, LINES)
    assert types(contract) == {"column_1": "long", "column_2": "string", "column_3": "double"}
    assert source.header is False
    assert "REVIEW: each record ends with '|': what is behind it is no column." in text
    assert loaded(contract, tmp_path / "sales.csv") == (29, 0)
    for names in (("id", "name", "acctbal"), ("id", "name", "acctbal", "")):
        text = infer_contract(tmp_path / "sales.csv", SALES, Given(names=names))
        contract = read_back(tmp_path, SALES, text)
        assert list(types(contract)) == ["id", "name", "acctbal"]
        assert loaded(contract, tmp_path / "sales.csv") == (29, 0)


def test_a_last_column_that_is_empty_in_quotes_or_has_a_value_stays(tmp_path):
    quoted = "".join(f'{n}|"a"|""\n' for n in range(30))
    assert len(of_text(tmp_path, quoted)[0].columns) == 3
    assert len(of_text(tmp_path, "1|a|\n2|b|x\n" + "3|c|\n" * 30)[0].columns) == 3


@pytest.mark.parametrize("lines", ODD.values(), ids=ODD)
def test_a_few_odd_records_do_not_change_the_delimiter(tmp_path, lines):
    contract, source, text = of_text(tmp_path, "\n".join(['"ANO";"UF";"DS";"VR"', *lines]) + "\n")
    assert (source.delimiter, source.quote, source.header, source.decimal) == (";", '"', True, ",")
    assert [column.source_name for column in contract.columns] == ["ANO", "UF", "DS", "VR"]
    accepted, refused = loaded(contract, tmp_path / "sales.csv")
    assert accepted >= len(RECORDS)
    assert refused <= 1
    assert refused == 0 or "1 of 121 records cannot be read and go to quarantine" in text


def test_a_decimal_comma_is_no_delimiter(tmp_path):
    _, source, _ = of_text(tmp_path, "produto;uf;valor\n" + "".join(f"x;SP;{n},50\n" for n in range(30)))
    assert source.delimiter == ";"
    contract, _, _ = of_text(tmp_path, "valor\n" + "".join(f"{n},50\n" for n in range(30)))
    assert types(contract) == {"valor": "decimal(18, 2)"}
    assert loaded(contract, tmp_path / "sales.csv") == (30, 0)


@pytest.mark.parametrize(
    ("text", "header", "rows"),
    [
        ('"000";"COLIS POSTAUX"\n"013";"AFEGANISTAO"\n"026";"ALBANIA"\n', False, 3),
        ("00123456;0001;PADARIA\n07654321;0001;LOJA\n", False, 2),
        ("LOJA ALFA;ATIVA;SP\nPADARIA BETA;BAIXADA;RJ\nCASA GAMA;ATIVA;MG\n", False, 3),
        ("2026-01-02,a\n2026-01-03,b\n", False, 2),
        ("ABC1234,x\nDEF5678,y\nGHI9012,z\n", False, 3),
        ("LOJA ALFA;ATIVA;SP\nPADARIA BETA;BAIXADA;RJ\nCASA GAMA;SUSPENSA;MG\n", "undecided", 3),
        ("2020,2021,2022\n10,20,30\n1,2,3\n", "undecided", 3),
        ("municipio,2020,2021,2022\nSao Paulo,10,20,30\nPoa,1,2,3\n", True, 2),
        ("cidade,2020,2022\nSao Paulo,2019,2021\nPoa,2018,2022\n", False, 3),
        ("produto,01/2026,02/2026\nA,10,20\nB,1,2\n", True, 2),
        ("produto,12/2025,01/2026\nA,10,20\nB,1,2\n", True, 2),
        ("uf;31/01/2026;01/02/2026\nSP;10;20\nRJ;1;2\n", True, 2),
        ("a^b\n1^x\n2^y\n", True, 2),
        ("nome,cidade\nAna,Poá\nBia,São Paulo\n", True, 2),
        ("razao_social;nome_fantasia\nLOJA ALFA;ALFA\nCASA BETA;BETA\n", True, 2),
        ("sku,qty\n12E4,1\n34E10,2\n", True, 2),
        ("Sigla;Descrição\n" + "".join(f"{each};x {each}\n" for each in ("AC", "AL", "AM", "BA", "CE")), True, 5),
        ("k,v\n1,NULL\nNULL,x\n", True, 2),
    ],
)  # fmt: skip
def test_the_first_record_is_a_header_only_if_something_says_so(tmp_path, text, header, rows):
    contract, source, written = of_text(tmp_path, text)
    assert source.header == header
    if header != "undecided":
        assert loaded(contract, tmp_path / "sales.csv") == (rows, 0)
        return
    assert "REVIEW: line 1 has '" in written
    with pytest.raises(SourceError, match="nobody has decided"):
        loaded(contract, tmp_path / "sales.csv")
    decided = read_back(tmp_path, SALES, written.replace("header: undecided", "header: false"))
    assert loaded(decided, tmp_path / "sales.csv") == (rows, 0)
    decided = read_back(tmp_path, SALES, written.replace("header: undecided", "header: true"))
    assert loaded(decided, tmp_path / "sales.csv") == (rows - 1, 0)
    decided = read_back(tmp_path, SALES, infer_contract(tmp_path / "sales.csv", SALES, Given(header=True)))
    assert loaded(decided, tmp_path / "sales.csv") == (rows - 1, 0)


def test_a_first_record_with_one_value_is_no_title_without_a_header(tmp_path):
    _, source, _ = of_text(tmp_path, "Total;;\nATIVA;LOJA ALFA;SP\nBAIXADA;PADARIA BETA;RJ\n")
    assert (source.header, source.skip) == ("undecided", 0)


def test_a_first_record_that_no_contract_can_name_is_left_out_of_it(tmp_path):
    _, source, written = of_text(tmp_path, "idididididname\0\nname")
    assert source.header == "undecided"
    assert "lagoa.header" not in written


AROUND = {
    "a title": ("Relatório de vendas\nloja;valor\nA;1,50\nB;2,50\n", {"skip": 1}),
    "a title in the width of the table": (
        "Vendas;;\nGerado hoje;;\n\ndata;loja;valor\n01/02/2026;A;1,5\n",
        {"skip": 3},
    ),
    "titles with a line of delimiters": ("Vendas;;\n;;\nuf;loja;valor\nSP;A;1,5\n", {"skip": 2}),
    "a title above years": (
        '"Óbitos"\n"Município";"2019";"2020"\n' + "".join(f'"M{n}";{n};{n}\n' for n in range(9)),
        {"skip": 1},
    ),
    "a header of two lines, the second of years": (
        '"Tabela 6579"\n"Município";"Ano"\n"";"2019";"2020"\n' + "".join(f'"M{n}";{n};{n}\n' for n in range(9)),
        {"skip": 2, "header": True},
    ),
    "keys before the table": (
        "UF:;DF\nESTACAO:;BRASILIA\nData;Hora;Chuva\n" + "".join(f"2026/01/{n:02};{n};,8\n" for n in range(1, 20)),
        {"skip": 2},
    ),
    "Excel's line": ("sep=;\na;b\n1;2\n3;4\n", {"skip": 1, "delimiter": ";"}),
    "an empty line": ("\n\na;b\n1;2\n3;4\n", {"skip": 2}),
    "notes as wide as the table": (
        "loja;uf;valor\n" + "".join(f"L{n};SP;{n},50\n" for n in range(30)) + ";;\nFonte: nós;;\n",
        {"footer": 2},
    ),
    "totals": ("loja;uf;valor\n" + "".join(f"L{n};SP;{n},50\n" for n in range(30)) + "Total;;99,00\n", {"footer": 1}),
    "a note": ("loja;uf;valor\n" + "".join(f"L{n};SP;{n},50\n" for n in range(30)) + "Fonte: nós\n", {"footer": 1}),
}


@pytest.mark.parametrize(("text", "expected"), AROUND.values(), ids=AROUND)
def test_lines_around_the_table_are_left_out_and_said(tmp_path, text, expected):
    contract, source, written = of_text(tmp_path, text)
    assert {key: getattr(source, key) for key in expected} == expected
    lines = len([line for line in text.splitlines() if line.strip()])
    rows, refused = loaded(contract, tmp_path / "sales.csv")
    assert refused == 0
    assert rows > 0
    assert rows < lines
    assert "left out" in written


ENDS = {
    "rows": ("a,b\n1,2,\n3,4,\n5,6,\n", {"a": "long", "b": "long"}, "the header in line 1 has 2"),
    "both": ("a;b;\n1;2;\n3;4;\n", {"a": "long", "b": "long"}, "the last column has no name and no value"),
    "header": ("a;b;\n1;2\n3;4\n5;6\n", {"a": "long", "b": "long"}, "the header ends with ';'"),
    "an index": (",a,b\n0,1,x\n1,2,y\n", {"column_1": "long", "a": "long", "b": "string"}, "column 1 has no name"),
    "twice": ("a,b,a\n1,2,3\n4,5,6\n", {"a_1": "long", "b": "long", "a_3": "long"}, "has 'a' more than once"),
    "a last one with values": ("a;\n1;x\n2;y\n", {"a": "long", "column_2": "string"}, "column 2 has no name"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "found", "said"), ENDS.values(), ids=ENDS)
def test_headers_that_lack_a_name(tmp_path, text, found, said):
    contract, _, written = of_text(tmp_path, text)
    assert types(contract) == found
    assert said in written
    assert loaded(contract, tmp_path / "sales.csv") == (text.count("\n") - 1, 0)


@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("cp850", "Ação São função"), ("cp850", "SÃO PÚBLICO AGÊNCIA"), ("mac_roman", "Ação não câmbio"),
        ("cp1252", "Ação São função d\u2019água"), ("cp1252", "SÃO MUNICÍPIO"), ("cp1252", "Malmö på får"),
        ("cp1252", "Größe Straße København"), ("latin-1", "élève hôpital maïs"),
    ],
)  # fmt: skip
def test_the_encoding_is_told_by_the_letters_in_words(tmp_path, encoding, words):
    contract, source, text = of_text(tmp_path, "cod;nome\n" + f"1;{words}\n" * 3, encoding)
    assert source.encoding == ("cp1252" if encoding == "latin-1" else encoding)
    assert (f"the encoding is {encoding} by its letters: " in text) == (encoding in {"cp850", "mac_roman"})
    assert loaded(contract, tmp_path / "sales.csv") == (3, 0)


def test_a_space_before_a_quote_is_named(tmp_path):
    with pytest.raises(SourceError) as raised:
        of_text(tmp_path, "id, nome\n" + '1, "Silva, Ana"\n' * 9)
    assert raised.value.advice == "In line 2 a space is before a quote, which is no quote then: remove such spaces."


def test_quotes_that_are_seconds_of_arc_mean_nothing(tmp_path):
    places = [f"""{n};23°32'{n % 60:02}"S;46°38'{n % 60:02}"W\n""" for n in range(40)]
    contract, source, text = of_text(tmp_path, "cod;latitude;longitude\n" + "".join(places))
    assert source.quote is None
    assert "quotes mean nothing (quote: null): fields have one inside, as in line 2" in text
    assert loaded(contract, tmp_path / "sales.csv") == (40, 0)


def test_the_encoding_is_that_of_most_lines_that_show_it(tmp_path):
    good = "cod;nome\n" + "".join(f"{n};São José {n}\n" for n in range(300))
    contract, source, text = of_bytes(tmp_path, good.encode() + "300;Poá\n".encode("latin-1"))
    assert source.encoding == "utf-8"
    assert loaded(contract, tmp_path / "sales.csv") == (300, 1)
    assert "1 of 301 records cannot be read and go to quarantine (1 by encoding): line 302" in text
    _, source, _ = of_bytes(tmp_path, good.encode("cp1252") + "300;Poá\n".encode())
    assert source.encoding == "cp1252"
    _, source, _ = of_bytes(tmp_path, b"\xef\xbb\xbf" + "nome,uf\nJoão,SP\nJosé,RJ\nAna,SP\n".encode("latin-1"))
    assert source.encoding == "utf-8"
    for encoding, found in {"utf-16": "utf-16", "utf-16-le": "utf-16-le", "utf-16-be": "utf-16-be"}.items():
        contract, source, _ = of_text(tmp_path, good, encoding)
        assert source.encoding == found
        assert loaded(contract, tmp_path / "sales.csv") == (300, 0)


def test_infer_reads_past_nul_bytes_and_says_where_they_are(tmp_path):
    lines = "".join(f"{n:05};LOJA {n}\n" for n in range(200))
    contract, _, text = of_text(tmp_path, "cnpj;nome\n00123;PADARIA\n00124;LO\0JA\n" + lines)
    assert "1 of 202 records cannot be read and go to quarantine (1 by nul): line 3: a NUL byte" in text
    assert loaded(contract, tmp_path / "sales.csv") == (201, 1)


OTHERS = {
    "HTML": ("<!DOCTYPE html>\n<html><body>404</body></html>\n", "an HTML page"),
    "JSON": ('{"a": 1}\n{"a": 2}\n', "JSON"),
    "fixed widths": ("".join(f"{n:010}  NOME {n:03}    SP\n" for n in range(9)), "fixed widths"),
    "a table without its header": ("Título\n" + "1;2;3\n" * 20, "line 1 has 1 fields, and most records have 3"),
    "given names that are too few": ("1;2\n3;4\n", "its records have 2 fields, and 1 names are given"),
}


@pytest.mark.parametrize(("text", "said"), OTHERS.values(), ids=OTHERS)
def test_other_forms_are_named(tmp_path, text, said):
    path = tmp_path / "sales.csv"
    path.write_text(text, "utf-8")
    given = Given(names=("a",)) if "given" in said else None
    with pytest.raises(SourceError, match=said) as raised:
        infer_contract(path, SALES, given)
    assert "lagoa.source" not in str(raised.value)


def test_what_is_given_is_not_guessed(tmp_path):
    path = tmp_path / "sales.csv"
    path.write_bytes(b"lixo\nlixo\n1|01022026|1.234|-\n2|03042026|5.678|9\nfim\n")
    given = Given(
        names=("id", "dia", "valor", "obs"), skip=2, footer=1, nulls=(("obs", "-"),), decimal=",", thousands=".",
        delimiter="|", encoding="latin-1", date="ddmmyyyy",
    )  # fmt: skip
    findings = Findings()
    text = infer_contract(path, SALES, given, findings)
    contract = read_back(tmp_path, SALES, text)
    source: Any = contract.source
    assert (source.header, source.skip, source.footer, source.delimiter) == (["id", "dia", "valor", "obs"], 2, 1, "|")
    assert (source.encoding, source.date, source.decimal) == ("latin-1", "ddmmyyyy", ",")
    assert types(contract) == {"id": "long", "dia": "date", "valor": "long", "obs": "long"}
    assert loaded(contract, path) == (2, 0)
    assert "encoding: latin-1, given" in findings.tried
    with pytest.raises(SourceError, match="it has no column 'none'"):
        infer_contract(path, SALES, Given(skip=2, nulls=(("none", "-"),)))


@pytest.mark.parametrize(
    ("name", "content", "given"),
    [
        ("a.csv", "a;b\n1;2\n", Given(records="value")),
        ("a.json", '[{"a": 1}, {"a": 2}]', Given(skip=1)),
        ("a.jsonl", '{"a": 1}\n', Given(header=False)),
    ],
)
def test_what_files_of_a_format_do_not_have_cannot_be_given(tmp_path, name, content, given):
    (tmp_path / name).write_text(content, "utf-8")
    with pytest.raises(SourceError, match=r"is given, which (CSV|JSON) files do not have"):
        infer_contract(tmp_path / name, SALES, given)


def test_words_for_null_are_given_for_json_as_well(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"a": "x", "b": "NA"}\n{"a": "NA", "b": "y"}\n', "utf-8")
    text = infer_contract(tmp_path / "a.jsonl", SALES, Given(nulls=(("*", "NA"), ("b", "y"))))
    assert [column.nulls for column in read_back(tmp_path, SALES, text).columns] == [("NA",), ("NA", "y")]


def test_files_of_one_table_are_looked_at_together(tmp_path):
    (tmp_path / "mov202601.csv").write_text("cod;n;valor\n1000000;1;1,50\n2000000;2;2,50\n", "utf-8")
    (tmp_path / "mov202602.csv").write_text("cod;n;valor\n0000007;x;1,55\n3000000;2;2,25\n4000000;3;2,25\n", "utf-8")
    text = infer_contract([tmp_path / "mov202601.csv", tmp_path / "mov202602.csv"], SALES)
    assert 'file: "mov*.csv"' in text
    assert "# Guessed from 2 files" in text
    assert "physicalType: string  # digits, and 1 of them begin with 0 or +" in text
    assert "n: all but 1 of 5 are numbers: 'x' (line 2 of mov202602.csv)" in text


def test_a_column_that_some_files_lack_is_null_there(tmp_path):
    contents = {
        "mov1.csv": "cod;n\n01;1\n02;2\n",
        "mov2.csv": "cod;n;obs\n03;3;x\n",
        "mov3.csv": "cod;n;obs;uf\n04;4;y;SP\n",
    }
    for name, content in contents.items():
        (tmp_path / name).write_text(content, "utf-8")
    paths = [tmp_path / name for name in contents]
    text = infer_contract(paths, SALES)
    contract = read_back(tmp_path, SALES, text)
    assert types(contract) == {"cod": "string", "n": "long", "obs": "string", "uf": "string"}
    assert [loaded(contract, path) for path in paths] == [(2, 0), (1, 0), (1, 0)]
    assert "REVIEW: the column 'uf' is not in mov1.csv, mov2.csv: it is null there" in text
    assert infer_contract(paths[::-1], SALES).count("it is null there") == 2


def test_files_of_one_table_that_each_have_an_own_column_are_refused(tmp_path):
    (tmp_path / "a.csv").write_text("cod;old\n1;x\n", "utf-8")
    (tmp_path / "b.csv").write_text("cod;new\n1;x\n", "utf-8")
    with pytest.raises(SourceError, match=r"a\.csv: it has the column 'old', and b\.csv has another instead"):
        infer_contract([tmp_path / "a.csv", tmp_path / "b.csv"], SALES)
    (tmp_path / "b.csv").write_text("cod|old\n1|x\n", "utf-8")
    with pytest.raises(SourceError, match=r"b\.csv: it is no file of the table of a\.csv: its line 1 has the columns"):
        infer_contract([tmp_path / "a.csv", tmp_path / "b.csv"], SALES)


def test_a_total_that_lacks_nothing_is_for_a_reviewer(tmp_path):
    records = "".join(f"U{n};{n};{n},5\n" for n in range(30))
    contract, source, text = of_text(tmp_path, f"uf;n;valor\n{records}TOTAL GERAL;435;450,0\n")
    assert source.footer == 0
    assert (
        "the last record has 'TOTAL GERAL' (line 32) and is read as the others: if it is no data, write footer: 1"
        in text
    )
    edited = read_back(tmp_path, SALES, text.replace("header: true", "header: true, footer: 1"))
    assert loaded(edited, tmp_path / "sales.csv") == (30, 0)
    assert loaded(contract, tmp_path / "sales.csv") == (31, 0)


def test_amounts_below_a_thousand_may_have_its_mark_later(tmp_path):
    rows = "".join(f"{n};{n}.000,50;0,00;{n},5\n" for n in range(1, 60))
    contract, source, _ = of_text(tmp_path, f"id;valor_bruto;valor_retido;media\n{rows}")
    assert source.decimal == ","
    assert [column.thousands for column in contract.columns] == [None, ".", ".", None]
    (tmp_path / "later.csv").write_text("id;valor_bruto;valor_retido;media\n1;1,00;2.345,67;1,5\n")
    assert loaded(contract, tmp_path / "later.csv") == (1, 0)


def test_amounts_among_more_codes_for_nothing(tmp_path):
    rows = "".join(f"{n};{'R$ 1.234,50' if n % 3 == 0 else -1 if n % 3 == 1 else -3}\n" for n in range(60))
    _, _, text = of_text(tmp_path, f"id;vr_despesa\n{rows}")
    assert "all but 40 of 60 are numbers: '-1' (20 times, first in line 3), '-3' (20 times, first in line 4)" in text
    assert '{property: lagoa.unit, value: "R$"}, {property: lagoa.nulls, value: ["-1", "-3"]}' in text
