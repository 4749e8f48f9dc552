"""The formats of source files: one package each, which a line in `registry` makes known to all of Lagoa."""

from __future__ import annotations

from lagoa.formats.registry import FORMATS, open_reader

__all__ = ["FORMATS", "open_reader"]
