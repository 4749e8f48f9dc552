"""The formats of source files: one package each, registered by one line in `registry`."""

from __future__ import annotations

from lagoa.formats.registry import FORMATS, open_reader

__all__ = ["FORMATS", "open_reader"]
