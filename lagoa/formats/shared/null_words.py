"""The words that files write for a value that is missing."""

from __future__ import annotations

ZERO_DATES = frozenset(
    {
        "00000000", "00/00/0000", "0000-00-00", "0000/00/00", "00-00-0000", "00.00.0000",
        "00/00/0000 00:00:00", "0000-00-00 00:00:00",
    }
)  # fmt: skip
"""What stands for a missing date where dates have a fixed form; digits alone may be a code."""

NUMBERS = frozenset({"-9999", "-9999.0", "-9999,0"})
"""Numbers that stand for a missing one in measurements; they may as well be true."""

NULL_WORDS = frozenset(
    {
        "NA", "N/A", "#N/A", "n/a", "N/D", "n/d", "ND", "NULL", "Null", "null", "None", "(null)", "(NULL)", r"\N",
        "-", "--", "..", "...", "?", "#NULO", "#NULO#", "#NE", "#NE#", "{ñ class}", "Sem informação",
        "SEM INFORMAÇÃO", "Sem informacao", "SEM INFORMACAO", "Não informado", "NÃO INFORMADO", "não informado",
        "Não disponível", "Não divulgável", "NÃO DIVULGÁVEL", "Não se aplica", "NÃO SE APLICA",
    }
) | ZERO_DATES | NUMBERS  # fmt: skip
"""Words that mean null in some files, and something else in others: so each is taken in one column only."""

CODES = frozenset({"-1", "-2", "-3", "-4", "-5", "-8", "-9", "-99", "-999"})
"""Negative numbers that statistics use for a missing value, where all others are positive."""
