"""Whatever several writers do and publish, main is as if they had gone one after the other."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import mkdtemp

import pytest
from effort import many
from hypothesis import HealthCheck, settings
from lakes import LakeFolder
from serial import Serial


class Embedded(Serial):
    """A lake of this machine alone."""

    def folder(self) -> LakeFolder:
        """Return a new folder."""
        self.root = Path(mkdtemp(prefix="lagoa-serial-"))
        return LakeFolder(self.root, author="ana", memory_limit="500MB")

    def teardown(self) -> None:
        """Remove it."""
        super().teardown()
        shutil.rmtree(self.root, ignore_errors=True)


TestSerial = pytest.mark.slow(pytest.mark.timeout(900)(Embedded.TestCase))
TestSerial.settings = settings(
    max_examples=many(12), stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
