"""`lagoa log`."""

from __future__ import annotations

from command_line import ok


def test_log_is_bounded_and_says_so(loaded):
    done = ok(loaded, "log", "-n", 1)
    assert len(done.out.splitlines()) == 2
    assert "older commits" in done.err
    assert ok(loaded, "log", "main~1", "--json").json()[0]["receipt"] is None
