"""Python models as they are read: what is accepted, what is refused and where, and what makes one stale."""

# ruff: noqa: E501 - one case a line

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lagoa.contracts import Contracts
from lagoa.domain.tables import TableName
from lagoa.errors import ModelError
from lagoa.formats import FORMATS
from lagoa.sql_models import load_models
from lagoa.sql_models.python.inputs import Input

if TYPE_CHECKING:
    from lakes import LakeFolder

    from lagoa.sql_models import Models

T = TableName.parse("gold.t")
INPUT = 'INPUTS = {"rows": "bronze.orders"}\n'
MODEL = f"""{INPUT}

def t(rows):
    return rows
"""


def load(folder: LakeFolder) -> Models:
    contracts = Contracts.load(folder.root / "iceberg", FORMATS)
    return load_models(folder.root / "transformations", contracts)


@pytest.fixture
def folder(folder: LakeFolder) -> LakeFolder:
    for table in ("bronze.orders", "bronze.items"):
        folder.contract(table, "id:long", source={"format": "csv", "file": f"{table}.csv"})
    folder.contract("gold.t", "id:long", materialization="full")
    return folder


def one(folder: LakeFolder, text: str) -> Models:
    folder.python_model("gold.t", text)
    return load(folder)


def refused(folder: LakeFolder, text: str) -> ModelError:
    with pytest.raises(ModelError) as caught:
        one(folder, text)
    assert caught.value.file.endswith("t.py")
    assert caught.value.advice
    return caught.value


def test_a_function_is_found_without_running_the_file(folder):
    text = f'raise RuntimeError("it runs")\n{INPUT}def t(rows):\n    return rows\n'
    model = one(folder, text)[T]
    assert model.inputs == {TableName.parse("bronze.orders"): 2}
    assert model.function is not None
    assert (model.function.name, model.function.line) == ("t", 3)
    assert model.function.inputs == {"rows": Input(TableName.parse("bronze.orders"), (), 2)}


@pytest.mark.parametrize(
    ("text", "inputs"),
    [
        ("def t():\n    return None\n", []),
        ("INPUTS = {}\ndef t():\n    return None\n", []),
        ('INPUTS: dict[str, str] = {"a": "bronze.orders", "b": "bronze.items"}\ndef t(a, *, b): ...\n', ["bronze.items", "bronze.orders"]),
        ('INPUTS = {"a": "bronze.orders", "b": "bronze.orders"}\ndef t(b: object, a: object) -> object: ...\n', ["bronze.orders"]),
        (f"from helper import *\nclass Other: ...\ndef helper(x=1, *y, **z): ...\n{INPUT}def t(rows): ...\n", ["bronze.orders"]),
    ],
)  # fmt: skip
def test_inputs_are_those_of_the_constant(folder, text, inputs):
    assert [str(table) for table in one(folder, text)[T].inputs] == inputs


def test_columns_of_an_input_are_named_beside_the_table(folder):
    inputs = '{"a": ("bronze.orders", ["_row", "id"]), "b": "bronze.orders"}'
    function = one(folder, f"INPUTS = {inputs}\ndef t(a, b): ...\n")[T].function
    assert function is not None
    assert {name: each.columns for name, each in function.inputs.items()} == {"a": ("_row", "id"), "b": ()}


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", None, "there is no function t."),
        ("def t(:\n", 1, "this is not Python"),
        ("x = 1\n  y = 2\n", 2, "this is not Python: unexpected indent"),
        ("def t():\n\treturn 1\n        return 2\n", 3, "this is not Python: inconsistent use of tabs"),
        ("a\0b", None, "this is not Python"),
        ("x = " + "(" * 500 + ")" * 500, 1, "this is not Python: too many nested parentheses"),
        (f"{INPUT}def other(rows): ...\n", None, "there is no function t."),
        (f"{INPUT}if True:\n    def t(rows): ...\n", None, "there is no function t."),
        (f"{INPUT}def t(rows): ...\ndef t(rows): ...\n", 3, "t is defined twice."),
        (f"{INPUT}async def t(rows): ...\n", 2, "t is no plain function."),
        (f"{INPUT}class t: ...\n", 2, "t is no plain function."),
        (f"{INPUT}{INPUT}def t(rows): ...\n", 2, "INPUTS is set twice."),
        ('INPUTS = ["bronze.orders"]\ndef t(rows): ...\n', 1, "INPUTS is not written out"),
        ('INPUTS = {"rows": 1}\ndef t(rows): ...\n', 1, "INPUTS is not written out"),
        ('INPUTS = {**{}, "rows": "bronze.orders"}\ndef t(rows): ...\n', 1, "INPUTS is not written out"),
        ('INPUTS = {"rows": ("bronze.orders", "id")}\ndef t(rows): ...\n', 1, "INPUTS is not written out"),
        ('INPUTS = {"rows": ("bronze.orders", [])}\ndef t(rows): ...\n', 1, "INPUTS is not written out"),
        ('INPUTS = {"rows": ("bronze.orders", [1])}\ndef t(rows): ...\n', 1, "INPUTS is not written out"),
        ('INPUTS = {"rows": "bronze." + "orders"}\ndef t(rows): ...\n', 1, "INPUTS is not written out"),
        ('INPUTS = {1: "bronze.orders"}\ndef t(rows): ...\n', 1, "INPUTS is not written out"),
        ('INPUTS = {"rows": ("bronze.orders", ["id", "id"])}\ndef t(rows): ...\n', 1, "the column 'id' is named twice."),
        ('INPUTS = {\n"rows": ("bronze.orders", ["ids"])}\ndef t(rows): ...\n', 2, "bronze.orders has no column 'ids'."),
        ('INPUTS = dict(rows="bronze.orders")\ndef t(rows): ...\n', 1, "INPUTS is not written out"),
        ('INPUTS = {\n"rows": "bronze.orders",\n"rows": "bronze.items"}\ndef t(rows): ...\n', 3, "INPUTS has 'rows' twice."),
        ('INPUTS = {"rows": "orders"}\ndef t(rows): ...\n', 1, "'orders' is not a valid table name"),
        ('INPUTS = {\n"rows": "bronze.order"}\ndef t(rows): ...\n', 2, "there is no table bronze.order."),
        ("def t(rows): ...\n", 1, "rows of t is not in INPUTS."),
        (f"{INPUT}def t(): ...\n", 2, "rows of INPUTS is no parameter of t."),
        (f"{INPUT}def t(rows, items): ...\n", 2, "items of t is not in INPUTS."),
        (f"{INPUT}def t(*rows): ...\n", 2, "t has parameters that are optional"),
        (f"{INPUT}def t(rows=None): ...\n", 2, "t has parameters that are optional"),
        (f"{INPUT}def t(rows, *, x=None): ...\n", 2, "t has parameters that are optional"),
        (f"{INPUT}def t(rows, /): ...\n", 2, "t has parameters that are optional"),
        (f"{INPUT}def t(**rows): ...\n", 2, "t has parameters that are optional"),
    ],
)  # fmt: skip
def test_what_is_no_model_is_refused_with_its_line(folder, text, line, message):
    error = refused(folder, text)
    assert message in error.message
    assert error.line == line


@pytest.mark.parametrize(
    "call",
    [
        "import time\n    time.time()",
        "import time as clock\n    clock.time_ns()",
        "import datetime\n    datetime.datetime.now()",
        "from datetime import datetime as dt\n    dt.now(None)",
        "from datetime import date\n    date.today()",
        "import random\n    random.choice([1])",
        "from random import shuffle\n    shuffle([1])",
        "import random\n    random.Random()",
        "import numpy as np\n    np.random.default_rng()",
        "import numpy as np\n    np.random.rand(3)",
        "import uuid\n    uuid.uuid4()",
        "import os\n    os.urandom(3)",
        "import pandas as pd\n    pd.Timestamp.now()",
    ],
)
def test_the_clock_and_chance_are_refused(folder, call):
    error = refused(folder, f"{INPUT}def t(rows):\n    {call}\n    return rows\n")
    assert error.line == 4
    assert "gives different values each time it runs" in error.message


@pytest.mark.parametrize(
    "call",
    [
        "import random\n    random.Random(7).random()",
        "import numpy as np\n    np.random.default_rng(seed=7).random()",
        "import datetime\n    datetime.datetime(2026, 1, 1)",
        "import uuid\n    uuid.uuid5(uuid.NAMESPACE_URL, 'a')",
        "import time\n    time.perf_counter()",
    ],
)
def test_what_gives_the_same_each_time_is_accepted(folder, call):
    assert T in one(folder, f"{INPUT}def t(rows):\n    {call}\n    return rows\n")


@pytest.mark.parametrize(
    ("text", "same"),
    [
        (f"# a comment\n{MODEL}", True),
        (MODEL.replace("return rows", "return rows  # all"), True),
        (MODEL.replace("return", "\n    # why\n\n    return"), True),
        (f"{MODEL}\n\n", True),
        (MODEL.replace("return rows", "return rows[0]"), False),
        (MODEL.replace("bronze.orders", "bronze.items"), False),
        (f"import math\n{MODEL}", False),
        (MODEL.replace("return rows", "return f'''\n# no comment\n'''"), False),
        (MODEL.replace("rows\n", "rows  # \x0c \u2028 a\n"), True),
        (MODEL.replace("return rows", "'\x0c'; return rows"), False),
    ],
)
def test_the_hash_is_that_of_the_code(folder, text, same):
    assert (one(folder, text)[T].hash == one(folder, MODEL)[T].hash) is same


def test_a_line_of_a_text_is_no_comment_and_no_empty_line(folder):
    texts = ("'''\n\n'''", "'''\n'''", "'''\n# a\n'''", "'''\n#a\n'''", "'''\n\n\n'''")
    hashes = {one(folder, f"def t():\n    return {text}\n")[T].hash for text in texts}
    assert len(hashes) == len(texts)


def test_python_and_sql_of_the_same_text_differ(folder):
    contract = "select 1 as id"
    folder.model("gold.t", contract)
    found = load(folder)[T].hash
    (folder.root / "transformations/gold/t.sql").unlink()
    assert one(folder, MODEL)[T].hash != found


def test_two_models_of_a_table_are_refused(folder):
    folder.model("gold.t", "select id from bronze.orders")
    assert "t.sql makes gold.t, too." in refused(folder, MODEL).message


def test_a_python_model_is_not_incremental(folder):
    rule = {"materialization": "incremental", "incremental": {"by": "batch", "input": "bronze.orders"}}
    folder.contract("gold.t", "id:long", **rule)
    assert "is not built by increments" in refused(folder, MODEL).message


def test_a_model_needs_a_contract(folder):
    (folder.root / "iceberg/gold/t.odcs.yaml").unlink()
    error = refused(folder, MODEL)
    assert error.message.endswith("gold.t has no data contract.")
    assert error.advice == "Let `lagoa contract infer --model gold.t` draft it, or remove the model."


def test_a_circle_of_both_kinds_of_models_is_found(folder):
    folder.contract("gold.u", "id:long", materialization="full")
    folder.model("gold.u", "select id from gold.t")
    folder.python_model("gold.t", MODEL.replace("bronze.orders", "gold.u"))
    with pytest.raises(ModelError, match=r"read each other in a circle: gold\.(t <- gold\.u <- gold\.t|u <- gold\.t)"):
        load(folder)
    folder.python_model("gold.t", MODEL.replace("bronze.orders", "gold.t"))
    with pytest.raises(ModelError, match=r"gold\.t <- gold\.t"):
        load(folder)


def test_a_file_in_another_encoding_is_refused(folder):
    folder.file("transformations/gold/t.py", MODEL.encode() + "# é".encode("latin-1"))
    with pytest.raises(ModelError, match="is not UTF-8"):
        load(folder)
