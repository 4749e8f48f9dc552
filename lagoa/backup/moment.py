"""A saved catalog as it was at an earlier moment."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lagoa.domain.refs import MAIN
from lagoa.domain.saved import SavedCatalog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from lagoa.domain.refs import RefInfo
    from lagoa.domain.saved import SavedCommit, SavedMove


def as_of(
    refs: Sequence[RefInfo], moves: Sequence[SavedMove], commits: Callable[[], Iterable[SavedCommit]], at: datetime
) -> SavedCatalog:
    """Return a catalog with its refs as they were at a moment.

    A branch that is published to, such as main, is where the journal says. Another branch is at the last of its commits
    that was made by then. A ref that was made later is left out; where the catalog does not know when it was made, one
    whose commits are all later.

    Args:
        refs: those of the backup.
        moves: its journal, oldest first.
        commits: gives its commits, parents before their children; called twice.
        at: the moment, not later than the backup.
    """
    history = {each.commit.id: (each.commit.parents, each.commit.committed_at) for each in commits()}
    found = [ref for ref in (_at(ref, moves, history, at) for ref in refs) if ref is not None]
    wanted: set[str] = set()
    waiting = [ref.commit for ref in found]
    while waiting:
        commit = waiting.pop()
        if commit not in wanted:
            wanted.add(commit)
            waiting += history[commit][0]
    names = {ref.name for ref in found}
    journal = [move for move in moves if move.at <= at and move.branch in names]

    def kept() -> Iterator[SavedCommit]:
        return (each for each in commits() if each.commit.id in wanted)

    return SavedCatalog(found, journal, kept())


def _at(
    ref: RefInfo,
    moves: Sequence[SavedMove],
    history: dict[str, tuple[tuple[str, ...], datetime]],
    at: datetime,
) -> RefInfo | None:
    own = [move for move in moves if move.branch == ref.name]
    if own:
        before = [move for move in own if move.at <= at]
        return replace(ref, commit=before[-1].to if before else history[own[0].to][0][0])
    if ref.name == MAIN:
        return ref
    if ref.created_at is not None and ref.created_at > at:
        return None
    commit: str | None = ref.commit
    while commit is not None and history[commit][1] > at:
        parents = history[commit][0]
        commit = parents[0] if parents and ref.kind == "branch" else None
    return None if commit is None else replace(ref, commit=commit)
