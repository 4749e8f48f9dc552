"""Nessie slow, cut off, stopped and killed: a clear error in bounded time, main whole, the job done when it is back."""

from __future__ import annotations

import os
import random
import re
import signal

import pytest

from lagoa.errors import CatalogBusy
from tests.stack.breaking import (
    PATIENCE_S,
    QUICK,
    TIMEOUT_S,
    at_step,
    delivery,
    hidden,
    holds,
    kill,
    load,
    within,
)
from tests.stack.proxy import proxied

pytestmark = pytest.mark.timeout(120)

GIVEN_UP_S = 10 * (TIMEOUT_S + PATIENCE_S)


class TestAnswersThatAreLost:
    @pytest.mark.parametrize("requests", ["POST .*/history/commit", "PUT ", "DELETE ", "POST .*/trees[?]", "GET "])
    def test_what_was_done_is_neither_done_twice_nor_told_as_failed(self, small, empty_nessie, requests):
        with proxied(empty_nessie) as proxy:
            with small.open(nessie_url=proxy.url) as lake:
                load(lake, 1)
                proxy.lose = requests
                load(lake, 2)
                assert proxy.lost
                proxy.heal()
                holds(lake, {1: 1, 2: 1})
                assert [len(lake.log(delivery(number))) for number in (1, 2)] == [4, 5]
            assert hidden(empty_nessie) == []

    def test_so_it_is_when_any_answer_may_be_lost(self, small, empty_nessie):
        chance = random.Random(5)  # noqa: S311 - no secret
        with proxied(empty_nessie) as proxy:
            with small.open(nessie_url=proxy.url) as lake:
                proxy.lose, proxy.turns = " ", iter(lambda: chance.random() < 0.2, None)
                load(lake, 1)
                assert len(proxy.lost) > 5
                proxy.heal()
                holds(lake, {1: 1})
            assert len(hidden(empty_nessie)) <= 1

    def test_a_commit_that_others_went_on_from_is_not_told_as_lost(self, small, empty_nessie):
        with (
            proxied(empty_nessie) as proxy,
            small.open(nessie_url=proxy.url) as lake,
            small.open() as other,
        ):
            work = lake.create_branch("work")

            def go_on(request):
                if request.startswith("PUT") and "work" in request:
                    proxy.on_request = None
                    while not other.log("work")[0].message.startswith("append"):
                        pass
                    other.branch("work").append("bronze.pets", small.pets(1))

            proxy.lose, proxy.on_request = "PUT .*/work", go_on
            work.append("bronze.people", small.people(1))
            assert len(lake.log("work")) == 3


@pytest.mark.parametrize("limit", [0, 60, 400])
def test_answers_that_are_cut_are_told_in_time(small, empty_nessie, limit):
    with proxied(empty_nessie) as proxy, small.open(nessie_url=proxy.url, **QUICK) as lake:
        load(lake, 1)
        proxy.down_limit = limit
        with within(GIVEN_UP_S), pytest.raises(CatalogBusy, match="lagoa stack status"):
            load(lake, 2)
        proxy.heal()
        holds(lake, {1: 1})
        load(lake, 2)
        holds(lake, {1: 1, 2: 1})


def test_a_slow_one_is_waited_for(small, empty_nessie):
    with proxied(empty_nessie) as proxy, small.open(nessie_url=proxy.url) as lake:
        proxy.latency_s, proxy.bytes_per_s = 0.05, 200_000
        load(lake, 1)
        holds(lake, {1: 1})


def test_answers_that_trickle_are_not_waited_for_for_ever(small, empty_nessie):
    with proxied(empty_nessie) as proxy, small.open(nessie_url=proxy.url, **QUICK) as lake:
        load(lake, 1)
        proxy.bytes_per_s = 300
        with within(GIVEN_UP_S), pytest.raises(CatalogBusy, match=f"longer than {TIMEOUT_S} s"):
            load(lake, 2)
        proxy.heal()
        load(lake, 2)
        holds(lake, {1: 1, 2: 1})


STEPS = ["write.metadata", "publish.committed", "publish.audited", "publish.receipt", "publish.swapped"]


class TestOneThatStops:
    @pytest.mark.parametrize("step", STEPS)
    def test_at_any_step_it_is_told_and_the_job_is_finished_by_doing_it_again(self, small, stack, step):
        pid = stack._supervisor.state("nessie")["pid"]
        with small.open(**QUICK) as lake:
            load(lake, 1)
            try:
                with within(GIVEN_UP_S), at_step(step, lambda: os.kill(pid, signal.SIGSTOP)):
                    if step == "publish.swapped":  # main has moved: it is only not tidied up
                        load(lake, 2)
                    else:
                        with pytest.raises(CatalogBusy, match=r"does not answer .*lagoa stack status"):
                            load(lake, 2)
            finally:
                os.kill(pid, signal.SIGCONT)
        with small.open() as lake:
            load(lake, 2)
            load(lake, 3)
            holds(lake, {1: 1, 2: 1, 3: 1})


class TestOneThatIsKilled:
    def test_between_audit_and_swap_it_is_told_and_the_job_is_finished_by_doing_it_again(self, small, stack):
        with small.open(**QUICK) as lake:
            load(lake, 1)
            with (
                within(GIVEN_UP_S),
                at_step("publish.audited", lambda: kill(stack, "nessie")),
                pytest.raises(CatalogBusy, match="lagoa stack status"),
            ):
                load(lake, 2)
            stack.up(["nessie"])
            holds(lake, {1: 1}, tidy=False)
            load(lake, 2)
            holds(lake, {1: 1, 2: 1})

    def test_in_the_middle_of_a_commit_the_job_outlasts_it(self, small, stack, empty_nessie):
        killed = []

        def act(request):
            if not killed and re.search("PUT .*/main", request):
                killed.append(request)
                kill(stack, "nessie")

        with proxied(empty_nessie) as proxy, small.open(nessie_url=proxy.url, patience_s=90) as lake:
            load(lake, 1)
            proxy.on_request = act
            load(lake, 2)
            assert killed
            holds(lake, {1: 1, 2: 1})
