"""Finds calls in a Python model whose value changes while its inputs do not: it would never be up to date."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_ALWAYS = re.compile(
    r"time\.(time|time_ns)"
    r"|(datetime\.)?(datetime\.(now|utcnow|today)|date\.today)"
    r"|uuid\.uuid[14]|os\.(urandom|getrandom|getenv|environ\.get)|secrets\.\w+"
    r"|random\.(random|randint|randrange|choices?|sample|shuffle|uniform|gauss|normalvariate|SystemRandom)"
    r"|numpy\.random\.(rand|randn|randint|random|choice|shuffle|permutation|normal|uniform)"
    r"|pandas\.Timestamp\.(now|utcnow|today)"
)
_WITHOUT_SEED = re.compile(r"random\.Random|numpy\.random\.(default_rng|RandomState)")
"""What gives the same each time if it is given a seed."""


def unstable_calls(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the line of each such call, and how it is written; what is called by another name is not found."""
    names = _imported(module)
    for node in ast.walk(module):
        if isinstance(node, ast.Call):
            written = ast.unparse(node.func)
            first, dot, rest = written.partition(".")
            called = f"{names.get(first, first)}{dot}{rest}"
            seeded = node.args or node.keywords
            if _ALWAYS.fullmatch(called) or (_WITHOUT_SEED.fullmatch(called) and not seeded):
                yield node.lineno, f"{written}()"


def _imported(module: ast.Module) -> dict[str, str]:
    """Return what the names stand for that a module imports."""
    names: dict[str, str] = {}
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            names |= {each.asname: each.name for each in node.names if each.asname}
        elif isinstance(node, ast.ImportFrom):
            names |= {each.asname or each.name: f"{node.module}.{each.name}" for each in node.names}
    return names
