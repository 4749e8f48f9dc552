"""`make system` installs what is missing of infra/debian.txt, and else does nothing; apt and dpkg are stand-ins."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

INFRA = Path(__file__).parents[3] / "infra"
LINES = [line for line in (INFRA / "debian.txt").read_text("utf-8").splitlines() if not line.startswith("#")]
PACKAGES = [line.split()[0] for line in LINES]
FIRST, *_, LAST = PACKAGES


class Machine:
    """A machine with some packages, on which a program that installs notes that it was called."""

    def __init__(self, folder, installed, *, user=0, has=("apt-get", "sudo")):
        self.calls = folder / "calls"
        self.calls.touch()
        programs = folder / "bin"
        programs.mkdir()
        for name in ("sh", "sed", "dirname", "env"):
            (programs / name).symlink_to(shutil.which(name))
        said = "".join(f"    {name}) echo installed ;;\n" for name in installed)
        self._program(programs / "dpkg-query", f'for last; do :; done\ncase "$last" in\n{said}    *) exit 1 ;;\nesac\n')
        self._program(programs / "id", f"echo {user}\n")
        if "apt-get" in has:
            self._program(programs / "apt-get", f'echo "$DEBIAN_FRONTEND" apt-get "$@" >> {self.calls}\n')
        if "sudo" in has:
            self._program(programs / "sudo", f'echo sudo >> {self.calls}\nexec "$@"\n')
        self._path = str(programs)

    @staticmethod
    def _program(path, text):
        path.write_text(f"#!/bin/sh\n{text}")
        path.chmod(0o755)

    def run(self):
        script = INFRA / "install_debian.sh"
        environment = {"PATH": self._path}
        told = subprocess.run([script], env=environment, capture_output=True, text=True, check=False)
        return told.returncode, told.stdout, told.stderr, self.calls.read_text().splitlines()


INSTALL = "noninteractive apt-get install -qq --yes --no-install-recommends"


def test_nothing_is_done_where_all_is_there(tmp_path):
    assert Machine(tmp_path, PACKAGES).run() == (0, "", "", [])


def test_what_is_missing_alone_is_installed_after_the_lists_were_fetched(tmp_path):
    code, out, _, calls = Machine(tmp_path, PACKAGES[1:-1]).run()
    assert (code, out) == (0, f"Installing {FIRST} {LAST}\n")
    assert calls == [" apt-get update -qq", f"{INSTALL} {FIRST} {LAST}"]


def test_who_is_not_root_installs_by_sudo(tmp_path):
    code, _, _, calls = Machine(tmp_path, PACKAGES[:-1], user=1000).run()
    assert code == 0
    assert calls == ["sudo", " apt-get update -qq", "sudo", f"{INSTALL} {LAST}"]


@pytest.mark.parametrize(
    ("has", "said"), [(("apt-get",), "only root may install them: apt-get install"), ((), "There is no apt-get")]
)
def test_who_cannot_install_is_told_what_is_missing(tmp_path, has, said):
    code, out, err, calls = Machine(tmp_path, PACKAGES[:-1], user=1000, has=has).run()
    assert (code, out, calls) == (1, "", [])
    assert said in err
    assert err.endswith(f" {LAST}\n")


def test_each_package_says_what_it_is_for():
    assert [line for line in LINES if not re.fullmatch(r"[a-z0-9.+-]+ +# \S.*", line)] == []
    assert os.access(INFRA / "install_debian.sh", os.X_OK)
