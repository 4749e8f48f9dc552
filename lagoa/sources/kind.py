"""What each kind of source provides: what may be declared of it, and records from a position on, as files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeAlias, TypeVar

from lagoa.sources.declaration import Declaration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from datetime import datetime
    from pathlib import Path

    from pydantic import SecretStr

    from lagoa.domain.tables import TableName

D = TypeVar("D", bound=Declaration)

Position: TypeAlias = "dict[str, Any]"
"""How far a table has what its source has, as JSON: where the next read begins. What is in it is up to the kind."""


@dataclass(frozen=True, slots=True)
class BadAnswer:
    """What a source gave that has no records in the form that is declared: it goes to the table's quarantine whole.

    Attributes:
        name: a name for it.
        content: its bytes.
        reason: what is wrong with it, in words.
    """

    name: str
    content: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Extract:
    """What is committed together: some records of one table, and the position behind them.

    Attributes:
        files: files with the records as the source gave them, in the form that the contract describes, in their order.
            Those in `Workplace.folder` may be deleted when the next extract is asked for.
        position: where the next read begins; None if the batches that the table has say what is new.
        bad: answers that are no records; an error follows.
    """

    files: tuple[Path, ...]
    position: Position | None = None
    bad: tuple[BadAnswer, ...] = ()


@dataclass(frozen=True, slots=True)
class Workplace:
    """What a kind is given to work with.

    Attributes:
        root: the lake's folder: paths in a declaration begin there.
        folder: an empty folder for files that are not kept.
        secret: returns the value of a secret by its name; raises as the port `Secrets` does.
        records_of: returns where the records of a table are in a document, as its contract says (`records`).
        clock: returns the time (UTC).
    """

    root: Path
    folder: Path
    secret: Callable[[str], SecretStr]
    records_of: Callable[[str], str | None]
    clock: Callable[[], datetime]


class Connection(Protocol):
    """An open source; one thread uses it."""

    def check(self) -> None:
        """Make sure that what is declared is there and may be read; raises `SourceError`, `SourceUnavailable`."""

    def read(self, table: TableName, position: Position | None) -> Iterator[Extract]:
        """Yield what is new, in the order in which it is to be loaded.

        After an extract was yielded and the next one is asked for, the former is committed.

        Args:
            table: one of the declared tables.
            position: of the last extract that the table has; None at the first time.

        Raises:
            SourceError: what the source has cannot be loaded; what was yielded before stays.
            SourceUnavailable: it does not answer.
        """


class Kind(ABC, Generic[D]):
    """A kind of source. Every command imports it with the registry, so the methods import what connects.

    Attributes:
        name: its name in declarations.
        options: what may be declared.
    """

    name: ClassVar[str]
    options: type[D]

    @abstractmethod
    def open(self, source: str, declared: D, place: Workplace) -> AbstractContextManager[Connection]:
        """Open a source.

        Args:
            source: its name.
            declared: what is declared of it.
            place: what it may use.

        Raises:
            SourceError, SourceUnavailable: it cannot be reached, or refuses the credentials.
        """
