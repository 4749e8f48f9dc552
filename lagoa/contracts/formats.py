"""The formats that a text column of a contract may have: those of ODCS, and Brazilian documents and codes.

Each is one condition in DuckDB's SQL that is true for a value of the format and never raises, whatever the text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

STATES = (
    "AC", "AL", "AM", "AP", "BA", "CE", "DF", "ES", "GO", "MA", "MG", "MS", "MT", "PA", "PB", "PE", "PI", "PR", "RJ",
    "RN", "RO", "RR", "RS", "SC", "SE", "SP", "TO",
)  # fmt: skip
"""The states of Brazil and its federal district."""

_OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_GROUP = "[0-9A-Fa-f]{1,4}"
_CPF_WEIGHTS = (tuple(range(10, 1, -1)), tuple(range(11, 1, -1)))
_CNPJ_WEIGHTS = ((5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2), (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2))


@dataclass(frozen=True, slots=True)
class Format:
    """One format.

    Attributes:
        words: description of a valid value: `a CPF with correct check digits`.
        holds: returns the SQL condition for a column's name in SQL.
    """

    words: str
    holds: Callable[[str], str]


def _matching(pattern: str) -> Callable[[str], str]:
    # Patterns are constants of this module and contain no quotes.
    return lambda column: f"regexp_full_match({column}, '{pattern}')"


def _checked(pattern: str, weights: Sequence[Sequence[int]]) -> Callable[[str], str]:
    """Return the condition of a number whose last digits are weighted sums modulo 11 of the characters before them.

    A character counts as its code minus that of `0`: digits as themselves, letters from 17 (A) on, as the Receita
    Federal defines it for the alphanumeric CNPJ. A number of one repeated digit is invalid.
    """
    digits = [
        f"({' + '.join(f'(ord(plain[{place}]) - 48) * {weight}' for place, weight in enumerate(each, 1))})"
        f" * 10 % 11 % 10 = ord(plain[{len(each) + 1}]) - 48"
        for each in weights
    ]
    right = f"NOT length(replace(plain, plain[1], '')) = 0 AND {' AND '.join(digits)}"

    def holds(column: str) -> str:
        # The lambda computes the digits of each value once, not once for each of them.
        checked = f"list_transform([translate({column}, './-', '')], lambda plain: {right})[1]"
        return f"(regexp_full_match({column}, '{pattern}') AND {checked})"

    return holds


FORMATS: dict[str, Format] = {
    "email": Format(
        "an e-mail address",
        _matching(rf"[A-Za-z0-9.!#$%&*+/=?^_`{{|}}~-]{{1,64}}@({_LABEL}\.)+[A-Za-z]([A-Za-z0-9-]{{0,61}}[A-Za-z0-9])"),
    ),
    "uuid": Format("a UUID", _matching("[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")),
    "uri": Format("a URI with its scheme", _matching(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s]+")),
    "hostname": Format("a host name", _matching(rf"({_LABEL}\.)*{_LABEL}")),
    "ipv4": Format("an IPv4 address", _matching(rf"({_OCTET}\.){{3}}{_OCTET}")),
    "ipv6": Format(
        "an IPv6 address",
        _matching(
            f"({_GROUP}:){{7}}{_GROUP}|({_GROUP}:){{1,7}}:|:(:{_GROUP}){{1,7}}|::|"
            + "|".join(f"({_GROUP}:){{1,{7 - tail}}}(:{_GROUP}){{1,{tail}}}" for tail in range(1, 7))
        ),
    ),
    "date": Format(
        "a date such as 2026-11-20",
        lambda column: (
            f"(regexp_full_match({column}, '[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}')"
            f" AND TRY_CAST({column} AS DATE) IS NOT NULL)"
        ),
    ),
    "cpf": Format(
        "a CPF with correct check digits",
        _checked(r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}|[0-9]{11}", _CPF_WEIGHTS),
    ),
    "cnpj": Format(
        "a CNPJ with correct check digits",
        _checked(r"[0-9A-Z]{2}\.[0-9A-Z]{3}\.[0-9A-Z]{3}/[0-9A-Z]{4}-[0-9]{2}|[0-9A-Z]{12}[0-9]{2}", _CNPJ_WEIGHTS),
    ),
    "cep": Format("a CEP such as 01310-100", _matching("[0-9]{5}-?[0-9]{3}")),
    "uf": Format("a state of Brazil such as SP", lambda column: f"{column} IN {STATES}"),
}
"""The formats by their names in contracts."""
