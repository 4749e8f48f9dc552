"""`lagoa init`."""

from __future__ import annotations

from command_line import write
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
