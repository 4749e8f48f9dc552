"""Edits of a contract's text: the place itself changes, and nothing else."""

from __future__ import annotations

import pytest

from lagoa.contracts.edits import ContractEdits
from lagoa.errors import ContractError

TEXT = """# a head
id: bronze.x

schema:
  - name: x   # after a name
    properties:
      - {name: a, physicalType: int}    # one line
      - name: b
        description: |
          of several

          lines
        physicalType: "int"  # a reason
        # REVIEW unique: true

    # of the table
    customProperties: [{property: lagoa.source, value: {format: csv}}]
"""
NEW = [["      - name: c", "        physicalType: long  # new"], ["      - name: d", "        physicalType: string"]]
ADDED = """      - name: c
        physicalType: long  # new
      - name: d
        physicalType: string
"""
LAST = "        # REVIEW unique: true\n"


def edited(tmp_path, text, new=NEW, types=()):
    file = tmp_path / "x.odcs.yaml"
    file.write_bytes(text.encode())
    edits = ContractEdits(file)
    edits.add_columns(new)
    for column in types:
        edits.change_type(column, "long")
    assert edits.before == text
    assert file.read_bytes() == text.encode()
    return edits.after


def test_columns_come_after_the_last_one_and_its_comments(tmp_path):
    assert edited(tmp_path, TEXT) == TEXT.replace(LAST, LAST + ADDED)
    assert edited(tmp_path, TEXT, new=[]) == TEXT


def test_a_type_changes_within_its_quotes(tmp_path):
    wanted = TEXT.replace("physicalType: int}", "physicalType: long}").replace('"int"', '"long"')
    assert edited(tmp_path, TEXT, types=["a", "b"]) == wanted.replace(LAST, LAST + ADDED)


def test_a_nested_type_is_quoted_as_the_one_before(tmp_path):
    file, kind = tmp_path / "x.odcs.yaml", "struct<a: int, `it's`: string>"
    spelled = {
        '"struct<a: int>"  # a reason': f'"{kind}"  # a reason',
        "'struct<a: int>'": "'struct<a: int, `it''s`: string>'",
        ">-\n          struct<\n          a: int>\n": f'"{kind}"\n',
    }
    for before, after in spelled.items():
        text = f"schema:\n- properties:\n    - name: a\n      physicalType: {before}\n      required: true\n"
        file.write_text(text)
        edits = ContractEdits(file)
        edits.change_type("a", kind)
        assert edits.after == text.replace(before, after)


def test_line_ends_indents_and_the_end_of_the_file_are_kept(tmp_path):
    windows = TEXT.replace("\n", "\r\n")
    assert edited(tmp_path, windows) == windows.replace(LAST[:-1] + "\r\n", (LAST + ADDED).replace("\n", "\r\n"))
    flat = "schema:\n- properties:\n  - name: é\n    physicalType: int"
    added = "\n  - name: c\n    physicalType: long  # new\n  - name: d\n    physicalType: string\n"
    assert edited(tmp_path, flat) == flat + added
    block = "schema:\n- properties:\n  - name: a\n    description: >-\n      folded\n\n\nteam: {name: x}\n"
    assert edited(tmp_path, block).endswith("      folded\n" + added[1:] + "\n\nteam: {name: x}\n")


def test_columns_in_brackets_are_left_to_the_reader(tmp_path):
    with pytest.raises(ContractError, match=r"x\.odcs\.yaml:2: the columns are written in brackets"):
        edited(tmp_path, "schema:\n- properties: [{name: a, physicalType: int}]\n")


HEADER = '{property: lagoa.header, value: ["É", "E"]}'


@pytest.mark.parametrize(
    ("column", "wanted"),
    [
        ("- {name: b, physicalType: int}  # x", f"- {{name: b, customProperties: [{HEADER}], physicalType: int}}  # x"),
        (
            "- name: b  # x\n  physicalType: int",
            f"- name: b  # x\n  customProperties:\n    - {HEADER}\n  physicalType: int",
        ),
        (
            "- name: b\n  customProperties:\n  # y\n  -   {property: lagoa.date, value: ddmmyyyy}",
            f"- name: b\n  customProperties:\n  # y\n  - {HEADER}\n  -   {{property: lagoa.date, value: ddmmyyyy}}",
        ),
        (
            "- name: b\n  customProperties: [{property: lagoa.unit, value: '%'}]",
            f"- name: b\n  customProperties: [{HEADER}, {{property: lagoa.unit, value: '%'}}]",
        ),
        (
            "- name: b\n  customProperties:\n    - {property: lagoa.header, value: É}  # z",
            f"- name: b\n  customProperties:\n    - {HEADER}  # z",
        ),
        (
            "- name: b\n  customProperties:\n    - property: lagoa.header\n      value: ['É', \"x\"]  # z",
            '- name: b\n  customProperties:\n    - property: lagoa.header\n      value: ["É", "E"]  # z',
        ),
        (
            "- name: b\n  customProperties:\n    - property: lagoa.header\n      value:\n        - É\n        - x\n",
            '- name: b\n  customProperties:\n    - property: lagoa.header\n      value:\n        ["É", "E"]\n',
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_names_in_files_are_written_wherever_a_column_has_its_properties(tmp_path, column, wanted, newline):
    def text(of):
        lines = [
            "schema:",
            "  - name: x",
            "    properties:",
            "      - name: a",
            *(f"      {each}" for each in of.split("\n")),
        ]
        return newline.join([*lines, "      - name: c", ""]).replace(" " * 6 + newline, newline)

    file = tmp_path / "x.odcs.yaml"
    file.write_bytes(text(column).encode())
    edits = ContractEdits(file)
    edits.set_headers("b", ["É", "E"])
    assert edits.after == text(wanted)
