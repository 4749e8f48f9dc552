"""A lake with one table and one Python model of it."""

from __future__ import annotations

from contextlib import contextmanager
from textwrap import indent
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from lakes import LakeFolder

from lagoa.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lagoa.branch import Branch

ROWS = pa.table({"k": [1, 2, 3], "v": [10, 20, 30]})


class PythonModel:
    """A lake with one table, and one Python model `silver.t` of it."""

    def __init__(self, folder: LakeFolder) -> None:
        """Write the folder; `begin` loads its table."""
        self.folder = folder
        folder.settings(python_limit_s=60, python_memory_gb=0.5)
        folder.contract("bronze.a", "k:long! v:long")
        folder.contract("silver.t", "k:long! v:long", materialization="full")
        self.write("return rows")

    def begin(self, branch: Branch) -> None:
        """Load the table on a branch, and build the model's."""
        self.branch = branch
        branch.replace("bronze.a", ROWS)
        branch.transform()

    def write(self, body: str) -> None:
        """Write the model: INPUTS on the first line, the function on the third, its body from the fourth on."""
        head = 'INPUTS = {"rows": "bronze.a"}\nimport pyarrow as pa\ndef t(rows):\n'
        self.folder.python_model("silver.t", head + indent(body, "    ") + "\n")

    def run(self, body: str) -> list[tuple[object, ...]]:
        """Write the model, run it, and return the rows of its table."""
        self.write(body)
        self.branch.transform()
        return self.rows()

    def rows(self) -> list[tuple[object, ...]]:
        return self.branch.sql("select * from silver.t order by all").fetchall()

    def fails(self, body: str) -> ModelError:
        """Write the model, and return why it fails; its table is unchanged, and no file is left over."""
        before = self.branch.head
        self.write(body)
        with pytest.raises(ModelError) as caught:
            self.branch.transform()
        assert self.branch.head == before
        assert self.left_over() == []
        assert caught.value.advice
        assert caught.value.message.startswith(f"{caught.value.file}:{caught.value.line}: silver.t failed: ")
        return caught.value

    def left_over(self) -> list[Path]:
        return list(self.folder.root.rglob("*.arrow"))


@contextmanager
def begun_model(folder: Path) -> Iterator[PythonModel]:
    """Yield a model in a lake of a folder, built on a branch."""
    model = PythonModel(LakeFolder(folder))
    with model.folder.open() as lake:
        model.begin(lake.create_branch("dev"))
        yield model
