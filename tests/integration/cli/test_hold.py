"""`lagoa hold`: states that are kept for a reason."""

from __future__ import annotations

from command_line import lagoa, ok


def test_a_hold_from_beginning_to_end(lake):
    assert ok(lake, "hold", "list").out == "No state is held.\n"
    made = ok(lake, "hold", "add", "case_17", "--why", "a case at court", "--until", "2999-12-31")
    assert "is kept until 2999-12-31" in made.out
    ok(lake, "hold", "add", "audit", "--why", "asked for", "--from", "main~1")
    first, second = ok(lake, "hold", "list", "--json").json()
    assert (first["name"], first["why"], first["until"]) == ("audit", "asked for", None)
    assert (second["name"], second["until"][:10]) == ("case_17", "2999-12-31")
    assert "a case at court" in ok(lake, "hold", "list").out
    assert "audit is removed" in ok(lake, "hold", "remove", "audit", "case_17").out
    assert ok(lake, "hold", "list", "--json").json() == []


def test_what_no_hold_can_be(lake):
    for given, said in (
        (("Case", "--why", "x"), "hold name"),
        (("case", "--why", " "), "reason"),
        (("case", "--why", "x", "--until", "2020-01-01"), "a time to come"),
        (("case", "--why", "x", "--from", "nowhere"), "nowhere"),
    ):
        refused = lagoa(lake, "hold", "add", *given)
        assert refused.code == 1
        assert said in refused.err
    missing = lagoa(lake, "hold", "remove", "case")
    assert missing.code == 1
    assert "there is no such hold" in missing.err
