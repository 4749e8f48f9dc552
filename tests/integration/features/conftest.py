"""What tests of features share."""

from __future__ import annotations

import warnings

with warnings.catch_warnings(action="ignore"):  # Feast and what it imports warn when they are imported
    import feast  # noqa: F401
