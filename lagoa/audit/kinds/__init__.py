"""The kinds of check: one line per kind, the rest is in its module."""

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

KINDS: list[type[Check]] = [
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
]
"""Every kind of check, in the order in which checks are created; kinds of the same name compare definitions alike."""
