"""Size and licenses of what is installed."""

from __future__ import annotations

import re

import pytest
from checkout import ROOT

from tests.wheel.licenses import allowed, license_of, not_allowed, show

PAGE = ROOT / "docs" / "install.md"


def documented_size(extra):
    """Return the size in docs/install.md of an extra, or of the base, in megabytes."""
    (found,) = re.findall(rf"^\| {extra} \|[^|]*\| (?:\+ )?(\d+) \|", PAGE.read_text("utf-8"), re.MULTILINE)
    return int(found)


def test_size_and_licenses(base, capsys):
    with capsys.disabled():
        show(base, "lagoa")
    assert not_allowed(base) == []
    assert base.megabytes == pytest.approx(documented_size("none"), rel=0.1)


@pytest.mark.parametrize(
    ("said", "may"),
    [
        (("a", "MIT AND (Apache-2.0 OR BSD-2-Clause)", "", []), True),
        (("a", "EPL-2.0 OR GPL-2.0-or-later", "", []), True),
        (("a", "", "BSD 3-Clause License", []), True),
        (("a", "", "", ["GNU Lesser General Public License v3 (LGPLv3)"]), True),
        (("a", "", "x" * 5000, ["Mozilla Public License 2.0 (MPL 2.0)"]), True),
        (("soda-core", "", "Proprietary", []), True),
        (("a", "", "Proprietary", []), False),
        (("a", "", "", []), False),
        (("a", "GPL-3.0-only", "", []), False),
        (("a", "MIT AND GPL-3.0-or-later", "", []), False),
        (("a", "GPL-3.0-only AND (MIT OR Apache-2.0)", "", []), False),
        (("a", "AGPL-3.0-or-later", "", []), False),
        (("a", "", "", ["GNU Affero General Public License v3"]), False),
        (("a", "", "SSPL", ["MIT License"]), False),
        (("a", "", "", ["MIT License", "GNU General Public License v2 (GPLv2)"]), False),
    ],
)
def test_licenses_that_are_refused(said, may):
    assert allowed(license_of(*said)) is may
