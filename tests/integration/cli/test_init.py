"""`lagoa init`."""

from __future__ import annotations

import re

from command_line import new_lake, ok, write
from typer.testing import CliRunner

from lagoa.cli.main import app


def test_init_refuses_a_lake_and_a_file(loaded, tmp_path):
    again = CliRunner().invoke(app, ["init", str(loaded)])
    assert again.exit_code == 1
    assert "already contains a lake" in again.stderr
    write(tmp_path, "file", "")
    assert CliRunner().invoke(app, ["init", str(tmp_path / "file")]).exit_code == 1


def test_the_next_step_changes_the_folder_only_where_the_lake_is_another_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "Next: `cd lake`, then" in CliRunner().invoke(app, ["init", "lake"]).stderr
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    created = CliRunner().invoke(app, ["init", "."])
    assert "Created the lake here." in created.stdout
    assert "Next: `lagoa contract infer" in created.stderr


def test_the_examples_in_a_new_lake_can_be_used(tmp_path):
    lake = new_lake(tmp_path)
    readmes = [path.read_text("utf-8") for path in lake.glob("*/README.md")]
    examples = {
        path: text
        for readme in readmes
        for path, text in re.findall(r"```\w+\n(?:--|#) (\S+/\S+)\n(.*?)```", readme, re.DOTALL)
    }
    assert sorted(examples) == [
        "soda/silver/people.yaml",
        "transformations/silver/people.py",
        "transformations/silver/people.sql",
        "transformations/tests/silver/people.yaml",
    ]
    for other in ("py", "sql"):  # a table has one model
        for path, text in examples.items():
            (lake / path).parent.mkdir(parents=True, exist_ok=True)
            (lake / path).write_text(text, "utf-8")
        (lake / f"transformations/silver/people.{other}").unlink()
        if other == "py":
            ok(lake, "contract", "infer", "--model", "silver.people")
            ok(lake, "test")
        assert "nothing is wrong" in ok(lake, "check").out
    ok(lake, "transform")
