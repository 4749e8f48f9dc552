"""Each extra alone, installed beside the base: of the lock's versions, consistent, of the size that the page says."""

from __future__ import annotations

import re
import subprocess
import tomllib

import pytest
from checkout import ROOT
from packaging.utils import canonicalize_name

from tests.wheel.conftest import LOCK, UV
from tests.wheel.licenses import not_allowed, show
from tests.wheel.test_packages import documented_size

EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
LOCKED = set(re.findall(r"^([\w.-]+)==([^\s;]+)", LOCK.read_text("utf-8"), re.MULTILINE))

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(1800)]


@pytest.mark.parametrize("extra", [name for name in EXTRAS if name != "dev"])
def test_each_extra_alone(base, install, extra, capsys):
    environment = install(extra)
    with capsys.disabled():
        show(environment, f"lagoa[{extra}]")
    found = {(canonicalize_name(name), version) for name, version, *_ in environment.packages if name != "lagoa"}
    assert found - LOCKED == set()
    subprocess.run([*UV, "pip", "check", "-q", "--python", environment.python], check=True)
    assert not_allowed(environment) == []
    assert environment.megabytes - base.megabytes == pytest.approx(documented_size(f"`{extra}`"), rel=0.2, abs=10)
