"""`python -m lagoa.prefect.engine`: the process of a deployment's run, which is Prefect's own and sooner at its tables.

What reads and writes tables is imported while Prefect waits for its server; otherwise the flow would wait for it.
"""

from __future__ import annotations

import gc
import runpy
from importlib import import_module
from threading import Thread

_FIRST = ("prefect.flow_engine", "prefect.deployments.steps.core", "lagoa.prefect.runs")
"""All that Prefect itself needs: two threads that import the same modules can see them half-made."""

_BESIDE = ("pyiceberg.io.pyarrow", "duckdb", "sqlglot")


def main() -> None:
    """Run the flow run that the worker names in the environment."""
    gc.disable()  # it would look through all that is imported, again and again
    for name in _FIRST:
        import_module(name)
    Thread(target=_import_beside).start()
    runpy.run_path(str(import_module("prefect.engine").__file__), run_name="__main__")


def _import_beside() -> None:
    try:
        for name in _BESIDE:
            import_module(name)
    finally:
        gc.freeze()
        gc.enable()


if __name__ == "__main__":
    main()
