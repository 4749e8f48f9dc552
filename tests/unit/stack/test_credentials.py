"""The stack's credentials: one file, which several threads and processes write and its owner alone reads."""

from __future__ import annotations

import json
import shutil
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest
from checkout import ROOT

from lagoa.domain.credentials import read_credentials
from lagoa.errors import StackError
from lagoa.stack.credentials import Credentials
from lagoa.stack.run import Stack


@pytest.fixture
def path(tmp_path):
    return tmp_path / "stack/credentials.json"


def test_one_is_drawn_once(path):
    credentials = Credentials(path)
    assert "one" not in credentials
    first = credentials["one"].get_secret_value()
    assert len(first) > 20
    assert "one" in credentials
    assert credentials["one"].get_secret_value() == Credentials(path)["one"].get_secret_value() == first
    assert credentials["two"].get_secret_value() != first


def test_what_a_server_drew_is_kept(path):
    Credentials(path).keep({"vault-root-token": "drawn"})
    assert Credentials(path)["vault-root-token"].get_secret_value() == "drawn"


def test_those_who_write_at_once_lose_nothing(path):
    everybody = [Credentials(path) for _ in range(8)]  # each has read the file before another wrote

    def draw(number):
        mine = everybody[number]
        mine.keep({f"kept-{number}": str(number)})
        return mine["of-all"].get_secret_value(), mine[f"of-{number}"].get_secret_value()

    with ThreadPoolExecutor(8) as pool:
        drawn = list(pool.map(draw, range(8)))
    assert len({shared for shared, _ in drawn}) == 1
    kept = read_credentials(path)
    assert [kept[f"of-{number}"] for number in range(8)] == [own for _, own in drawn]
    assert [kept[f"kept-{number}"] for number in range(8)] == [str(number) for number in range(8)]


def test_no_file_holds_none(path):
    assert read_credentials(path) == {}


def test_its_owner_alone_can_read_it(path):
    assert Credentials(path)["one"]
    assert [stat.S_IMODE(each.stat().st_mode) & 0o077 for each in (path, path.parent)] == [0, 0]
    path.chmod(0o644)
    with pytest.raises(StackError, match="chmod 600"):
        read_credentials(path)


@pytest.mark.parametrize("text", ["{", "[]", '{"a": 1}', '{"a": "s3cret"'])
def test_a_damaged_file_is_told_without_what_is_in_it(path, text):
    Credentials(path).keep({"a": "b"})
    path.write_text(text)
    with pytest.raises(StackError, match="damaged") as caught:
        read_credentials(path)
    assert "s3cret" not in f"{caught.value} {caught.value.__cause__}"


def test_a_file_that_cannot_be_read_is_told(path):
    path.mkdir(parents=True, mode=0o700)
    with pytest.raises(StackError, match="cannot be read"):
        read_credentials(path)


def test_what_is_kept_is_json(path):
    Credentials(path).keep({"ação": 'x"y'})
    assert json.loads(path.read_text()) == {"ação": 'x"y'}


def test_a_stack_with_data_does_not_start_without_its_credentials(tmp_path, path):
    shutil.copytree(ROOT / "infra", tmp_path / "infra")
    data = path.parent / "postgres/data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("15\n")
    with pytest.raises(StackError, match=r"credentials.json is missing, but there is data of postgres") as caught:
        Stack(tmp_path, path.parent).up(["postgres"])
    assert "Restore it from a backup" in caught.value.advice
    assert not path.exists()
