"""The state that is audited: the exact tables, main's to compare with, and the time; and the keys of its results."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from datetime import datetime

    from lagoa.audit.check import Check
    from lagoa.context import LakeContext
    from lagoa.domain.ports.catalog import Pointers
    from lagoa.domain.ports.engine import Queries

FORMAT = 1
"""Raised when the meaning of a check changes but not its text: earlier results are then not used."""


@dataclass(frozen=True, slots=True)
class State:
    """The state at which checks are run.

    Attributes:
        context: the lake.
        pointers: every table.
        base: main's tables, for checks that compare with them.
        now: the moment (UTC), for checks that depend on the clock.
        on: opens tables on another engine, if checks are measured there.
    """

    context: LakeContext
    pointers: Pointers
    base: Pointers
    now: datetime
    on: Callable[[Pointers], AbstractContextManager[Queries]] | None = None
    _keys: dict[str, str] = field(default_factory=dict, init=False, repr=False)

    def open(self, tables: Pointers) -> AbstractContextManager[Queries]:
        """Open tables where the checks are measured."""
        return self.on(tables) if self.on else self.context.engine.session(tables)

    def key(self, check: Check) -> str:
        """Return the hash of all that a check's result depends on: equal keys mean equal results."""
        if check.id not in self._keys:
            parts = [
                FORMAT,
                check.id,
                check.how,
                check.text,
                check.limit,
                check.severity,
                sorted((str(table), self.pointers.get(table)) for table in check.reads),
                check.baseline(self.base),
                check.contract.hash if check.contract else "",
                check.moment(self.now),
                check.runner(self),
            ]
            self._keys[check.id] = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
        return self._keys[check.id]
