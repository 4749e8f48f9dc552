"""Notes what nearly holds in a column of texts: numbers or dates but for a few values, and words that may mean null."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from lagoa.contracts.sources import ISO_DATE
from lagoa.domain.lists import cut, listed
from lagoa.formats.shared.forms import date_form, date_readings, edit, marks_as_properties, settle
from lagoa.formats.shared.null_words import CODES
from lagoa.formats.shared.number_forms import EXACT_DIGITS, body, extent, readings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lagoa.contracts.sources import DateForm
    from lagoa.formats.shared.guesses import Guess
    from lagoa.formats.shared.profile import Form
    from lagoa.formats.shared.text_columns import Usual

_COMPACT: DateForm = "yyyymmdd"
_MOST = 0.8
_LEAST = 3
_SHOWN = 3
_LONG = 19


def note(guess: Guess, forms: Mapping[str, Form], words: Mapping[str, Form], usual: Usual) -> None:
    """Note that all but some values of a column of texts are numbers, or dates; and its words for null.

    Args:
        guess: of the column; gets the notes.
        forms: of its values, without words for null.
        words: its words for null.
        usual: how most values of the file are written.
    """
    present = sum(form.count for form in forms.values())
    uncoded = {name: form for name, form in forms.items() if not set(form.values or {""}) <= CODES}
    for kind, fitting in (("dates", _dates(forms)), ("numbers", _numbers(forms) or _numbers(uncoded))):
        count = sum(forms[name].count for name in fitting)
        taken = {name: forms[name] for name in fitting}
        most = count >= present * _MOST or taken.keys() == uncoded.keys()  # codes for nothing may be more than values
        if not (_LEAST <= count < present and most and (found := _as_column(guess, taken, usual))):
            continue
        misfits = {name: form for name, form in forms.items() if name not in fitting}
        values = [value for form in misfits.values() for value in (form.values or {})]
        if all(form.values is not None for form in misfits.values()):
            nulls = _with_nulls(guess, [*values, *words])
            null = f"if these mean null, {edit(found[0], {**found[1], 'lagoa.nulls': nulls})}"
        else:
            null = edit(*found)
        guess.notes.append(
            f"all but {present - count:,} of {present:,} are {kind}: {_examples(misfits)}; {null}; "
            "without lagoa.nulls for them, their records go to quarantine"
        )
        guess.offered = True
        return
    _note_impossible(guess, forms, usual)
    offer(guess, forms, words)


def _note_impossible(guess: Guess, forms: Mapping[str, Form], usual: Usual) -> None:
    """Note that all values but a few are dates of one form, and these are no days of the calendar."""
    if len(forms) != 1 or not usual.by_column:
        return
    ((name, form),) = forms.items()
    order, dates = max(form.dates.items(), key=lambda item: item[1].local, default=("", None))
    if dates is None or not (max(_LEAST, form.count * _MOST) <= dates.local < form.count):
        return
    kind = "date" if len(name) <= len(ISO_DATE) else "timestamp"
    written = date_form(name, order)
    properties = {} if written == usual.date else {"lagoa.date": written}
    guess.notes.append(
        f"all but {form.count - dates.local:,} of {form.count:,} are dates ({written}), and these are no days of the "
        f"calendar; if they are to go to quarantine, {edit(kind, properties)}"
    )


def _as_column(guess: Guess, forms: Mapping[str, Form], usual: Usual) -> tuple[str, dict[str, str]] | None:
    """Return the type and the custom properties of a column that has only values of these forms; None if it is text."""
    if dates := date_readings(forms, guess.name):
        reading = next((each for each in dates if each.form == usual.date), dates[0])
        return reading.kind, {} if reading.form == usual.date else {"lagoa.date": reading.in_yaml}
    marks, _ = settle(forms, usual.decimal, usual.delimiter)
    if marks is None or not usual.by_column:
        return None
    digits = extent(forms, marks)
    kind = "long" if not marks.decimal and digits.whole < _LONG else "double" if digits.digits <= EXACT_DIGITS else None
    return (kind, marks_as_properties(marks, usual.mark)) if kind else None


def offer(guess: Guess, forms: Mapping[str, Form], words: Mapping[str, Form]) -> None:
    """Note the words in a column of texts that may mean null, and negative numbers such as -4; they stay texts."""
    found, taken = _places(words) | _codes(forms, words), _taken(guess)
    _offer(guess, {word: place for word, place in found.items() if word not in taken}, "stays text")


def offer_numbers(guess: Guess, forms: Mapping[str, Form], words: Mapping[str, Form]) -> None:
    """Note numbers that may mean null: -9999, and the only negative ones if they are such as -1."""
    _offer(guess, _codes(forms, words) or _places(words), "is read as a number")


def _offer(guess: Guess, found: Mapping[str, tuple[int, int]], now: str) -> None:
    """Note values that may mean null, with their number and place, and what they are now."""
    if found:
        counts = ", ".join(f"{word!r} ({count:,}, line @{offset}@)" for word, (count, offset) in sorted(found.items()))
        guess.notes.append(f"{counts} {now}; if it means null, write {_property(_with_nulls(guess, found))}")
        guess.offered = True


def _codes(forms: Mapping[str, Form], words: Mapping[str, Form]) -> dict[str, tuple[int, int]]:
    """Return the negative numbers, with number and place, if all of them are such as stand for a missing value."""
    negative = [form for name, form in forms.items() if (parts := body(name)) and parts[1] == "-"]
    values = {value: found for form in negative for value, found in (form.values or {"": (0, 0)}).items()}
    return values if set(values) <= CODES | set(words) else {}


def _places(words: Mapping[str, Form]) -> dict[str, tuple[int, int]]:
    return {word: (form.count, form.offset) for word, form in words.items()}


def offer_dates(guess: Guess, forms: Mapping[str, Form], words: Mapping[str, Form]) -> None:
    """Note digits of which all are dates, and too few different ones to be sure."""
    for reading in date_readings(forms, guess.name, _COMPACT):
        nulls = {"lagoa.nulls": _with_nulls(guess, words)} if words else {}
        dates = edit(reading.kind, {"lagoa.date": reading.in_yaml, **nulls})
        guess.notes.append(f"all values may be dates ({reading}); if they are, {dates}")


def in_yaml(words: Iterable[str]) -> str:
    """Return a list of words as YAML, each once."""
    return json.dumps(sorted(set(words)), ensure_ascii=False)


def _taken(guess: Guess) -> list[str]:
    """Return the words that are null in a column already."""
    words: list[str] = json.loads(guess.properties.get("lagoa.nulls", "[]"))
    return words


def _with_nulls(guess: Guess, words: Iterable[str]) -> str:
    """Return the words that are null in a column already, and some more, as YAML."""
    return in_yaml([*words, *_taken(guess), *guess.null_words])


def _numbers(forms: Mapping[str, Form]) -> set[str]:
    """Return the forms that are numbers written in the same way: most values of those that are numbers."""
    found = {name for name in forms if (parts := body(name)) and "z" not in parts[2] and readings({name: forms[name]})}
    return found if readings({name: forms[name] for name in found}) else set()


def _dates(forms: Mapping[str, Form]) -> set[str]:
    """Return the forms that are dates of one kind: all their values are."""
    by_mark: dict[str, set[str]] = {}
    for name, form in forms.items():
        if any(dates.zoned == form.count and dates.plausible == form.count for dates in form.dates.values()):
            by_mark.setdefault(re.sub("[9z].*?9(?=[-/.]|$)", "", name[:10]), set()).add(name)
    return max(by_mark.values(), key=lambda names: sum(forms[name].count for name in names), default=set())


def _examples(misfits: Mapping[str, Form]) -> str:
    """Return the first few values that do not fit, with their number and line."""
    found: list[tuple[int, str]] = []
    for form in misfits.values():
        if form.values is None:
            found.append((form.offset, f"{form.count:,} such as {_short(form.first)} (line @{form.offset}@)"))
        for value, (count, offset) in (form.values or {}).items():
            often = f"{count:,} times, first in line" if count > 1 else "line"
            found.append((offset, f"{_short(value)} ({often} @{offset}@)"))
    found.sort()
    return listed([text for _, text in found], _SHOWN)


def _property(nulls: str) -> str:
    return f"`{{property: lagoa.nulls, value: {nulls}}}` in its customProperties"


def _short(text: str, length: int = 40) -> str:
    return repr(cut(text, length))
