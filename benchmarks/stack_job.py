"""The main job on the stack beside the same job embedded, each from the start of its process to the publication."""

from __future__ import annotations

import shutil
import statistics
from typing import TYPE_CHECKING

from benchmarks.figures import Figure
from benchmarks.main_job import job, reference_lake
from benchmarks.stack_servers import PROFILE
from flows.sources.olist import generate

if TYPE_CHECKING:
    from benchmarks.stack_servers import Servers, Size

LIMIT = 2.0


class JobFigures:
    """Measures the main job without Prefect, each time on an empty lake.

    Args:
        servers: the stack.
        size: how much is measured.
    """

    def __init__(self, servers: Servers, size: Size) -> None:
        self._servers = servers
        self._size = size
        self._data = servers.folder / "olist"
        if not self._data.exists():
            generate(self._data, scale=size.scale)

    def measure(self, name: str) -> list[Figure]:
        """Return the figures of a lake of this name."""
        lakes = {kind: self._servers.folder / f"{name}-{kind}" for kind in ("embedded", PROFILE)}
        reference_lake(lakes["embedded"])
        reference_lake(lakes[PROFILE], self._servers.profile(name))
        ours, theirs = [], []
        for _ in range(self._size.pairs):
            shutil.rmtree(lakes["embedded"] / ".lagoa", ignore_errors=True)
            theirs.append(job(self._data, lakes["embedded"]))
            self._servers.reset()
            ours.append(job(self._data, lakes[PROFILE], PROFILE))
        seconds, beside = (statistics.median(each["seconds"] for each in side) for side in (ours, theirs))
        ratio = statistics.median(a["seconds"] / b["seconds"] for a, b in zip(ours, theirs, strict=True))
        phases = ", ".join(f"{phase} {spent:.2f} s" for phase, spent in ours[-1]["phases"].items())
        peer = f"embedded: {beside:.2f} s"
        note = f"{seconds:.2f} s, median of {len(ours)} pairs, the last one: {phases}"
        return [Figure(f"main job of {ours[0]['received']:,} rows", ratio, "x", LIMIT, peer, note)]
