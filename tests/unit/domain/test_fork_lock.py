"""A lock that another thread of the parent process holds does not stop a forked process."""

from __future__ import annotations

import os
import threading

from lagoa.domain.fork_lock import ForkLock


def test_a_forked_process_does_not_wait_for_a_thread_of_its_parent():
    lock, held, done = ForkLock(), threading.Event(), threading.Event()

    def hold():
        with lock:
            held.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    pid = os.fork()
    if pid == 0:
        threading.Timer(20, os._exit, (1,)).start()
        with lock:
            os._exit(0)
    _, status = os.waitpid(pid, 0)
    done.set()
    thread.join()
    assert os.waitstatus_to_exitcode(status) == 0


def test_threads_of_one_process_wait_for_each_other():
    lock, entered = ForkLock(), threading.Event()

    def enter():
        with lock:
            entered.set()

    with lock:
        thread = threading.Thread(target=enter)
        thread.start()
        assert not entered.wait(0.05)
    thread.join()
    assert entered.is_set()
