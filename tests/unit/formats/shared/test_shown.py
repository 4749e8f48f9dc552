"""Refused records are shown as text, whatever their bytes are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lagoa.formats.shared.shown import shown


@pytest.mark.parametrize(
    ("raw", "encoding", "text"),
    [
        ("São;1\n".encode(), "utf-8", "São;1\n"),
        ("São;1\n".encode("latin-1"), "utf-8", "São;1 [not utf-8: read as cp1252]"),
        ("Poá ".encode() + b"S\xe3o\n", "utf-8", "Poá São [not utf-8: read as cp1252]"),
        (b"\x93x\x94\n", "utf-8", "“x” [not utf-8: read as cp1252]"),
        (b"\x81\n", "utf-8", "\\x81 [not utf-8: read as cp1252]"),
        (b"\xc9\x80\n", "latin-1", "É\x80\n"),
        (b"\x81 \xc9\n", "cp1252", "\\x81 É [not cp1252: read as cp1252]"),
        ("São\n".encode(), "utf-16-le", "São\n"),
        (b"a\0b", "utf-8", "a\0b"),
        (b"", "utf-8", ""),
    ],
)
def test_bytes_as_text(raw: bytes, encoding: str, text: str) -> None:
    assert shown(raw, encoding) == text


@given(st.binary(max_size=40), st.sampled_from(["utf-8", "cp1252", "latin-1", "utf-16", "ascii"]))
def test_any_bytes_are_shown(raw: bytes, encoding: str) -> None:
    assert isinstance(shown(raw, encoding), str)
