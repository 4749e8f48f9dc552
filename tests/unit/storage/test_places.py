"""From locations, as they were written, to where the files are today, and back."""

from __future__ import annotations

import pytest

from lagoa.storage.places import Places

MOVED = Places("/made/warehouse", "/now/warehouse")


@pytest.mark.parametrize(
    ("location", "place"),
    [
        ("/made/warehouse", "/now/warehouse"),
        ("/made/warehouse/a/b", "/now/warehouse/a/b"),
        ("file:///made/warehouse/a/b", "/now/warehouse/a/b"),
        ("file:/made/warehouse/a/b", "/now/warehouse/a/b"),
        ("/made/warehouse2/a", "/made/warehouse2/a"),
        ("/made/warehouse.old", "/made/warehouse.old"),
        ("/elsewhere/made/warehouse/a", "/elsewhere/made/warehouse/a"),
        ("file:///elsewhere/a", "/elsewhere/a"),
        ("/now/warehouse/a", "/now/warehouse/a"),
        ("s3://made/warehouse/a", "s3://made/warehouse/a"),
    ],
)
def test_a_location_leads_to_its_place_of_today(location, place):
    assert MOVED.place_of(location) == place


@pytest.mark.parametrize(
    ("place", "location"),
    [
        ("/now/warehouse/a/b", "/made/warehouse/a/b"),
        ("file:///now/warehouse/a/b", "file:///made/warehouse/a/b"),
        ("/now/warehouse2/a", "/now/warehouse2/a"),
        ("/made/warehouse/a", "/made/warehouse/a"),
        ("s3://now/warehouse", "s3://now/warehouse"),
    ],
)
def test_a_place_is_named_as_at_home(place, location):
    assert MOVED.location_of(place) == location


def test_at_home_nothing_is_changed():
    at_home = Places("/made/warehouse", "/made/warehouse")
    assert not at_home.moved
    for text in ("/made/warehouse/a", "file:///made/warehouse/a", "s3://a/b"):
        assert at_home.location_of(text) == text
    assert at_home.place_of("file:///made/warehouse/a") == "/made/warehouse/a"


@pytest.mark.parametrize(("home", "here"), [("/a", "/a/b"), ("/a/b", "/a"), ("/a/b", "/a/b/a/b")])
def test_a_lake_may_be_moved_into_itself_or_out(home, here):
    places = Places(home, here)
    for rest in ("", "/x/y", "/b/x", "/a/b/x"):
        assert places.place_of(f"{home}{rest}") == f"{here}{rest}"
    assert places.location_of(f"{here}/x/y") == f"{home}/x/y"
    assert places.location_of(f"{home}/x/y") == f"{home}/x/y"
