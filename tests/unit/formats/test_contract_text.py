"""Texts within a contract that is written from a file."""

from __future__ import annotations

import yaml
from effort import many
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lagoa.formats.contract_text import scalar


@settings(max_examples=many(60), deadline=None)
@given(text=st.text(max_size=20))
@example("\x1f\U00010000")
@example("\ufffe\x85\u2028")
def test_any_text_can_be_written_as_yaml(text):
    assert yaml.safe_load(f"a: {scalar(text)}") == {"a": text}
