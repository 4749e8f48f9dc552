"""Lints data contracts by the official `datacontract` CLI: `.venv-datacontract/bin/python lint.py FILE|FOLDER…`.

The tool has an environment of its own, since its dependencies and Lagoa's do not go together, and lints one file a
process; here its Python interface lints all of them side by side. Its schemas come in its package: nothing is fetched.
"""

from __future__ import annotations

import logging
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

_BROKEN = "apiVersion: v3.2.0\nkind: DataContract\nid: a.b\nversion: 1.0.0\nstatus: active\nschema:\n  - name: 1\n"


def faults(text: str) -> list[str]:
    """Return what the tool finds wrong with a contract, warnings included."""
    from datacontract.data_contract import DataContract

    logging.disable()  # it logs what it returns
    run = DataContract(data_contract_str=text, all_errors=True).lint()
    if not run.checks:
        return ["nothing was checked"]
    return [f"{check.name}: {check.reason}" for check in run.checks if check.result != "passed"]


def main(paths: list[str]) -> int:
    """Print every fault; return 1 when there is one, when there is no contract, or when none would be found."""
    files = [
        file for path in map(Path, paths) for file in (sorted(path.rglob("*.odcs.yaml")) if path.is_dir() else [path])
    ]
    with ProcessPoolExecutor() as pool:
        proof, *found = pool.map(faults, [_BROKEN, *(file.read_text("utf-8") for file in files)])
    lines = [f"{file}: {fault}" for file, each in zip(files, found, strict=True) for fault in each]
    if not proof:
        lines.append("a broken contract passed: the tool does not check")
    if not files:
        lines.append(f"there is no contract in {', '.join(paths) or 'nothing'}")
    write = partial(print, file=sys.stderr if lines else sys.stdout)
    write("\n".join(lines) or f"{len(files)} contracts, and datacontract finds nothing wrong with them.")
    return int(bool(lines))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
