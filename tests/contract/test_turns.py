"""What all turns do: one at a time, in order of arrival, and gone with the process that had them."""

from __future__ import annotations

import fcntl
import os
import signal
import threading
import time
from contextlib import suppress
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import pytest

from lagoa.adapters.flock.turns import FlockTurns

LONG_S = 600
"""A patience that no test outlasts."""


class Files:
    """Turns by locked files.

    Args:
        folder: of the test.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "turns"

    def open(self) -> FlockTurns:
        return FlockTurns(self._folder)

    def asked(self) -> int:
        """Return how many have a turn or wait for one."""
        return sum(map(self._is_locked, self._folder.glob("[0-9]*")))

    def _is_locked(self, path: Path) -> bool:
        with suppress(FileNotFoundError), path.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False


class Postgres:
    """Turns at the PostgreSQL of the stack."""

    def __init__(self, folder: Path) -> None:
        del folder

    def _login(self):
        from lagoa.adapters.env.secrets import EnvSecrets
        from lagoa.adapters.postgres.lazy import Login
        from lagoa.adapters.postgres.receipts import receipts_password

        stack = Path(os.environ["LAGOA_TEST_STACK"]) / ".lagoa/stack"
        return Login(
            os.environ["LAGOA_POSTGRES_URL"], "engineer", partial(receipts_password, EnvSecrets, stack, "engineer")
        )

    def open(self):
        from lagoa.adapters.postgres.turns import PostgresTurns

        return PostgresTurns(self._login())

    def asked(self) -> int:
        import psycopg

        login = self._login()
        password = login.password().get_secret_value()
        with psycopg.connect(login.url, user=login.name, password=password) as connection:
            (count,) = connection.execute("select count(*) from pg_locks where locktype = 'advisory'").fetchone()
        return count


# `tests/stack/run` brings the server up and sets the variables.
PLACE = Postgres if "LAGOA_TEST_STACK" in os.environ else Files


@pytest.fixture
def place(tmp_path):
    return PLACE(tmp_path)


@pytest.fixture
def turns(place):
    opened = place.open()
    yield opened
    opened.close()


def until(condition) -> None:
    while not condition():
        time.sleep(0.01)


def test_threads_come_up_in_the_order_in_which_they_came(place, turns):
    order, threads = [], []

    def take(number: int) -> None:
        with turns.turn(LONG_S) as came:
            order.append((number, came))

    with turns.turn(LONG_S) as came:
        assert came
        for number in range(6):
            threads.append(threading.Thread(target=take, args=(number,)))
            threads[-1].start()
            until(lambda number=number: place.asked() == number + 2)
        assert order == []
    for thread in threads:
        thread.join()
    assert order == [(number, True) for number in range(6)]
    assert place.asked() == 0


def _take(place, log: Path, number: int) -> None:
    """Take a turn in a process of its own, and write its begin and end."""
    with place.open().turn(LONG_S), log.open("a", buffering=1) as lines:
        lines.write(f"begin {number}\n")
        time.sleep(0.05)
        lines.write(f"end {number}\n")


def _take_and_stay(place, log: Path) -> None:
    with place.open().turn(LONG_S):
        log.write_text("mine")
        signal.pause()


@pytest.fixture
def begun():
    """Return a function that starts a process; those that are left at the end are killed."""
    processes = []

    def begin(target, *arguments):
        processes.append(get_context("spawn").Process(target=target, args=arguments))
        processes[-1].start()
        return processes[-1]

    yield begin
    for process in processes:
        process.kill()
        process.join()


def test_processes_come_up_in_the_order_in_which_they_came_one_at_a_time(place, turns, begun, tmp_path):
    log = tmp_path / "log"
    with turns.turn(LONG_S):
        for number in range(3):
            begun(_take, place, log, number)
            until(lambda number=number: place.asked() == number + 2)
        assert not log.exists()
    with turns.turn(LONG_S) as came:
        assert came
        assert log.read_text().split("\n")[:-1] == [f"{what} {n}" for n in range(3) for what in ("begin", "end")]


def test_a_killed_process_loses_its_turn(place, turns, begun, tmp_path):
    process = begun(_take_and_stay, place, tmp_path / "log")
    until((tmp_path / "log").exists)
    with turns.turn(0.1) as came:
        assert not came
    process.kill()
    with turns.turn(LONG_S) as came:
        assert came
    assert place.asked() == 0


def test_a_killed_process_loses_its_place_and_those_behind_it_keep_theirs(place, turns, begun, tmp_path):
    log = tmp_path / "log"
    with turns.turn(LONG_S):
        killed = begun(_take, place, log, 0)
        until(lambda: place.asked() == 2)
        for number in (1, 2):
            begun(_take, place, log, number)
            until(lambda number=number: place.asked() == number + 2)
        killed.kill()
        until(lambda: place.asked() == 3)
        assert not log.exists()
    with turns.turn(LONG_S):
        assert log.read_text().split() == ["begin", "1", "end", "1", "begin", "2", "end", "2"]


def test_who_has_no_patience_goes_on_without_a_turn_and_leaves_the_queue(place, turns):
    came_up = []

    def take(patience_s: float) -> None:
        with turns.turn(patience_s) as came:
            came_up.append(came)

    with turns.turn(0) as came:
        assert came
        impatient, patient = (threading.Thread(target=take, args=(patience_s,)) for patience_s in (0.5, LONG_S))
        impatient.start()
        until(lambda: place.asked() == 2 or came_up)
        patient.start()
        impatient.join()
        until(lambda: place.asked() == 2)
        assert came_up == [False]
        with turns.turn(0) as again:
            assert not again
    patient.join()
    assert came_up == [False, True]
    assert place.asked() == 0


def test_an_error_in_a_turn_ends_it(place, turns):
    with pytest.raises(ValueError, match="mine"), turns.turn(LONG_S):
        raise ValueError("mine")
    assert place.asked() == 0
    with turns.turn(LONG_S) as came:
        assert came


def _take_and_fork(place, log: Path) -> None:
    """Take a turn, and have a process forked in it that lives on."""
    with place.open().turn(LONG_S):
        child = os.fork()
        if child:
            log.write_text(str(child))
        signal.pause()


def test_a_forked_process_does_not_keep_the_turn_of_a_killed_one(place, turns, begun, tmp_path):
    process = begun(_take_and_fork, place, tmp_path / "log")
    until(lambda: (tmp_path / "log").exists() and (tmp_path / "log").read_text())
    child = int((tmp_path / "log").read_text())
    try:
        assert place.asked() == 1
        process.kill()
        with turns.turn(LONG_S) as came:
            assert came
        os.kill(child, 0)
    finally:
        os.kill(child, signal.SIGKILL)


def _leave_in_a_fork(place, log: Path) -> None:
    """Take a turn, leave its block in a forked process, which then takes one of its own without success, and stay."""
    with place.open().turn(LONG_S):
        child = os.fork()
        if child:
            os.waitpid(child, 0)
            with log.open("a") as file:
                file.write("parent ")
            signal.pause()
    with place.open().turn(0.1) as came, log.open("a") as file:
        file.write(f"child {came} ")
    os._exit(0)


def test_a_forked_process_does_not_end_the_turn_of_its_parent(place, turns, begun, tmp_path):
    process = begun(_leave_in_a_fork, place, tmp_path / "log")
    until(lambda: (tmp_path / "log").exists() and "parent" in (tmp_path / "log").read_text())
    assert (tmp_path / "log").read_text() == "child False parent "
    assert place.asked() == 1
    with turns.turn(0.1) as came:
        assert not came
    process.kill()
    with turns.turn(LONG_S) as came:
        assert came


def test_nobody_is_beside_another_in_a_turn_and_nothing_is_left(place, turns):
    inside, most, done = [], [], []

    def take_many() -> None:
        for _ in range(25):
            with turns.turn(LONG_S) as came:
                inside.append(came)
                most.append(len(inside))
                inside.remove(came)
            done.append(came)

    threads = [threading.Thread(target=take_many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(most) == {1}
    assert done == [True] * 100
    assert place.asked() == 0


@pytest.mark.skipif(PLACE is not Files, reason="of files")
class TestFiles:
    def test_thousands_of_turns_and_killed_processes_leave_no_files(self, tmp_path, begun):
        place = Files(tmp_path)
        turns = place.open()
        with turns.turn(LONG_S):
            killed = begun(_take, place, tmp_path / "log", 0)
            until(lambda: place.asked() == 2)
            killed.kill()
            killed.join()
        for _ in range(3000):
            with turns.turn(0) as came:
                assert came
        assert [path.name for path in (tmp_path / "turns").iterdir()] == ["lock"]

    @pytest.mark.parametrize("folder", ["/proc/turns", "a file", "a file/turns"])
    def test_without_a_folder_for_files_there_are_no_turns(self, tmp_path, folder):
        (tmp_path / "a file").write_text("")
        with FlockTurns(tmp_path / folder).turn(LONG_S) as came:
            assert not came

    def test_foreign_files_in_the_folder_are_left_alone(self, tmp_path):
        (tmp_path / "turns").mkdir()
        (tmp_path / "turns/README").write_text("mine")
        with Files(tmp_path).open().turn(LONG_S) as came:
            assert came
        assert (tmp_path / "turns/README").read_text() == "mine"

    def test_a_lock_of_the_folder_that_never_ends_costs_no_more_than_the_patience(self, tmp_path):
        (tmp_path / "turns").mkdir()
        with (tmp_path / "turns/lock").open("w") as stopped:
            fcntl.flock(stopped, fcntl.LOCK_EX)
            with FlockTurns(tmp_path / "turns").turn(0.1) as came:
                assert not came
        with FlockTurns(tmp_path / "turns").turn(LONG_S) as came:
            assert came
