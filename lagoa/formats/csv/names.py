"""The names of a CSV file's columns, where its header has none for a field, one twice, or one too many or too few."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from lagoa.errors import SourceError
from lagoa.formats.csv.sample import fields_of
from lagoa.formats.shared.names import column_names

if TYPE_CHECKING:
    from lagoa.formats.csv.delimiter import Trial
    from lagoa.formats.shared.files import SourceFile
    from lagoa.formats.shared.given import Given

_SHOWN = 5
_ENDED = "each record ends with {!r}: what is behind it is no column"


@dataclass(slots=True)
class Names:
    """The names of the fields of a record.

    Attributes:
        fields: the names in the file, in order; the last is empty if records end with a delimiter.
        replace_header: whether the contract lists the names, since the header cannot be matched with the records.
        notes: what a reviewer should know.
    """

    fields: list[str]
    replace_header: bool = False
    notes: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, file: SourceFile, given: Given, header: Literal[True, False, "undecided"], trial: Trial) -> Names:
        """Return the names of a table.

        Raises:
            SourceError: names are given, and they are not as many as the fields of a record.
        """
        first = fields_of(trial.records[trial.start], trial.marks)
        ended = header is False and _end_in_delimiter(trial)
        if given.names:
            return _given(file, given, first, ended=ended)
        if header is not True:
            numbered = [f"column_{number}" for number in range(1, len(first) + 1 - ended)]
            return cls([*numbered, *[""] * ended], notes=[_ENDED.format(trial.marks.delimiter)] * ended)
        names = cls(first)
        names._fit(trial)
        names._distinguish()
        return names

    @property
    def columns(self) -> list[tuple[str, str]]:
        """The name of each column in the table, and in the file."""
        return list(zip(column_names(self.fields), self.fields, strict=True))

    def _fit(self, trial: Trial) -> None:
        """Let the names be as many as the fields of most records, which may end with a delimiter or not."""
        below = [record for record in trial.records[trial.start + 1 :] if record.fields]
        usual = Counter(record.fields for record in below).most_common(1)
        fields, line = len(self.fields), trial.records[trial.start].line
        if not usual or usual[0][0] == fields or usual[0][1] * 2 <= len(below):
            return
        more = usual[0][0] > fields
        self.fields = [*self.fields, ""] if more else self.fields[:-1]
        self.replace_header = True
        which = f"records have {usual[0][0]} fields, and the header in line {line} has {fields}"
        self.notes.append(f"{which}: {'each record' if more else 'the header'} ends with {trial.marks.delimiter!r}")

    def _distinguish(self) -> None:
        """Replace names that occur twice, or are empty more than once, by numbered ones."""
        twice = {name for name, count in Counter(self.fields).items() if count > 1}
        if not twice:
            return
        last = len(self.fields) - 1 if not self.fields[-1] and self.fields.count("") == 1 else len(self.fields)
        shown = ", ".join(map(repr, sorted(twice)[:_SHOWN]))
        self.notes.append(f"the header has {shown} more than once: its names are listed by their place")
        self.fields = [
            f"{name or 'column'}_{number}" if name in twice and number <= last else name
            for number, name in enumerate(self.fields, 1)
        ]
        self.replace_header = True


def _end_in_delimiter(trial: Trial) -> bool:
    """Return whether every record, of at least two, ends with a delimiter, behind which nothing comes."""
    records = [record.text.rstrip(b"\r\n") for record in trial.records[trial.start :] if record.fields == trial.fields]
    return len(records) > 1 < trial.fields and all(each.endswith(trial.marks.delimiter.encode()) for each in records)


def _given(file: SourceFile, given: Given, first: list[str], *, ended: bool) -> Names:
    if ended and len(given.names) == len(first) - 1:
        return Names([*given.names, ""])
    if len(given.names) != len(first):
        message = f"its records have {len(first)} fields, and {len(given.names)} names are given."
        raise SourceError(str(file.path), message, "Give a name for each field.")
    return Names(list(given.names))
