"""Names of files and patterns: what matches, and the pattern that several names have in common."""

from __future__ import annotations

import pytest

from lagoa.domain.file_patterns import common_pattern, has_number_more, matches, matching


@pytest.mark.parametrize(
    ("pattern", "name", "does"),
    [
        ("MOV*.txt", "MOV202401.txt", True),
        ("MOV*.txt", "mov202401.txt", False),
        ("MOV??.txt", "MOV01.txt", True),
        ("MOV??.txt", "MOV001.txt", False),
        ("K3241*.ESTABELE", "K3241.K03200Y1.D61108.ESTABELE", True),
        ("report [1].csv", "report [1].csv", True),
        ("report [1].csv", "report 1.csv", False),
        ("report [*].csv", "report [22].csv", True),
        ("*.csv", ".hidden.csv", False),
        (".*", ".hidden.csv", True),
        ("*", "a\nb", True),
        ("a.csv", "aXcsv", False),
    ],
)
def test_matches(pattern, name, does):
    assert matches(pattern, name) is does


def test_a_plain_name_is_found_as_it_is():
    assert matching("[a].csv", {"[a].csv", "a.csv"}) == ["[a].csv"]
    assert matching("b.csv", {"a.csv"}) == []


@pytest.mark.parametrize(
    ("names", "pattern"),
    [
        (["MOV202401.txt", "MOV202402.txt"], "MOV*.txt"),
        (["MOV202409.txt", "MOV202410.txt", "MOV202501.txt"], "MOV*.txt"),
        (["a1_2024.csv", "a2_2024.csv"], "a*_2024.csv"),
        (["part-9.csv", "part-10.csv"], "part-*.csv"),
        (["vendas jan 2024.csv", "vendas fev 2024.csv"], "vendas * 2024.csv"),
        (["sp.csv", "rj.csv"], "*.csv"),
        (["K3241.K03200Y0.D61108.ESTABELE", "K3241.K03200Y1.D61108.ESTABELE"], "K3241.K03200Y*.D61108.ESTABELE"),
        (["a", "b"], "*"),
        (["orders.csv", "orders2.csv", "orders_2024-02.csv"], "orders*.csv"),
    ],
)
def test_the_pattern_of_several_names(names, pattern):
    assert common_pattern(names) == pattern
    assert all(matches(pattern, name) for name in names)


@pytest.mark.parametrize(
    ("other", "does"),
    [
        ("orders2.csv", True),
        ("orders (1).csv", True),
        ("orders_2024-02.csv", True),
        ("2orders.csv", True),
        ("orders.csv", False),
        ("orders_new.csv", False),
        ("orders2.csv.gz", False),
        ("order2.csv", False),
    ],
)
def test_a_name_with_a_number_more(other, does):
    assert has_number_more("orders.csv", other) is does
    assert has_number_more(other, "orders.csv") is does
