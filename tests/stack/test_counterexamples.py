"""The counterexamples of the models of publishing, on Nessie; and the step that only Nessie has."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import replace

import pytest
from counterexamples import PEOPLE, Anomalies, Gone, Publishing, Rebasing, head, ids, is_told, loaded, published

from lagoa.adapters.nessie.catalog import NessieCatalog
from lagoa.domain.refs import MAIN
from lagoa.publish import publish


@pytest.fixture
def lake(small):
    """Return the lake, with nothing in it."""
    with small.open() as opened:
        yield opened


class TestPublishing(Publishing):
    """All of `Publishing`."""


class TestRebasing(Rebasing):
    """All of `Rebasing`."""


class TestAnomalies(Anomalies):
    """All of `Anomalies`."""


class Halted(NessieCatalog):
    """The process that uses it ends when it is about to move main: the journal has the entry already."""

    def _assign(self, branch, expected, to, change=None):
        if branch == MAIN:
            raise Gone
        super()._assign(branch, expected, to, change)


def test_an_entry_of_the_journal_whose_move_did_not_happen_is_not_told(lake, small):
    main = published(lake, small)
    branch, context = loaded(lake, small, people=3), lake.context
    moves = context.catalog.moves(MAIN)
    with closing(Halted(os.environ["LAGOA_NESSIE_URL"], options=context.catalog._options)) as halted:
        with pytest.raises(Gone):
            publish(replace(context, catalog=halted), "dev")
        assert len(list(halted._journal._entries(halted._journal._head()))) == len(moves) + 1
    assert head(lake) == main
    assert context.catalog.moves(MAIN) == moves
    is_told(lake)
    branch.publish()
    assert ids(lake, PEOPLE) == [1, 2, 3]
    is_told(lake)
