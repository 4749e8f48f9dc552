"""Servers that are killed at any moment of a job, again and again: no row is lost or doubled."""

from __future__ import annotations

import random
import threading
import time
from contextlib import suppress

import pytest
from effort import many

from lagoa.errors import TransientError
from tests.stack.breaking import holds, kill, load

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(1800)]

ROUNDS = many(1)


@pytest.mark.parametrize("server", ["nessie", "minio"])
def test_a_server_killed_at_any_moment_loses_and_doubles_no_row(small, stack, server):
    with small.open() as lake:
        began = time.monotonic()
        load(lake, 0)
        lasting = time.monotonic() - began
        for number in range(1, ROUNDS + 1):
            moment = random.uniform(0, lasting)  # noqa: S311 - any moment will do
            dying = threading.Timer(moment, kill, (stack, server))
            dying.start()
            with suppress(TransientError):
                load(lake, number)
            dying.join()
            stack.up([server])
            load(lake, number)
            holds(lake, dict.fromkeys(range(number + 1), 1))
