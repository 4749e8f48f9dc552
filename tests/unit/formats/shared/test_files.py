"""Source files: those that are none, and one that changes while it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lagoa.errors import SourceError
from lagoa.formats.shared.files import SourceFile

if TYPE_CHECKING:
    from pathlib import Path


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="there is no such file"):
        SourceFile(tmp_path / "none.csv")
    with pytest.raises(SourceError, match="it is a folder"):
        SourceFile(tmp_path)


def test_a_file_that_changes_is_told(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(b"1,2,3\n")
    file = SourceFile(path)
    file.check_unchanged()
    path.write_bytes(path.read_bytes() + b"4,5,6\n")
    with pytest.raises(SourceError, match="it changed while it was read"):
        file.check_unchanged()
    path.unlink()
    with pytest.raises(SourceError, match="there is no such file"):
        file.check_unchanged()
