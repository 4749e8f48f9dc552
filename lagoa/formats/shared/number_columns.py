"""Decides on the types of columns of numbers, and which of them are codes, whose digits must not change."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from lagoa.formats.shared import near_misses
from lagoa.formats.shared.codes import code_name, named_code
from lagoa.formats.shared.forms import marks_as_properties, settle
from lagoa.formats.shared.guesses import ENOUGH, note_range
from lagoa.formats.shared.null_words import NUMBERS
from lagoa.formats.shared.number_forms import EXACT_DIGITS, Extent, Marks, body, exponent, extent, is_list

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lagoa.formats.shared.profile import Form
    from lagoa.formats.shared.text_columns import TextColumn, Usual

_MOST_DIGITS = 38
_CENTS = 2
_USUAL = 18
_SPARE = 2
_LONG = 2**63
_EXPONENT_DIGITS = 2
_CHECKED = 3
_MONEY = re.compile(r"price|preco|valor|amount|total|cost|custo|salar|freight|frete|payment|saldo|balance|revenue|fee")
_PERIOD = re.compile(
    r"^(data?|date|ds|ano|mes|m_s|year|month|period\w*|competencia\w*|referencia\w*|trimestre)(_|$)|_mes$|_ano$"
)
_MONTHLY = re.compile(r"9999[.,]99")
_CURRENCY = re.compile("[$€£]")
_VERSION = re.compile(r"vers(ion|ao)|release")


def guess_number(text: TextColumn) -> bool:
    """Set the type of a column of numbers, or of codes that may be mistaken for numbers; return False if it is neither.

    Whatever may be a code stays text: text can be read as a number later, but digits that are lost do not come back.
    """
    forms = dict(text.forms)
    numbers = {word: form for word, form in text.words.items() if word in NUMBERS or word.isdigit()}
    for word, form in numbers.items():
        forms[("z" if word.startswith("0") else word[0]) + re.sub("[0-9]", "9", word)[1:]] = form
    exponents = {name for name in forms if exponent(name)}
    plain = {name: form for name, form in forms.items() if name not in exponents}
    marks, doubt = (
        (Marks(_mark(exponents)), "") if not plain else settle(plain, text.usual.decimal, text.usual.delimiter)
    )
    if exponents and marks:
        marks = _with_exponents(marks, exponents)
    if not forms or (marks is None and not doubt) or (marks and not _can_be_written(marks, text.usual)):
        return False
    prefixed = _prefixed(forms) if text.guess.written != "number" else None
    reason = prefixed or (
        doubt if marks is None else _code(text, forms, exponents) or _choose(text, forms, marks, exponents)
    )
    if reason:
        text.keep_text(reason)
        if not prefixed:
            text.guess.notes.append(f"{reason}; it stays text")
        near_misses.offer(text.guess, text.forms, text.words)
        return True
    if doubt:
        text.guess.notes.append(doubt)
    text.take_nulls(text.words.keys() - numbers.keys())
    near_misses.offer_numbers(text.guess, forms, numbers)
    return True


def _with_exponents(marks: Marks, exponents: set[str]) -> Marks | None:
    """Return how numbers are written of which some have an exponent; None if these are written differently."""
    used = {mark for mark in ".," if any(mark in name for name in exponents)} | ({marks.decimal} - {""})
    unit = any((body(name) or ("",))[0] for name in exponents)
    if marks.thousands or marks.unit or unit or len(used) > 1:
        return None
    return Marks("," if "," in used else "." if used else "")


def _can_be_written(marks: Marks, usual: Usual) -> bool:
    return usual.by_column or not (marks.thousands or marks.unit or marks.decimal == ",")


def _mark(exponents: set[str]) -> Literal["", ".", ","]:
    return "," if any("," in name for name in exponents) else "." if any("." in name for name in exponents) else ""


def _prefixed(forms: Mapping[str, Form]) -> str | None:
    """Return that some digits begin with 0 or +, which a number would lose."""
    parts = {name: body(name) or ("", "", "") for name in forms}
    count = sum(forms[name].count for name, (_, sign, digits) in parts.items() if "z" in digits or sign == "+")
    return f"digits, and {count:,} of them begin with 0 or +" if count else None


def _code(text: TextColumn, forms: Mapping[str, Form], exponents: set[str]) -> str | None:
    """Return why a column of numbers contains codes; None if it does not."""
    if text.guess.written == "number":
        return None
    digits = [found[2] for name in forms if (found := body(name))]
    if all(set(each) <= {"9"} for each in digits):
        return _whole_code(text, {len(each) for each in digits})
    return _marked_code(text, forms, exponents, digits)


def _marked_code(text: TextColumn, forms: Mapping[str, Form], exponents: set[str], digits: Sequence[str]) -> str | None:
    """Return why digits with marks or exponents are codes; None if they are not."""
    name, twins, first = text.guess.name, text.column.twins, next(iter(forms.values())).first
    if is_list(forms) or (named_code(name) and not exponents):
        return f"{first!r} may be codes with a mark between them, not a number"
    if exponents and not any(exponent(each) == "scientific" for each in exponents):
        example = next(forms[each].first for each in exponents)
        return f"{example!r} may be a code, not a number with an exponent"
    if _PERIOD.search(name) and all(map(_MONTHLY.fullmatch, digits)):
        return f"{first!r} may be a year and a month, not a number"
    if twins and (_VERSION.search(name) or _like_versions(digits)):
        return f"{twins[0]!r} and {twins[1]!r} are different texts and the same number"
    return None


def _whole_code(text: TextColumn, lengths: set[int]) -> str | None:
    """Return why digits without a mark are codes: by the column's name, or by check digits that all are right."""
    if named := code_name(text.guess.name, lengths):
        return named
    checked = text.column.formats & {"cpf", "cnpj"} if text.column.present >= _CHECKED else set()
    return f"digits, and all have the check digits of a {min(checked).upper()}" if checked else None


def _like_versions(digits: Sequence[str]) -> bool:
    return all(len(each) <= _CENTS for found in digits for each in re.split("[.,]", found))


def _choose(text: TextColumn, forms: Mapping[str, Form], marks: Marks, exponents: set[str]) -> str | None:
    """Set the type of numbers; return why none can hold them.

    A decimal is chosen only for a reason, since it refuses a later value with more places. The reasons are an amount
    of money, and more digits than a double holds.
    """
    guess = text.guess
    if any(len(re.split("[eE]", name)[1].strip(" +-")) > _EXPONENT_DIGITS for name in exponents):
        return "numbers with exponents of three digits, which may be greater than a double holds"
    found = extent(forms, marks)
    if not found.places and not exponents:
        if not -_LONG <= found.least <= found.greatest < _LONG:
            return f"digits, and more of them ({found.digits}) than a number holds"
        guess.type, guess.why = "long", f"whole numbers {text.seen}"
    elif found.digits > EXACT_DIGITS:
        if exponents or found.whole + found.places > _MOST_DIGITS:
            return f"numbers of up to {found.digits} digits, more than a number holds"
        guess.type = _decimal(found)
        guess.why = f"numbers of up to {found.digits} digits, more than a double holds, {text.seen}"
    else:
        guess.type, guess.why = _with_places(text, found, marks, bool(exponents))
    guess.properties |= marks_as_properties(marks, text.usual.mark)
    note_range(guess, format(found.least, "f"), format(found.greatest, "f"))
    return None


def _with_places(text: TextColumn, found: Extent, marks: Marks, exponents: bool) -> tuple[str, str]:
    """Return the type of numbers with places, and the reason."""
    guess = text.guess
    named = bool(_MONEY.search(guess.name) or _CURRENCY.search(guess.header))
    money = (_CURRENCY.search(marks.unit) or named) and found.places <= _CENTS
    cents = found.places == found.fewest == _CENTS and guess.records - guess.nulls >= ENOUGH
    if (money or cents) and not exponents:
        sign = "by its unit an amount" if _CURRENCY.search(marks.unit) else "by its name an amount"
        reason = sign if money else "every one with two places"
        return "decimal(18, 2)", f"numbers with at most two places after {marks.decimal!r} {text.seen}, {reason}"
    return "double", f"numbers {text.seen}"


def _decimal(found: Extent) -> str:
    """Return a decimal that holds all digits there are, with room for some more before the mark."""
    precision = _USUAL if found.whole + found.places + _SPARE <= _USUAL else _MOST_DIGITS
    return f"decimal({precision}, {found.places})"
