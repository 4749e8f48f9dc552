"""Publishing: `main` moves to the net change of a work branch, in exactly the state that passed its audit."""

from __future__ import annotations

from lagoa.publish.moves import ROLLBACK, publications
from lagoa.publish.work import BRANCH, publish

__all__ = ["BRANCH", "ROLLBACK", "publications", "publish"]
