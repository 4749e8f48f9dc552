"""What `lagoa.source` may say about text files of any format."""

from __future__ import annotations

from typing import ClassVar

from lagoa.contracts.sources import ISO_DATE, DateForm, DateForms, Source, Spelling


class TextSource(Source):
    """The form of files whose values are text.

    Attributes:
        date: how dates are written, with or without a time after them; a list if they are written in several forms.
    """

    files: ClassVar[str] = "text"
    written: ClassVar[bool] = True

    date: DateForms = ISO_DATE

    @property
    def dates(self) -> DateForm | tuple[DateForm, ...]:
        """How dates are written, as a `Spelling` has it."""
        return tuple(self.date) if isinstance(self.date, list) else self.date

    @property
    def spelling(self) -> Spelling:
        """How values are written."""
        return Spelling(date=self.dates)
