"""The kinds of check that there are, one module each. A new kind is a module and its line in `KINDS`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.audit.kinds.drift import Drift
from lagoa.audit.kinds.enum import Enum
from lagoa.audit.kinds.foreign_key import ForeignKey
from lagoa.audit.kinds.format import Format
from lagoa.audit.kinds.history import OneVersion, VersionsOfAThing
from lagoa.audit.kinds.key import Key
from lagoa.audit.kinds.length import Length
from lagoa.audit.kinds.pattern import Pattern
from lagoa.audit.kinds.quarantine_share import QuarantineShare
from lagoa.audit.kinds.range import Range
from lagoa.audit.kinds.required import Required
from lagoa.audit.kinds.row_count import RowCount
from lagoa.audit.kinds.schema import Schema
from lagoa.audit.kinds.soda import Soda
from lagoa.audit.kinds.uncontracted import Uncontracted
from lagoa.audit.kinds.unique import Unique

if TYPE_CHECKING:
    from lagoa.audit.check import Check

KINDS: tuple[type[Check], ...] = (
    Uncontracted,
    Schema,
    Required,
    Enum,
    Pattern,
    Format,
    Length,
    Range,
    Key,
    Unique,
    OneVersion,
    VersionsOfAThing,
    ForeignKey,
    QuarantineShare,
    RowCount,
    Drift,
    Soda,
)
