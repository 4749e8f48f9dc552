"""Names of the engines that models run on."""

from __future__ import annotations

from typing import Literal, TypeAlias

EngineName: TypeAlias = Literal["spark", "trino"]
"""An engine beside DuckDB, which is the embedded one."""

EngineChoice: TypeAlias = Literal["duckdb", "spark", "trino", "auto"]
"""What a user chooses: an engine, or that Spark is taken where there is much data."""
