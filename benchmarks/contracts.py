"""How long a process takes for the contracts of a large lake: for the first time, and when they were read before."""

from __future__ import annotations

import math
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.figures import Figure

ROOT = Path(__file__).resolve().parent.parent
CONTRACTS = 10_000
ROUNDS = 5
LIMIT_S = 1.0

_PROGRAM = """
import sys, time
started = time.perf_counter()
import lagoa
with lagoa.open_lake(sys.argv[1]) as lake:
    opened = time.perf_counter()
    assert len(lake.context.contracts) >= int(sys.argv[2])
    read = time.perf_counter()
    for contract in lake.context.contracts:
        assert contract.columns
    print(opened - started, read - opened, time.perf_counter() - read)
"""


def run() -> list[Figure]:
    """Measure a lake of 10,000 contracts, copies of the reference lake's; takes about a minute."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "lagoa.toml").write_text("")
        one = write_contracts(root / "iceberg", CONTRACTS)
        _, cold, _ = _measured(root)
        rounds = [_measured(root) for _ in range(ROUNDS)]
        opened, warm, every = (statistics.median(each) for each in zip(*rounds, strict=True))
        changed = []
        for number in range(ROUNDS):
            one.write_text(f"{one.read_text('utf-8')}# {number}\n", "utf-8")
            changed.append(_measured(root)[1])
    peer = f"every file read: {cold:.1f} s"
    note = f"median of {ROUNDS} processes; beside imports and the catalog, {opened:.2f} s"
    count = f"{CONTRACTS:,} contracts"
    return [
        Figure(f"{count}, none changed since another process read them", warm, "s", LIMIT_S, peer, note),
        Figure("the same, one of them changed", statistics.median(changed), "s", peer=peer),
        Figure("the same as the first, and every contract looked at", warm + every, "s", peer=peer),
    ]


def write_contracts(folder: Path, count: int) -> Path:
    """Write at least so many contracts, whole copies of the reference lake's; return the file of one."""
    texts = {path.relative_to(ROOT / "iceberg"): path.read_text("utf-8") for path in ROOT.glob("iceberg/*/*.odcs.yaml")}
    tables = {path: f"{path.parent}.{path.name.partition('.')[0]}" for path in texts}
    named = re.compile(rf"\b({'|'.join(map(re.escape, sorted(tables.values(), reverse=True)))})\b")
    for copy in range(math.ceil(count / len(texts))):
        for path, text in texts.items():
            name = tables[path].partition(".")[2]
            copied = named.sub(rf"\1_{copy}", text).replace(f"\n  - name: {name}\n", f"\n  - name: {name}_{copy}\n")
            file = folder / path.parent / f"{name}_{copy}.odcs.yaml"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(copied, "utf-8")
    return file


def _measured(root: Path) -> tuple[float, float, float]:
    """Return the seconds that a process takes to open a lake, for its contracts, and for a look at each of them."""
    command = [sys.executable, "-c", _PROGRAM, str(root), str(CONTRACTS)]
    opened, read, every = map(float, subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())
    return opened, read, every
