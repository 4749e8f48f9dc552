from __future__ import annotations

import json
import re
import textwrap
from importlib import resources
from pathlib import Path

import pytest
from checkout import ROOT
from jsonschema import Draft201909Validator, Draft202012Validator

import lagoa
from lagoa.contracts import Contracts
from lagoa.contracts.contract import LINEAGE
from lagoa.contracts.documents import from_document, to_document
from lagoa.contracts.properties import properties_schema
from lagoa.contracts.yaml_file import ContractFile
from lagoa.domain.tables import TableName
from lagoa.errors import ContractError
from lagoa.formats import FORMATS

SALES = TableName.parse("silver.sales")
HEAD = """
apiVersion: v3.1.0
kind: DataContract
id: silver.sales
name: silver.sales
version: 1.0.0
"""
TABLE = """
schema:
  - name: sales
    physicalName: silver.sales
    description: One row a sale.
"""
COLUMNS = """
    properties:
      - name: sale_id
        logicalType: integer
        physicalType: long
        required: true
        primaryKey: true
        description: Identifier.
      - name: sold_at
        logicalType: timestamp
        physicalType: timestamp
      - name: price
        logicalType: number
        physicalType: decimal(10,2)
"""
FULL = HEAD.strip() + TABLE.rstrip() + COLUMNS


def write(folder: Path, text: str, name: str = "silver/sales") -> Path:
    """Write a contract; return its file."""
    path = folder / f"{name}.odcs.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def load(folder: Path, text: str, name: str = "silver/sales"):
    write(folder, text, name)
    contract = Contracts.load(folder, FORMATS)[TableName.parse(name.replace("/", "."))]
    kept = from_document(to_document(contract), contract.table, contract.file, FORMATS)
    assert kept == contract, "a cache keeps all of it"
    return contract


def with_columns(text: str, table: str = "") -> str:
    """Return a contract with these columns, and these further keys of the table."""
    indented = textwrap.indent(textwrap.dedent(text).strip("\n"), " " * 6)
    rest = textwrap.indent(textwrap.dedent(table).strip("\n"), " " * 4)
    return f"{HEAD.strip()}{TABLE.rstrip()}\n    properties:\n{indented}\n{rest}\n"


def with_table(table: str) -> str:
    return FULL + textwrap.indent(textwrap.dedent(table).strip("\n"), " " * 4) + "\n"


def refused(folder: Path, text: str) -> ContractError:
    """Load a contract whose error stands in the line marked by ◆; return the error."""
    lines = text.split("\n")
    marked = [number for number, line in enumerate(lines, 1) if "◆" in line]
    assert len(marked) == 1
    path = write(folder, text.replace("◆", ""))
    with pytest.raises(ContractError) as raised:
        Contracts.load(folder, FORMATS)
    error = raised.value
    assert (error.file, error.line) == (str(path), marked[0]), str(error)
    assert str(error).startswith(f"{path}:{marked[0]}: ")
    assert error.advice, "an error says what to do next"
    return error


def test_contract_holds_what_its_file_says(tmp_path):
    contract = load(
        tmp_path,
        HEAD.strip()
        + "\nteam: {name: sales-data}"
        + TABLE.rstrip()
        + """
    properties:
      - {name: region, physicalType: string, required: true, primaryKey: true, primaryKeyPosition: 2}
      - {name: sale_id, physicalType: long, required: true, primaryKey: true, primaryKeyPosition: 1}
      - name: email
        physicalType: string
        unique: true
        description: Where the receipt goes.
        classification: personal
        logicalTypeOptions: {pattern: '@', format: email, minLength: 3, maxLength: 254}
        customProperties:
          - {property: lagoa.formerName, value: mail}
          - {property: lagoa.severity, value: warn}
          - {property: vendor.thing, value: {any: [thing]}}
      - {name: state, physicalType: string, enum: [{value: SP}, {value: RJ}]}
      - {name: price, physicalType: 'decimal( 10,2 )', logicalTypeOptions: {minimum: 0, exclusiveMaximum: 1000.5}}
      - {name: sold_on, physicalType: date, logicalTypeOptions: {minimum: 2016-01-01}}
      - {name: parts, physicalType: "list<struct<sku:string,n:int>>"}
    customProperties:
      - {property: lagoa.partition, value: [month(sold_on), "bucket(16, sale_id)", region]}
      - {property: lagoa.sort, value: [region, sold_on desc]}
      - {property: lagoa.orderBy, value: sold_on}
      - {property: lagoa.materialization, value: merge}
      - {property: lagoa.quarantineShare, value: 0}
      - {property: lagoa.rowCountChange, value: 0.2}
      - {property: lagoa.drift, value: {price: 0.25}}
""",
    )
    assert contract.table == SALES
    assert (contract.version, contract.description, contract.owner) == ("1.0.0", "One row a sale.", "sales-data")
    assert contract.key == ("sale_id", "region")
    assert contract.partition == ("month(sold_on)", "bucket(16, sale_id)", "region")
    assert contract.sort == ("region", "sold_on desc")
    assert (contract.order_by, contract.materialization, contract.source) == ("sold_on", "merge", None)
    assert (contract.quarantine_share, contract.row_count_change, dict(contract.drift)) == (0, 0.2, {"price": 0.25})
    columns = {column.name: column for column in contract.columns}
    assert columns == {column.name: column for column in contract.all_columns}
    email = columns["email"]
    assert (email.pattern, email.format, email.min_length, email.max_length) == ("@", "email", 3, 254)
    assert (email.unique, email.required, email.former_names, email.severity) == (True, False, ("mail",), "warn")
    assert (email.header, email.source_name, email.classification) == (None, "email", "personal")
    assert columns["state"].enum == ("SP", "RJ")
    assert (columns["price"].type, columns["price"].minimum) == ("decimal(10, 2)", 0)
    assert (columns["price"].maximum, columns["price"].exclusive_maximum) == (None, 1000.5)
    assert columns["sold_on"].minimum == "2016-01-01"
    assert columns["parts"].type == "list<struct<sku: string, n: int>>"


def test_schema_spec_and_order_follow_from_the_contract(tmp_path):
    contract = load(
        tmp_path,
        with_columns(
            """
            - {name: sale_id, physicalType: long, required: true, primaryKey: true, description: Identifier.}
            - {name: sold_at, physicalType: timestamp}
            - {name: parts, physicalType: "map<string, list<struct<sku: string, at: date>>>"}
            - {name: code, physicalType: "fixed[4]"}
            """,
            """
            customProperties:
              - property: lagoa.partition
                value: [month(sold_at), "bucket(16, sale_id)", "truncate(3, sale_id)"]
              - {property: lagoa.sort, value: [sale_id desc, sold_at, code asc nulls last]}
            """,
        ),
    )
    schema = contract.schema()
    assert [str(field) for field in schema.fields] == [
        "1: sale_id: required long (Identifier.)",
        "2: sold_at: optional timestamp",
        "3: parts: optional map<string, list<struct<8: sku: optional string, 9: at: optional date>>>",
        "4: code: optional fixed[4]",
    ]
    assert schema.identifier_field_ids == [1]
    spec = contract.partition_spec(schema)
    assert [(field.source_id, str(field.transform), field.name) for field in spec.fields] == [
        (2, "month", "sold_at_month"),
        (1, "bucket[16]", "sale_id_bucket"),
        (1, "truncate[3]", "sale_id_trunc"),
    ]
    order = contract.sort_order(schema)
    assert [(field.source_id, field.direction.name, field.null_order.name) for field in order.fields] == [
        (1, "DESC", "NULLS_LAST"),
        (2, "ASC", "NULLS_FIRST"),
        (4, "ASC", "NULLS_LAST"),
    ]


def test_schema_makes_a_table_in_any_iceberg_catalog(tmp_path):
    from pyiceberg.catalog.memory import InMemoryCatalog

    types = ["boolean", "int", "long", "float", "double", "decimal(38, 9)", "date", "time", "timestamp", "timestamptz"]
    types += ["string", "uuid", "binary", "fixed[16]", "list<long>", "map<string, double>", "struct<a: int, b: date>"]
    columns = "\n".join(f"- {{name: c{number}, physicalType: '{kind}'}}" for number, kind in enumerate(types))
    custom = "customProperties: [{property: lagoa.partition, value: [day(c8)]}, {property: lagoa.sort, value: [c0]}]"
    contract = load(tmp_path / "iceberg", with_columns(columns, custom))
    catalog = InMemoryCatalog("test", warehouse=str(tmp_path / "warehouse"))
    catalog.create_namespace("silver")
    schema = contract.schema()
    table = catalog.create_table(
        "silver.sales", schema, None, contract.partition_spec(schema), contract.sort_order(schema)
    )
    assert [field.name for field in table.schema().fields] == [column.name for column in contract.columns]
    assert len(table.spec().fields) == len(table.sort_order().fields) == 1


def test_table_with_a_source_has_lineage_columns_and_may_partition_by_them(tmp_path):
    contract = load(
        tmp_path,
        with_table(
            """
            customProperties:
              - {property: lagoa.source, value: {format: csv, file: sales.csv, delimiter: ;, decimal: ",", quote: null}}
              - {property: lagoa.partition, value: [day(_ingested_at)]}
            """
        ),
    )
    assert contract.source is not None
    assert (contract.source.delimiter, contract.source.decimal, contract.source.quote) == (";", ",", None)
    assert (contract.source.encoding, contract.source.header, contract.source.null) == ("utf-8", True, "")
    assert contract.all_columns == contract.columns + LINEAGE
    assert contract.schema().find_field("_row").required
    assert contract.partition_spec(contract.schema()).fields[0].name == "_ingested_at_day"
    assert contract.column("_row") == LINEAGE[3]
    assert contract.column("nothing") is None


def test_unpartitioned_and_unsorted_without_a_word_of_it(tmp_path):
    contract = load(tmp_path, FULL)
    assert contract.partition_spec(contract.schema()).is_unpartitioned()
    assert contract.sort_order(contract.schema()).is_unsorted


def test_hash_is_of_what_is_said_and_not_of_how(tmp_path):
    first = load(tmp_path, FULL).hash
    assert load(tmp_path, "# a comment\n" + FULL.replace("required: true", "required:   true  # so")).hash == first
    reordered = FULL.replace("version: 1.0.0\n", "").replace("kind:", "version: '1.0.0'\nkind:")
    assert load(tmp_path, reordered).hash == first
    assert (
        load(tmp_path, FULL.replace("required: true", "required: false").replace("        primaryKey: true\n", "")).hash
        != first
    )


def test_quarantine_tables_have_a_contract_of_their_own(tmp_path):
    write(tmp_path, FULL)
    contracts = Contracts.load(tmp_path, FORMATS)
    quarantine = contracts[SALES.quarantine]
    assert str(quarantine.table) == "quarantine.silver__sales"
    assert [column.name for column in quarantine.columns] == [
        "rule", "column_name", "reason", "record", "byte_offset", "raw", "source", "_batch_id", "_quarantined_at",
        "header", "fate", "fate_batch", "fate_by", "fate_at", "fate_reason", "fixed",
    ]  # fmt: skip
    assert quarantine.columns == quarantine.all_columns
    assert quarantine.schema().find_field("raw").field_type.__class__.__name__ == "BinaryType"
    assert SALES.quarantine in contracts
    assert [contract.table for contract in contracts] == [SALES] == list(contracts.tables)
    assert contracts.get(TableName.parse("quarantine.silver__other")) is None
    assert "silver.sales" not in contracts


def test_unknown_table_says_where_its_contract_belongs(tmp_path):
    write(tmp_path, FULL)
    contracts = Contracts.load(tmp_path, FORMATS)
    with pytest.raises(ContractError, match=r"Did you mean 'silver\.sales'\?") as raised:
        contracts[TableName.parse("silver.sale")]
    assert raised.value.file == str(tmp_path / "silver" / "sale.odcs.yaml")
    assert contracts.get(TableName.parse("silver.sale")) is None


def test_no_folder_is_no_contracts(tmp_path):
    assert len(Contracts.load(tmp_path / "iceberg", FORMATS)) == 0


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("sales.odcs.yaml", "would not be read"),
        ("silver/deep/sales.odcs.yaml", "would not be read"),
        ("silver/sales.odcs.yml", "would not be read"),
        ("silver/sales.yaml", "would not be read"),
        ("silver/Sales.odcs.yaml", "not a valid table name"),
        ("silver/a.b.odcs.yaml", "not a valid table name"),
        ("quarantine/silver__sales.odcs.yaml", "Lagoa's own"),
    ],
)
def test_a_file_that_would_be_overlooked_is_refused(tmp_path, path, said):
    file = tmp_path / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(FULL)
    with pytest.raises(ContractError, match=said) as raised:
        Contracts.load(tmp_path, FORMATS)
    assert raised.value.file == str(file)


def test_hidden_and_foreign_files_are_left_alone(tmp_path):
    write(tmp_path, FULL)
    (tmp_path / ".ipynb_checkpoints").mkdir()
    (tmp_path / ".ipynb_checkpoints" / "sales.odcs.yaml").write_text("nonsense")
    (tmp_path / "README.md").write_text("# Contracts")
    assert Contracts.load(tmp_path, FORMATS).tables == (SALES,)


BAD_YAML = {
    "a: [1\n◆b: 2": "this is not valid YAML",
    "a: b: c◆": "this is not valid YAML",
    "\t◆a: 1": "this is not valid YAML",
    "a: 1\n◆a: 2": "the key 'a' occurs twice",
    "a:\n  - b: 1\n    ◆b: 2": "the key 'b' occurs twice",
    "a: 1\n---◆\na: 2": "another document",
    "a: ◆&x [1]\nb: *x": "an alias",
    "a: {b: 1}\n◆<<: {c: 1}": "this key is not a text",
    "◆1: a": "this key is not a text",
    "a: 1\nb: ◆!!python/object:os.system x": "are not allowed",
    "◆- a": "no keys and values",
    "◆text": "no keys and values",
    "◆": "no keys and values",
    "a: 1\nb: ◆2016-13-01": "'2016-13-01' is not a valid value",
    'a: "\\0◆"': "a NUL character",
}


@pytest.mark.parametrize(("text", "said"), BAD_YAML.items(), ids=BAD_YAML.values())
def test_bad_yaml(tmp_path, text, said):
    assert said in refused(tmp_path, text).message


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 50_000, "- " * 5_000 + "a"])
def test_endless_nesting_is_an_error_and_no_crash(tmp_path, text):
    with pytest.raises(ContractError, match="nested too deeply"):
        ContractFile(write(tmp_path, text))


def test_files_that_cannot_be_read(tmp_path):
    path = write(tmp_path, "x")
    path.write_bytes(b"a: 1\nb: caf\xe9\n")
    with pytest.raises(ContractError, match=r":2: the text is not UTF-8"):
        ContractFile(path)
    path.write_bytes(b"#" * 1_000_001)
    with pytest.raises(ContractError, match="larger than"):
        ContractFile(path)
    with pytest.raises(ContractError, match="cannot be read"):
        ContractFile(tmp_path)


def test_a_byte_order_mark_is_no_harm(tmp_path):
    path = write(tmp_path, "")
    path.write_bytes(b"\xef\xbb\xbf" + FULL.encode())
    assert Contracts.load(tmp_path, FORMATS)[SALES].version == "1.0.0"


UNKNOWN_KEYS = {
    "top": FULL + "◆stauts: active\n",
    "description": FULL + "description:\n  ◆purpos: x\n",
    "team": FULL + "team:\n  name: x\n  ◆nmae: y\n",
    "member": FULL + "team:\n  members:\n    - ◆user: y\n",
    "sla": FULL + "slaProperties:\n  - property: latency\n    ◆valeu: 1\n",
    "server": FULL + "servers:\n  - server: x\n    ◆hots: x\n",
    "table": with_table("◆propertys: []"),
    "column": with_columns("- name: a\n  ◆requird: true\n  physicalType: long"),
    "option": with_columns("- name: a\n  physicalType: string\n  logicalTypeOptions:\n    ◆maxLenght: 3"),
    "enum": with_columns("- name: a\n  physicalType: string\n  enum:\n    - ◆valeu: x"),
    "relationship": with_columns("- name: a\n  physicalType: long\n  relationships:\n    - ◆too: a.b.c"),
    "custom property": with_table("customProperties:\n  - property: x\n    ◆valu: 1"),
    "lagoa property of a table": with_table("customProperties:\n  - ◆property: lagoa.partitions\n    value: []"),
    "lagoa property of a column": with_columns(
        "- name: a\n  physicalType: long\n  customProperties:\n    - ◆property: lagoa.formername\n      value: b"
    ),
    "lagoa.source": with_table(
        "customProperties:\n  - property: lagoa.source\n    value:\n      format: csv\n      ◆delimeter: ','"
    ),
}


@pytest.mark.parametrize("text", UNKNOWN_KEYS.values(), ids=UNKNOWN_KEYS)
def test_unknown_keys_at_every_level(tmp_path, text):
    error = refused(tmp_path, text)
    assert "is not known" in error.message
    assert "Known " in error.advice


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (UNKNOWN_KEYS["top"], "status"),
        (UNKNOWN_KEYS["column"], "required"),
        (UNKNOWN_KEYS["option"], "maxLength"),
        (UNKNOWN_KEYS["lagoa.source"], "delimiter"),
        (UNKNOWN_KEYS["lagoa property of a table"], "lagoa.partition"),
        (UNKNOWN_KEYS["team"], "name"),
    ],
)
def test_unknown_keys_are_answered_with_what_was_meant(tmp_path, text, meant):
    assert f"Did you mean '{meant}'?" in refused(tmp_path, text).message


WRONG_TYPES = {
    "schema must be a list": HEAD.strip() + "\n◆schema: {name: sales}\n",
    "schema[1].properties must be a list": HEAD.strip() + "\nschema:\n  - name: sales\n    ◆properties: x\n",
    "schema[1].properties[1].required must be true or false": with_columns(
        "- {name: a, physicalType: long,◆ required: 1}"
    ),
    "schema[1].properties[1].name must be text": with_columns("- ◆name: 1\n  physicalType: long"),
    "version must be text": FULL.replace("version: 1.0.0", "◆version: 1.0"),
    "schema[1].properties[1].primaryKeyPosition must be a whole number": with_columns(
        "- {name: a, physicalType: long,◆ primaryKeyPosition: '1'}"
    ),
    "team must be": FULL + "◆team: data\n",
    "team.name must be text": FULL + "team: {◆name: 1}\n",
    "tags must be a list": FULL + "◆tags: a\n",
    "schema[1].customProperties[1].value.format is missing": with_table(
        "customProperties:\n  - property: lagoa.source\n    ◆value: {delimiter: ','}"
    ),
    "value.header must be true or false": with_table(
        "customProperties:\n  - property: lagoa.source\n    value: {format: csv,◆ header: 'yes'}"
    ),
    "value.delimiter: String should have at most 1 character": with_table(
        "customProperties:\n  - property: lagoa.source\n    value: {format: csv,◆ delimiter: '||'}"
    ),
    "value.format: Input should be 'csv'": with_table(
        "customProperties:\n  - property: lagoa.source\n    value: {◆format: dbf}"
    ),
    "value.file: String should match": with_table(
        "customProperties:\n  - property: lagoa.source\n    value: {format: csv,◆ file: ../a.csv}"
    ),
    "value[2] must be text": with_table(
        "customProperties:\n  - property: lagoa.partition\n    value:\n      - price\n      - ◆3"
    ),
    "value must be a list": with_table("customProperties:\n  - property: lagoa.sort\n    ◆value: price"),
    "value: Input should be 'full', 'merge', 'scd2' or 'incremental'": with_table(
        "customProperties:\n  - property: lagoa.materialization\n    ◆value: view"
    ),
    "less than or equal to 1": with_table("customProperties:\n  - property: lagoa.quarantineShare\n    ◆value: 5"),
    "greater than or equal to 0": with_table("customProperties:\n  - property: lagoa.rowCountChange\n    ◆value: -1"),
    "value.price must be a number": with_table(
        "customProperties:\n  - property: lagoa.drift\n    value:\n      ◆price: much"
    ),
}


@pytest.mark.parametrize(("said", "text"), WRONG_TYPES.items(), ids=WRONG_TYPES)
def test_values_of_the_wrong_kind(tmp_path, said, text):
    assert said in refused(tmp_path, text).message


def drop(line: str) -> str:
    return "◆" + FULL.replace(f"{line}\n", "")


MISSING = {
    "apiVersion is missing": drop("apiVersion: v3.1.0"),
    "kind is missing": drop("kind: DataContract"),
    "id is missing": drop("id: silver.sales"),
    "name is missing": drop("name: silver.sales"),
    "version is missing": drop("version: 1.0.0"),
    "schema is missing": "◆" + HEAD.strip() + "\n",
    "apiVersion 'v2.2.0' is not supported": FULL.replace("apiVersion: v3.1.0", "◆apiVersion: v2.2.0"),
    "kind 'Contract' is not supported": FULL.replace("kind: DataContract", "◆kind: Contract"),
    "name is 'silver.sale', but by its folder": FULL.replace("◆name", "")
    .replace("name: silver.", "◆name: silver.", 1)
    .replace("name: silver.sales", "name: silver.sale", 1),
    "name is 'sale', but by its folder": FULL.replace("- name: sales", "- ◆name: sale"),
    "physicalName is 'gold.sales'": FULL.replace("physicalName: silver", "◆physicalName: gold"),
    "schema is missing.": HEAD.strip() + "\n◆schema: []\n",
    "schema has 2 tables": FULL + "  - ◆name: b\n",
    "the table has no columns": HEAD.strip() + TABLE.replace("- name", "- ◆name") + "",
    "is not a valid column name": with_columns("- ◆name: Sale\n  physicalType: long"),
    "name is missing.": with_columns("- ◆physicalType: long"),
    "physicalType is missing": with_columns("- ◆name: a"),
    "the SQL engine adds a column of this name": with_columns("- ◆name: _lagoa_file\n  physicalType: long"),
    "column file_row_number: the SQL engine adds": with_columns("- ◆name: file_row_number\n  physicalType: long"),
    "occurs twice": with_columns("- {name: a, physicalType: long}\n- {◆name: a, physicalType: long}"),
    "a custom property has no name": with_table("customProperties:\n  - ◆value: 1"),
    "lagoa.sort is set twice": with_table(
        "customProperties:\n  - {property: lagoa.sort, value: []}\n  - {◆property: lagoa.sort, value: []}"
    ),
    "lagoa.sort is at the top of the contract": FULL + "customProperties:\n  - ◆{property: lagoa.sort, value: []}\n",
    "quality of a table are not supported": with_table("◆quality: [{type: sql}]"),
    "relationships of a table are not supported": with_table("◆relationships: [{from: a, to: b}]"),
    "quality is not supported": with_columns("- name: a\n  physicalType: long\n  ◆quality: [{type: sql}]"),
    "partitioned is not supported": with_columns("- name: a\n  physicalType: long\n  ◆partitioned: true"),
    "items is not supported": with_columns("- name: a\n  physicalType: long\n  ◆items: {physicalType: long}"),
    "physicalName differs from name": with_columns("- name: a\n  physicalType: long\n  ◆physicalName: b"),
}


@pytest.mark.parametrize(("said", "text"), MISSING.items(), ids=MISSING)
def test_parts_that_are_missing_or_misplaced(tmp_path, said, text):
    assert said in refused(tmp_path, text).message


TYPES = {
    "varchar": "Did you mean 'string'?",
    "bigint": "Did you mean 'long'?",
    "strng": "Did you mean 'string'?",
    "decimal": "Did you mean 'decimal(p, s)'?",
    "LONG": "Did you mean 'long'?",
    "decimal(39, 2)": "1 to 38 digits",
    "decimal(2, 3)": "its scale is at most its precision",
    "decimal(x, 2)": "expected a number at 'x'",
    "decimal(10 2)": "expected ',' at '2'",
    "decimal(10, 2": "expected ')' at 'the end'",
    "long long": "expected the end at 'long'",
    "list": "Did you mean 'list<…>'?",
    "list<>": "'>' is not an Iceberg type",
    "list<int, int>": "expected '>' at ','",
    "list<text>": "Did you mean 'string'?",
    "map<string>": "expected ',' at '>'",
    "struct<a int>": "expected ':' at 'int'",
    "struct<a: int, a: int>": "'a' is an invalid or duplicate field name",
    "struct<`a-b`: int, `A-B`: int>": "'A-B' is an invalid or duplicate field name",
    "struct<`a b: int>": "unexpected '`'",
    "struct<a-b: int>": "unexpected '-'",
    "struct<>": "is an invalid or duplicate field name",
    "fixed": "Did you mean 'fixed[n]'?",
    "a;b": "unexpected ';'",
    "list<" * 30 + "int" + ">" * 30: "nested too deeply",
}


@pytest.mark.parametrize(("kind", "said"), TYPES.items(), ids=[*list(TYPES)[:-1], "deep"])
def test_types_that_are_none_of_icebergs(tmp_path, kind, said):
    assert said in refused(tmp_path, with_columns(f"- name: a\n  ◆physicalType: {json.dumps(kind)}")).message


def test_logical_type_goes_with_the_physical_one(tmp_path):
    text = with_columns("- name: a\n  ◆logicalType: string\n  physicalType: long")
    error = refused(tmp_path, text)
    assert "logicalType 'string' does not match physicalType long" in error.message
    assert "integer" in error.advice


OPTIONS = {
    "a look-ahead": ("string", "pattern: '(?=a)b'", "not supported by RE2"),
    "a look-behind": ("string", "pattern: '(?<!a)b'", "not supported by RE2"),
    "a back reference": ("string", r"pattern: '(a)\1'", "not supported by RE2"),
    "a possessive repeat": ("string", "pattern: 'a++'", "not supported by RE2"),
    "an atomic group": ("string", "pattern: '(?>a)'", "not supported by RE2"),
    "a huge repeat": ("string", "pattern: 'a{1001}'", "not supported by RE2"),
    "verbose patterns": ("string", "pattern: '(?x) a'", "not supported by RE2"),
    "an end that is Python's": ("string", "pattern: 'a\\Z'", "not supported by RE2"),
    "no pattern": ("string", "pattern: '[a'", "not a regular expression"),
    "a pattern for numbers": ("long", "pattern: a", "is not known for long"),
    "no text": ("string", "pattern: 1", "is not text"),
    "an unknown format": ("string", "format: e-mail", "Did you mean 'email'?"),
    "a format of dates": ("date", "format: dd/MM/yyyy", "is not known for date"),
    "a negative length": ("string", "minLength: -1", "not a number of characters"),
    "a length of half": ("string", "maxLength: 1.5", "not a number of characters"),
    "a length of true": ("string", "maxLength: true", "not a number of characters"),
    "a range of text": ("string", "minimum: 1", "is not known for string"),
    "a text for a number": ("long", "minimum: '1'", "is not a number"),
    "infinity": ("double", "maximum: .inf", "is not a number"),
    "a number of many digits": ("decimal(8, 2)", f"minimum: 1{'0' * 400}", "0… is not a number that a column can have"),
    "a length of many digits": ("string", f"minLength: 1{'0' * 400}", "0… is not a number of characters"),
    "true for a number": ("double", "maximum: true", "is not a number"),
    "a number for a date": ("date", "minimum: 2016", "is not a date"),
    "a date that is none": ("date", "minimum: '2016-02-30'", "is not a date"),
    "a zone where none is": ("timestamp", "minimum: '2016-01-01T00:00:00Z'", "has a time zone"),
    "a moment for a time": ("time", "minimum: '2016-01-01'", "is not a time"),
    "options of a boolean": ("boolean", "minimum: 1", "is not known for boolean"),
    "options of a list": ("list<int>", "minItems: 1", "is not known for list<int>"),
}


@pytest.mark.parametrize(("kind", "option", "said"), OPTIONS.values(), ids=OPTIONS)
def test_options_that_cannot_be_used(tmp_path, kind, option, said):
    text = with_columns(f"- name: a\n  physicalType: {kind}\n  logicalTypeOptions:\n    ◆{option}")
    assert said in refused(tmp_path, text).message


@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [
        ("string", "minLength: 3", "maxLength: 2"),
        ("long", "minimum: 3", "maximum: 2"),
        ("long", "minimum: 3", "exclusiveMaximum: 3"),
        ("double", "exclusiveMinimum: 3", "maximum: 3.0"),
        ("date", "minimum: 2016-01-02", "maximum: 2016-01-01"),
        ("timestamptz", "minimum: '2016-01-01T00:00:00Z'", "maximum: '2016-01-01T01:00:00+03:00'"),
    ],
)
def test_limits_that_no_value_meets(tmp_path, kind, low, high):
    text = with_columns(f"- name: a\n  physicalType: {kind}\n  logicalTypeOptions:\n    {low}\n    ◆{high}")
    assert "no value is allowed" in refused(tmp_path, text).message


@pytest.mark.parametrize(("kind", "value"), [("long", "3"), ("date", "'2016-01-01'"), ("string", "3")])
def test_equal_limits_allow_one_value(tmp_path, kind, value):
    low, high = ("minLength", "maxLength") if kind == "string" else ("minimum", "maximum")
    load(
        tmp_path,
        with_columns(f"- {{name: a, physicalType: {kind}, logicalTypeOptions: {{{low}: {value}, {high}: {value}}}}}"),
    )


ENUMS = {
    "NO without quotes": ("string", "{value: NO}", "False is not of type string. Put it in quotes."),
    "a number for text": ("string", "{value: 1}", "Put it in quotes."),
    "text for a number": ("long", "{value: '1'}", "is not of type long"),
    "true for a number": ("long", "{value: true}", "is not of type long"),
    "a fraction for an integer": ("int", "{value: 1.5}", "is not of type int"),
    "nothing": ("string", "{label: a}", "None is not of type string"),
    "twice": ("string", "{value: a}, {value: a}", "is in enum twice"),
    "a number of many digits": ("decimal(8, 2)", f"{{value: 1{'0' * 400}}}", "0… is not of type decimal(8, 2)"),
    "a list": ("list<int>", "{value: [1]}", "is not of type list<int>"),
    "no date": ("date", "{value: yesterday}", "is not a date"),
}


@pytest.mark.parametrize(("kind", "values", "said"), ENUMS.values(), ids=ENUMS)
def test_enum_values_that_do_not_fit(tmp_path, kind, values, said):
    text = with_columns(f"- name: a\n  physicalType: {kind}\n  enum: [◆{values}]")
    assert said in refused(tmp_path, text).message


def test_empty_enum_allows_nothing(tmp_path):
    assert "allows no value" in refused(tmp_path, with_columns("- name: a\n  physicalType: long\n  ◆enum: []")).message


def custom(name: str, value: str) -> str:
    return with_table(f"customProperties:\n  - property: {name}\n    ◆value: {value}")


TABLES = {
    "a partition by an unknown column": (custom("lagoa.partition", "[month(sold_att)]"), "Did you mean 'sold_at'?"),
    "an unknown transform": (custom("lagoa.partition", "[week(sold_at)]"), "is not a partition field"),
    "a bucket without a number": (custom("lagoa.partition", "[bucket(sale_id)]"), "is not a partition field"),
    "a bucket of none": (custom("lagoa.partition", "['bucket(0, sale_id)']"), "is not a partition field"),
    "a month with a number": (custom("lagoa.partition", "['month(3, sold_at)']"), "is not a partition field"),
    "a month of a number": (custom("lagoa.partition", "[month(price)]"), "month does not accept price"),
    "the same field twice": (custom("lagoa.partition", "[day(sold_at), day(sold_at)]"), "exists already"),
    "a sort by an unknown column": (custom("lagoa.sort", "[prices]"), "Did you mean 'price'?"),
    "a sort that is none": (custom("lagoa.sort", "[price down]"), "is not a sort field"),
    "an order by an unknown column": (custom("lagoa.orderBy", "sold"), "no column 'sold'"),
    "a drift of an unknown column": (custom("lagoa.drift", "{prise: 0.1}"), "Did you mean 'price'?"),
    "a dropped column that is there": (custom("lagoa.dropped", "[sold_at]"), "sold_at was dropped, and still exists"),
    "a drift of no number": (custom("lagoa.drift", "{sold_at: 0.1}"), "drift is the change of a mean"),
    "an unknown encoding": (custom("lagoa.source", "{format: csv, encoding: utf-9}"), "encoding 'utf-9' is not known"),
    "one character for two": (custom("lagoa.source", "{format: csv, delimiter: '\"'}"), "must be different characters"),
    "a delimiter in Parquet": (
        custom("lagoa.source", "{format: parquet, delimiter: ','}"),
        "delimiter is an option of CSV files",
    ),
    "a lineage column of a model": (custom("lagoa.sort", "[_row]"), "no column '_row'"),
}


@pytest.mark.parametrize(("text", "said"), TABLES.values(), ids=TABLES)
def test_table_properties_that_do_not_fit(tmp_path, text, said):
    assert said in refused(tmp_path, text).message


KEYS = {
    "an optional key": ("- name: a\n  physicalType: long\n  ◆primaryKey: true", "in the key but not required"),
    "a floating key": ("- name: a\n  physicalType: double\n  required: true\n  ◆primaryKey: true", "in a key"),
    "a place in no key": ("- name: a\n  physicalType: long\n  ◆primaryKeyPosition: 1", "not part of it"),
    "one place for two": (
        (
            "- {name: a, physicalType: long, required: true, primaryKey: true, primaryKeyPosition: 1}\n"
            "- {name: b, physicalType: long, required: true, primaryKey: true,◆ primaryKeyPosition: 1}"
        ),
        "position 1 is taken",
    ),
    "a former name that is still there": (
        (
            "- {name: a, physicalType: long}\n"
            "- ◆{name: b, physicalType: long, customProperties: [{property: lagoa.formerName, value: a}]}"
        ),
        "that column still exists",
    ),
    "a former name of two": (
        (
            "- {name: a, physicalType: long, customProperties: [{property: lagoa.formerName, value: [x, y]}]}\n"
            "- ◆{name: b, physicalType: long, customProperties: [{property: lagoa.formerName, value: y}]}"
        ),
        "column b was y, and so was a",
    ),
    "a former field that is still there": (
        (
            "- ◆name: a\n  physicalType: 'list<struct<n: int, m: int>>'\n"
            "  customProperties: [{property: lagoa.formerFields, value: {element.n: m}}]"
        ),
        "column a.element.n was m, and that column still exists",
    ),
    "a former name of no field": (
        (
            "- ◆name: a\n  physicalType: 'struct<name: int>'\n"
            "  customProperties: [{property: lagoa.formerFields, value: {nam: m}}]"
        ),
        "lagoa.formerFields names a.nam, which does not exist. Did you mean 'a.name'?",
    ),
    "one header for two": (
        (
            "- {name: a, physicalType: long}\n"
            "- ◆{name: b, physicalType: long, customProperties: [{property: lagoa.header, value: a}]}"
        ),
        "two columns have the name 'a' in the files",
    ),
}


@pytest.mark.parametrize(("columns", "said"), KEYS.values(), ids=KEYS)
def test_columns_that_do_not_fit_together(tmp_path, columns, said):
    assert said in refused(tmp_path, with_columns(columns)).message


def test_sort_over_nested_values(tmp_path):
    text = with_columns(
        "- {name: a, physicalType: list<int>}", "customProperties:\n  - property: lagoa.sort\n    ◆value: [a]"
    )
    assert "has no order" in refused(tmp_path, text).message


def test_merge_needs_a_key(tmp_path):
    text = with_columns(
        "- {name: a, physicalType: long}", "customProperties:\n  - property: lagoa.materialization\n    ◆value: merge"
    )
    assert "the table has no key" in refused(tmp_path, text).message


def test_rows_come_from_files_or_from_a_model(tmp_path):
    text = with_table(
        "customProperties:\n"
        "  - {property: lagoa.source, value: {format: parquet}}\n"
        "  - {property: lagoa.materialization,◆ value: full}"
    )
    assert "files or from a model" in refused(tmp_path, text).advice


def test_lineage_columns_are_lagoas(tmp_path):
    text = with_columns(
        "- {◆name: _row, physicalType: long}", "customProperties: [{property: lagoa.source, value: {format: csv}}]"
    )
    assert "one that Lagoa adds" in refused(tmp_path, text).message


INCREMENTAL = "- {property: lagoa.materialization, value: incremental}"
RULES = {
    "{by: week, input: bronze.raw}": "'time', 'batch'",
    "{by: batch, input: bronze.raw, grain: day}": "grain",
    "{by: time, column: sold, grain: day, inputs: {bronze.raw: at}}": "no column 'sold'",
    "{by: time, column: price, grain: day, inputs: {bronze.raw: at}}": "which cannot determine the day",
    "{by: time, column: sold_at, grain: hour, inputs: {bronze.raw: day}}": "which cannot determine the hour",
    "{by: time, column: sold_at, grain: day, inputs: {}}": "at least 1 item",
    "{by: time, column: sold_at, grain: day, inputs: {bronze.rew: at}}": "has no contract",
    "{by: time, column: sold_at, grain: day, inputs: {bronze.raw: when}}": "no column 'when'",
    "{by: time, column: sold_at, grain: day, inputs: {raw: at}}": "is not a valid table name",
    "{by: batch, input: silver.sales}": "is this table itself",
    "{by: batch, input: bronze.raw}": "do not come in batches",
}
INCREMENTS = {
    "none": ("- {property: lagoa.materialization,◆ value: incremental}", "but lagoa.incremental is missing"),
    "another": (
        f"{INCREMENTAL.replace('incremental}', 'full}')}\n- {{property: lagoa.incremental,◆ value: {list(RULES)[-1]}}}",
        "is only for tables whose lagoa.materialization is incremental",
    ),
    **{
        rule: (f"{INCREMENTAL}\n- {{property: lagoa.incremental,◆ value: {rule}}}", said)
        for rule, said in RULES.items()
    },
}


@pytest.mark.parametrize(("properties", "said"), INCREMENTS.values(), ids=INCREMENTS)
def test_increments_fit_the_table_and_its_inputs(tmp_path, properties, said):
    raw = with_columns("- {name: at, physicalType: timestamp}\n- {name: day, physicalType: date}")
    write(tmp_path, raw.replace("silver.sales", "bronze.raw").replace("name: sales", "name: raw"), "bronze/raw")
    error = refused(tmp_path, with_table("customProperties:\n" + textwrap.indent(properties, "  ")))
    assert said in error.message + error.advice


def test_batches_are_merged_by_a_key(tmp_path):
    text = with_columns(
        "- {name: a, physicalType: long}",
        "customProperties:\n  - {property: lagoa.materialization, value: incremental}\n"
        "  - {property: lagoa.orderBy, value: a}\n"
        "  - {property: lagoa.incremental,◆ value: {by: batch, input: bronze.raw}}",
    )
    assert "has no key" in refused(tmp_path, text).message


REFERENCES = {
    "an unknown table": ("silver.custmers.customer_id", "Did you mean 'silver.customers'?"),
    "an unknown column": ("silver.customers.id", "silver.customers has no such column"),
    "another type": ("silver.customers.customer_id", "is int and refers to"),
    "no column": ("silver.customers", "is not a column of a table"),
    "too little": ("customers", "is not a column of a table"),
    "a list": ("[silver.customers.customer_id]", "is not a column of a table"),
}


@pytest.mark.parametrize(("target", "said"), REFERENCES.values(), ids=REFERENCES)
def test_references_that_lead_nowhere(tmp_path, target, said):
    customers = FULL.replace("sales", "customers").replace("sale_id", "customer_id")
    write(tmp_path, customers, "silver/customers")
    text = with_columns(
        f"- name: customer_id\n  physicalType: int\n  relationships:\n    - type: foreignKey\n      ◆to: {target}"
    )
    assert said in refused(tmp_path, text).message


def test_references_lead_to_columns(tmp_path):
    write(tmp_path, FULL.replace("sales", "customers").replace("sale_id", "customer_id"), "silver/customers")
    text = with_columns("- {name: c, physicalType: long, relationships: [{to: silver.customers.customer_id}]}")
    assert load(tmp_path, text).columns[0].references == (TableName.parse("silver.customers"), "customer_id")


def test_relationships_of_other_kinds(tmp_path):
    text = "- name: a\n  physicalType: long\n  relationships:\n    - ◆type: sibling\n      to: silver.sales.a"
    assert "type 'sibling' are not supported" in refused(tmp_path, with_columns(text)).message
    text = "- name: a\n  physicalType: long\n  ◆relationships: [{to: silver.sales.a}, {to: silver.sales.b}]"
    assert "refers to two tables" in refused(tmp_path, with_columns(text)).message


def test_contracts_of_this_lake_are_odcs_as_published():
    package = resources.files("open_data_contract_standard")
    schema = Draft201909Validator(json.loads((package / "schema.json").read_text("utf-8")))
    contracts = Contracts.load(ROOT / "iceberg", FORMATS)
    assert len(contracts) > 0
    for contract in contracts:
        found = json.loads(json.dumps(ContractFile(contract.file).data, default=str))
        assert [error.message for error in schema.iter_errors(found)] == [], contract.file


def test_schema_of_the_custom_properties_is_published_as_it_is():
    path = Path(lagoa.__file__).parent / "contracts" / "properties.schema.json"
    published = json.loads(path.read_text("utf-8"))
    assert published == properties_schema(FORMATS), "run `make schema`"
    validator = Draft202012Validator(published)
    assert validator.is_valid({"table": {"lagoa.source": {"format": "csv"}}, "column": {"lagoa.severity": "warn"}})
    assert not validator.is_valid({"table": {"lagoa.source": {"format": "csv", "delimeter": ","}}})


def test_every_custom_property_is_documented():
    text = (ROOT / "docs" / "contracts.md").read_text("utf-8")
    schema = properties_schema(FORMATS)
    named = [*schema["properties"]["table"]["properties"], *schema["properties"]["column"]["properties"]]
    assert [name for name in named if f"`{name}`" not in text] == []
    fields = {key for each in FORMATS.values() for key in each.options.model_fields}
    assert [name for name in fields if not re.search(rf"\| `{name}` ", text)] == []
