"""What `lagoa.source` may say about text files of any format."""

from __future__ import annotations

from typing import ClassVar

from lagoa.contracts.sources import ISO_DATE, DateForm, Source, Spelling


class TextSource(Source):
    """The form of files whose values are text.

    Attributes:
        date: how dates are written, with or without a time after them.
    """

    files: ClassVar[str] = "text"

    date: DateForm = ISO_DATE

    @property
    def spelling(self) -> Spelling:
        """How values are written."""
        return Spelling(date=self.date)
