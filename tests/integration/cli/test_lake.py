"""`lagoa lake`: a lake is copied to another folder, and to another of its profiles."""

from __future__ import annotations

import shutil

from command_line import lagoa, ok

COUNT = "select count(*) as n from bronze.people"


def test_a_lake_is_cloned(loaded, tmp_path):
    done = ok(loaded, "lake", "clone", tmp_path / "copy")
    assert "Copied iceberg, transformations, soda, flows, prefect.yaml, lagoa.toml to" in done.out
    assert "Copied main at" in done.out
    logs = [ok(folder, "log", "--json").json() for folder in (loaded, tmp_path / "copy")]
    assert logs[0] == logs[1]
    assert ok(tmp_path / "copy", "sql", COUNT, "--json").json()["rows"] == [[3]]
    again = lagoa(loaded, "lake", "clone", tmp_path / "copy")
    assert (again.code, "has commits already" in again.err) == (1, True)


def test_a_lake_is_migrated_to_another_profile_and_back(lake, tmp_path):
    with (lake / "lagoa.toml").open("a") as file:
        file.write('[profiles.other]\nstate = ".other"\n')
    refused = lagoa(lake, "lake", "migrate")
    assert (refused.code, "at no profile already" in refused.err) == (2, True)
    done = ok(lake, "lake", "migrate", "other", "--through", tmp_path / "between", "-o", tmp_path / "ids.csv")
    assert "LAGOA_PROFILE=other" in done.err
    assert (tmp_path / "ids.csv").read_text().split() == ["former,new"]  # of files the ids stay
    assert "1 backup" in ok(lake, "backup", "verify", tmp_path / "between").out
    assert ok(lake, "--profile", "other", "sql", COUNT, "--json").json()["rows"] == [[3]]
    assert "has commits already" in lagoa(lake, "--profile", "other", "lake", "migrate").err
    shutil.rmtree(lake / ".lagoa")
    told = ok(lake, "--profile", "other", "lake", "migrate", "--json").json()
    assert (told["new_ids"], told["before"], told["main"]) == (0, False, ok(lake, "status", "--json").json()["main"])
