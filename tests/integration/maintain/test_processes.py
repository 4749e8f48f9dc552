"""Processes write, publish, roll back and compact while another one lets states expire and deletes files."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from itertools import pairwise
from multiprocessing import get_context

import beside
import pytest
from lakes import LakeFolder
from serial import Content, Move, Writers

from lagoa.domain.refs import MAIN
from lagoa.errors import StateExpired


class Beside(Writers):
    """The lake, and what main must have held, by what the processes noted."""

    def run(self, writers: int, operations: int, scale: float) -> None:
        """Let the processes do their work, with a multiple of the policy."""
        self.scale = scale
        context = get_context("spawn")
        begun, collected, ended = context.Array("d", writers), context.Event(), context.Event()
        root = str(self.lake.settings.root)
        self.lake.close()
        processes = [
            context.Process(target=beside.write, args=(root, scale, number, operations, begun, collected))
            for number in range(writers)
        ]
        maintainer = context.Process(target=beside.maintain, args=(root, scale, begun, collected, ended))
        for process in (*processes, maintainer):
            process.start()
        for process in processes:
            process.join()
        ended.set()
        maintainer.join()
        assert {process.exitcode for process in (*processes, maintainer)} == {0}
        self.lake = beside.opened(self.lake.settings.root, scale)

    def told(self) -> None:
        """Do again in the model what the processes published, in the order in which main moved."""
        root = self.lake.settings.root
        noted = [json.loads(line) for file in root.glob("notes-[0-9]*.jsonl") for line in file.read_text().splitlines()]
        done = {each["commit"]: each for each in noted if "commit" in each}
        self.pins = {each["ref"]: each["state"] for each in noted if "ref" in each}
        contents = {move.commit: move.content for move in self.moves}
        for _, commit in self.lake.context.catalog.moves(MAIN):
            if commit in contents:
                continue
            content = contents[done[commit]["to"]] if "to" in done[commit] else self.now
            for what, given, batch in done[commit].get("done", ()):
                rows = tuple(map(tuple, given)) if isinstance(given, list) else given
                content = getattr(content, what)(rows, batch)
            contents[commit] = content
            self.moves.append(Move(commit, content))
        self.contents: dict[str, Content] = contents

    def check(self) -> None:
        """Compare everything that is kept; then once more when all garbage is gone."""
        catalog = self.lake.context.catalog
        for _ in range(3):
            moves, now = catalog.moves(MAIN), self.lake.context.clock()
            until = {commit: then for (_, commit), (then, _) in pairwise(moves)}
            for move in self.moves[1:]:
                self.compare_kept(move.commit, now - until[move.commit] if move.commit in until else timedelta())
            for ref, state in self.pins.items():
                self.compare(ref, self.contents[state])
            for ref in self.lake.refs():
                for table in self.lake.tables(ref.name):
                    self.lake.sql(f"select * from {table}", ref.name).fetchall()
            assert catalog.verify() == []
            time.sleep(beside.GRACE_S * self.scale)
            self.lake.expire(dry_run=False)
            self.lake.collect(dry_run=False)

    def compare_kept(self, commit: str, age: timedelta) -> None:
        """Compare what is kept of a state that main left some time ago."""
        ref = f"{MAIN}@{commit}"
        try:
            self.compare(ref, self.contents[commit])
        except StateExpired as expired:
            layers = expired.layers
        else:
            return
        assert layers in {(), ("bronze",)}
        assert age >= timedelta(seconds=self.scale * (beside.BRONZE_S if layers else beside.HISTORY_S))
        if layers:
            self.compare(ref, self.contents[commit], leave_out=layers)


@pytest.mark.parametrize(
    ("writers", "operations", "scale"),
    [
        pytest.param(2, 12, 1, marks=[pytest.mark.slow, pytest.mark.timeout(600)]),
        pytest.param(4, 80, 4, marks=[pytest.mark.nightly, pytest.mark.timeout(3600)]),
    ],
)
def test_whatever_is_kept_has_the_same_rows(tmp_path, writers, operations, scale):
    lake = Beside()
    lake.make(LakeFolder(tmp_path, author="ana", memory_limit="500MB", threads=1))
    lake.end("first")
    lake.run(writers, operations, scale)
    lake.told()
    assert len(lake.moves) > writers * operations / 4
    lake.check()
    lake.lake.close()
