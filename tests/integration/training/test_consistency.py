"""`lagoa check` reads the files of `ml/`, too, and says all that is wrong with them."""

from __future__ import annotations

from trained import DEFINITION, FUNCTION, SELECT


def test_models_that_can_be_trained_are_named(lake):
    found = lake.check_contracts()
    assert (found.trained, found.faults) == (("late",), ())


def test_every_fault_of_every_model_is_said_with_its_line(folder, lake):
    for name, definition, function, select in (
        ("keys", DEFINITION.replace("gate:", "gaet:"), FUNCTION, SELECT),
        ("python", DEFINITION, "def python(features, label)\n", SELECT),
        ("rows", DEFINITION, FUNCTION, SELECT.replace("price", "random() as price")),
        ("Wrong", DEFINITION, FUNCTION, SELECT),
    ):
        folder.file(f"ml/{name}.yaml", definition.replace("late.sql", f"{name}.sql"))
        folder.file(f"ml/{name}.py", function)
        folder.file(f"ml/{name}.sql", select)
    folder.file("ml/files.yaml", DEFINITION)
    found = lake.check_contracts()
    assert found.trained == ("late",)
    said = [(each.file.rpartition("/")[2], each.line, each.message) for each in found.faults]
    assert [each[:2] for each in said] == [
        ("Wrong.yaml", None),
        ("files.yaml", None),
        ("keys.yaml", 13),
        ("python.py", 1),
        ("rows.sql", 1),
    ]
    assert "it is not named as a model can be" in said[0][2]
    assert "files.py" in said[1][2]


def test_a_contract_that_is_wrong_is_said_once(folder, lake):
    folder.file("iceberg/gold/orders.odcs.yaml", "id: 1\n")
    found = lake.check_contracts()
    assert found.trained == ("late",)
    assert {each.file.rpartition("/")[2] for each in found.faults} == {"orders.odcs.yaml"}
