"""What is offered in the place of a word that is not known."""

from __future__ import annotations

import pytest

from lagoa.domain.suggestions import did_you_mean, did_you_mean_name

KNOWN = ("order_id", "order_di", "price", "Ünit")


@pytest.mark.parametrize(
    ("word", "most", "said"),
    [
        ("prise", 1, " Did you mean 'price'?"),
        ("PRICE", 1, " Did you mean 'price'?"),
        (" price ", 1, " Did you mean 'price'?"),
        ("ünit", 1, " Did you mean 'Ünit'?"),
        ("order_idd", 1, " Did you mean 'order_id'?"),
        ("order_idd", 3, " Did you mean 'order_id' or 'order_di'?"),
        ("quantity", 3, ""),
        ("", 3, ""),
    ],
)
def test_known_words_that_are_like_it_are_named(word, most, said):
    assert did_you_mean(word, KNOWN, most) == said


def test_a_word_must_be_as_like_as_is_said():
    assert did_you_mean("prise", KNOWN, alike=0.9) == ""


def test_only_the_beginning_of_a_long_word_is_compared():
    assert did_you_mean("x" * 10_000_000, ["x" * 80]) == f" Did you mean {'x' * 80!r}?"


@pytest.mark.parametrize(
    ("name", "known", "said"),
    [
        ("bronze.ordrs", ["bronze.orders", "silver.orders"], " Did you mean 'bronze.orders'?"),
        ("ana", ["main", "sandbox/ana", "sandbox/joana"], " Did you mean 'sandbox/ana'?"),
        ("ana", ["main", "sandbox/ana", "analytics/ana"], ""),
        ("silver.orders", ["bronze.orders"], " Did you mean 'bronze.orders'?"),
        ("bronze.abc", ["bronze.xyz", "bronze.orders"], ""),
        ("feature/abc", ["feature/xyz"], ""),
        ("feature/login", ["feature/logins"], " Did you mean 'feature/logins'?"),
        ("mian", ["main", "dev"], " Did you mean 'main'?"),
        ("dve", ["main", "dev"], ""),
        ("payments", ["shipments"], ""),
        ("prod", ["main", "dev"], ""),
    ],
)
def test_a_table_or_branch_is_offered_only_if_its_own_name_is_alike(name, known, said):
    assert did_you_mean_name(name, known) == said
