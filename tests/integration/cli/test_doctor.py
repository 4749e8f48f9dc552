"""`lagoa doctor`."""

from __future__ import annotations

from command_line import ok


def test_doctor_finds_a_lake_whole(loaded):
    assert ok(loaded, "doctor").out == "The lake is healthy.\n"
    assert ok(loaded, "doctor", "--json").json() == {"findings": [], "repair": None, "moved_from": None}
