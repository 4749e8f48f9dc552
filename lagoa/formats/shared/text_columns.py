"""Decides on the types of columns of texts: what all values of a column are, apart from words for null."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lagoa.contracts.sources import ISO_DATE, DateForm
from lagoa.formats.shared import near_misses
from lagoa.formats.shared.codes import named_code
from lagoa.formats.shared.forms import date_readings, plain_forms, usual_date, usual_decimal
from lagoa.formats.shared.guesses import note_range, set_format
from lagoa.formats.shared.profile import TRUTH, WORD

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from lagoa.formats.shared.forms import DateReading
    from lagoa.formats.shared.guesses import Guess
    from lagoa.formats.shared.profile import Column, Form

_DATE = 10
_MYSQL_NULL = r"\N"
_KINDS = {"date": "dates", "timestamp": "moments without a time zone", "timestamptz": "moments with their offset"}


@dataclass(slots=True)
class Usual:
    """How most values of a file are written; a column that differs says so itself.

    Attributes:
        delimiter: between fields; empty if the format has none.
        decimal: the decimal mark; empty if no column shows it.
        date: how dates are written.
        by_column: whether columns may have words for null and marks of their own.
    """

    delimiter: str = ""
    decimal: Literal["", ".", ","] = ""
    date: DateForm = ISO_DATE
    by_column: bool = False

    @property
    def mark(self) -> Literal[".", ","]:
        """The decimal mark that the file's form has."""
        return self.decimal or "."


@dataclass(frozen=True, slots=True)
class TextColumn:
    """A column of texts whose type is to be found.

    Attributes:
        guess: what is known about it; gets the rest.
        column: its values.
        forms: of the values, without words for null.
        words: the words for null.
        usual: how most values of the file are written.
    """

    guess: Guess
    column: Column
    forms: dict[str, Form]
    words: dict[str, Form]
    usual: Usual

    @classmethod
    def of(cls, guess: Guess, column: Column, usual: Usual) -> TextColumn:
        """Divide the forms of a column; words for null are texts as others where a column cannot have its own."""
        forms = plain_forms(column) if usual.by_column else dict(column.forms)
        words = {name[len(WORD) :]: form for name, form in column.forms.items() if name not in forms}
        return cls(guess, column, forms, words, usual)

    @property
    def seen(self) -> str:
        """The number of values, in words."""
        present = sum(form.count for form in self.forms.values())
        return f"in all {present:,} values" if present > 1 else "in the one value"

    def take_nulls(self, words: Collection[str]) -> None:
        """Make some words null in this column."""
        if words:
            taken = sorted(words)
            self.guess.properties["lagoa.nulls"] = near_misses.in_yaml([*taken, *self.guess.null_words])
            self.guess.offered = True
            forms = _zeros(self.forms) | self.words
            self.guess.nulls += sum(forms[word].count for word in taken)
            self.guess.distinct -= min(len(taken), self.guess.distinct)
            counts = ", ".join(f"{word!r} ({forms[word].count:,}, line @{forms[word].offset}@)" for word in taken)
            self.guess.notes.append(f"{counts} is null in this column")

    def keep_text(self, why: str) -> None:
        """Set the type of a column of texts; only MySQL's word for null is none of its values."""
        self.guess.type, self.guess.why = "string", why
        taken = self.words.keys() & {_MYSQL_NULL}
        self.take_nulls(taken)
        values = self.column.values
        set_format(self.guess, self.column.formats, values and [each for each in values if each not in taken])


def guess_columns(guesses: Sequence[Guess], columns: Sequence[Column], usual: Usual) -> list[str]:
    """Complete the guesses of columns of texts, and how the file's values are written; return doubts about the latter.

    Args:
        guesses: of the columns.
        columns: their values.
        usual: what is known about how values are written; the rest is filled in.
    """
    texts = [TextColumn.of(guess, column, usual) for guess, column in zip(guesses, columns, strict=True)]
    if usual.by_column and not usual.decimal:
        usual.decimal = usual_decimal(each.forms for each in texts if not named_code(each.guess.name))
    dates = [
        date_readings(each.forms, each.guess.name, usual.date) if _may_be_date(each.guess) else [] for each in texts
    ]
    doubts: list[str] = []
    if usual.date == ISO_DATE:
        usual.date, doubts = usual_date(dates)
    for text, found in zip(texts, dates, strict=True):
        _guess(text, found)
        if usual.by_column and not found and _may_be_date(text.guess):
            near_misses.offer_dates(text.guess, text.forms, text.words)
    if usual.by_column:
        _share_thousands([each.guess for each in texts])
    return doubts


def _share_thousands(guesses: Sequence[Guess]) -> None:
    """Let the other amounts of a file have the marks between thousands of those with some: a later one may be great."""
    written = [guess for guess in guesses if "lagoa.decimal" not in guess.properties]
    marks = {guess.properties["lagoa.thousands"] for guess in written if "lagoa.thousands" in guess.properties}
    for guess in written if len(marks) == 1 else ():
        if guess.type.startswith("decimal") and "lagoa.thousands" not in guess.properties:
            guess.properties["lagoa.thousands"] = next(iter(marks))


def _may_be_date(guess: Guess) -> bool:
    return guess.written in {None, "text"}


def _guess(text: TextColumn, dates: Sequence[DateReading]) -> None:
    from lagoa.formats.shared.number_columns import guess_number

    guess, column = text.guess, text.column
    guess.records, guess.nulls = column.records, column.records - column.present
    values = column.values
    guess.distinct = column.present if column.unique else len(values) if values else 0
    if not column.present:
        guess.type, guess.why = "string", "no value was seen"
    elif guess.written == "several":
        text.keep_text(guess.why)
    elif text.forms.keys() == {TRUTH} and guess.written != "text":
        guess.type, guess.why = "boolean", f"true or false {text.seen}"
        text.take_nulls(text.words.keys())
    elif dates:
        _guess_date(text, dates)
        text.take_nulls(text.words.keys() | _zeros(text.forms).keys())
    elif guess.written == "text" or not guess_number(text):
        text.keep_text("text")
        near_misses.note(guess, text.forms, text.words, text.usual)


def _zeros(forms: Mapping[str, Form]) -> dict[str, Form]:
    """Return the zeros of a column, which stand for a missing date among dates of eight digits."""
    return {"0": form for form in forms.values() if form.values is not None and set(form.values) == {"0"}}  # noqa: B035


def _guess_date(text: TextColumn, found: Sequence[DateReading]) -> None:
    """Set the type of a column of dates, and their form if that of the file is another one."""
    guess, usual = text.guess, text.usual
    reading = next((each for each in found if each.form == usual.date), found[0])
    if reading.form != usual.date:
        guess.properties["lagoa.date"] = reading.in_yaml
        if len(found) > 1:
            guess.notes.append(f"dates are read as {reading}, and {found[1]} fits as well")
    written = "" if reading.form == ISO_DATE else f", written {reading}"
    guess.type, guess.why = reading.kind, f"{_KINDS[reading.kind]} {text.seen}{written}"
    length = _DATE if reading.kind == "date" else None
    zone = "+00:00" if reading.kind == "timestamptz" else ""
    note_range(guess, reading.least[:length] + zone, reading.greatest[:length] + zone)
