"""`lagoa approve`: a branch that needs it is approved and published, and what came of it is said."""

from __future__ import annotations

from command_line import MORE, lagoa, ok, write


def _changed(lake, tmp_path):
    ok(lake, "branch", "create", "dev")
    ok(lake, "ingest", write(tmp_path, "more.csv", MORE), "--into", "bronze.people", "--branch", "dev")
    with (lake / "lagoa.toml").open("a") as file:
        file.write("approval = {owners = true}\n")


def test_a_branch_is_approved_and_published(lake, tmp_path):
    _changed(lake, tmp_path)
    refused = lagoa(lake, "publish", "dev")
    assert refused.code == 1
    assert "needs an approval" in refused.err
    assert "lagoa approve dev --commit " in refused.err
    assert "Needs an approval:" in ok(lake, "review", "dev").out
    planned = ok(lake, "publish", "dev", "--dry-run")
    assert "Needs an approval:\n  " in planned.out
    assert "(owners; can be approved by " in planned.out
    assert "Next: `lagoa review dev`" in planned.err
    given = ok(lake, "approve", "dev", "-m", "fine", "--json").json()
    assert given.keys() == {"branch", "commit", "by", "at", "message", "enforced"}
    assert (given["branch"], given["message"], given["enforced"]) == ("dev", "fine", False)
    done = ok(lake, "approve", "dev", "--commit", given["commit"][:12])
    assert "not enforced" in done.out
    assert "Next: `lagoa publish dev`" in done.err
    found = ok(lake, "review", "dev", "--json").json()["approval"]
    assert [each["missing"] for each in found["demands"]] == [False]
    assert found["approvals"] == [given]
    assert ok(lake, "publish", "dev", "--dry-run", "--json").json()["approval"] == found
    assert "Next: `lagoa publish dev`" in ok(lake, "publish", "dev", "--dry-run").err
    assert "not enforced" in ok(lake, "publish", "dev").out
    assert ok(lake, "log", "--json").json()[0]["approvals"] == [given]
    assert ok(lake, "audit", "show", "main", "--json").json()["approvals"] == [given]
    assert "approved by" in ok(lake, "audit", "show", "main").out
    ok(lake, "report", "main", "-o", tmp_path / "audit.html")
    assert "Approved by" in (tmp_path / "audit.html").read_text("utf-8")


def test_an_approval_that_is_not_enough_says_so(lake, tmp_path):
    _changed(lake, tmp_path)
    (lake / "lagoa.toml").write_text((lake / "lagoa.toml").read_text().replace("{owners", "{four_eyes = true, owners"))
    done = ok(lake, "approve", "dev")
    assert "Needs an approval:" in done.out
    assert "an author of the branch (four_eyes)" in done.out
    assert "needs another approval" in done.err


def test_another_head_is_not_approved(lake, tmp_path):
    _changed(lake, tmp_path)
    refused = lagoa(lake, "approve", "dev", "--commit", "0123456789ab")
    assert refused.code == 1
    assert "nothing was approved" in refused.err
    assert lagoa(lake, "approve", "main").code == 1
