"""Making a new lake."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import yaml

from lagoa.errors import LakeExists, TerminalError
from lagoa.settings import Settings, find_lake, load_settings
from lagoa.templates import make_lake

FILES = {
    ".gitignore",
    "README.md",
    "flows/__init__.py",
    "flows/daily.py",
    "iceberg/README.md",
    "lagoa.toml",
    "prefect.yaml",
    "soda/README.md",
    "transformations/README.md",
}


def test_a_new_lake_has_its_files_and_can_be_opened(tmp_path):
    written = make_lake(tmp_path / "mylake")
    assert {str(file) for file in written} == FILES
    assert {str(f.relative_to(tmp_path / "mylake")) for f in (tmp_path / "mylake").rglob("*") if f.is_file()} == FILES
    assert load_settings(tmp_path / "mylake").name == "mylake"
    assert find_lake(tmp_path / "mylake" / "flows") == tmp_path / "mylake"
    assert "mylake" in (tmp_path / "mylake" / "README.md").read_text("utf-8")
    compile((tmp_path / "mylake" / "flows" / "daily.py").read_text("utf-8"), "daily.py", "exec")


@pytest.mark.parametrize("name", ['a "quoted" lake', "lago d'água", "back\\slash", "tab\tand\nline", "湖", "$name"])
def test_any_folder_name_makes_valid_settings(tmp_path, name):
    make_lake(tmp_path / name)
    assert load_settings(tmp_path / name).name == name
    assert yaml.safe_load((tmp_path / name / "prefect.yaml").read_text("utf-8"))["name"] == name


def test_every_setting_stands_in_the_file(tmp_path):
    make_lake(tmp_path / "lake")
    text = (tmp_path / "lake" / "lagoa.toml").read_text("utf-8")
    live = tomllib.loads("\n".join(line.removeprefix("# ") if "=" in line else line for line in text.splitlines()[1:]))
    assert set(live) == set(Settings.model_fields) - {"root", "profile"}
    Settings(root=tmp_path, **live)


def test_a_lake_is_not_made_twice_and_what_is_there_stays(tmp_path):
    (tmp_path / "README.md").write_text("mine", "utf-8")
    assert make_lake(tmp_path)
    assert (tmp_path / "README.md").read_text("utf-8") == "mine"
    with pytest.raises(LakeExists):
        make_lake(tmp_path)


def test_a_file_is_no_place_for_a_lake(tmp_path):
    (tmp_path / "lake").write_text("", "utf-8")
    with pytest.raises(TerminalError, match="no folder"):
        make_lake(tmp_path / "lake")


@pytest.mark.parametrize("place", ["inner", "iceberg/inner", "."])
def test_no_lake_is_made_in_another_one(tmp_path, monkeypatch, place):
    make_lake(tmp_path / "mylake")
    monkeypatch.chdir(tmp_path / "mylake" / "flows")
    folder = tmp_path / "mylake" / place if place != "." else Path()
    with pytest.raises(LakeExists, match=r"lies in the lake .*mylake"):
        make_lake(folder)
    assert not (folder / "lagoa.toml").exists()
    make_lake(tmp_path / "beside")
