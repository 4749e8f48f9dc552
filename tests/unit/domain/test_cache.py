"""What is kept in memory: the last used, up to a limit."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from lagoa.domain.cache import Cache


def test_what_was_not_used_for_longest_goes():
    kept = Cache(2)
    kept.keep("a", 1)
    kept.keep("b", 2)
    assert kept.get("a") == 1
    kept.keep("c", 3)
    assert [kept.get(each) for each in "abc"] == [1, None, 3]


def test_the_limit_may_be_a_size():
    kept = Cache(10, len)
    for key in "abc":
        kept.keep(key, key * 4)
    assert [kept.get(each) for each in "abc"] == [None, "bbbb", "cccc"]
    kept.keep("large", "x" * 11)
    assert [kept.get(each) for each in ("b", "c", "large")] == ["bbbb", "cccc", None]


def test_a_value_is_made_once_while_it_is_kept():
    kept, made = Cache(2), []

    def make():
        made.append(1)
        return len(made)

    assert [kept.of("a", make), kept.of("a", make), kept.of("b", make)] == [1, 1, 2]


def test_threads_share_one():
    kept = Cache(5)

    def work(number):
        kept.keep(number % 9, number % 9)
        return kept.of(number % 7, lambda: number % 7)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(2000))) == [number % 7 for number in range(2000)]
