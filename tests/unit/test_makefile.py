"""`make help` lists every target."""

from __future__ import annotations

import re
import subprocess

from checkout import ROOT


def test_help_lists_every_target_with_its_text():
    done = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = re.search(r"^\.PHONY: ((?:.*\\\n)*.*)", makefile, re.MULTILINE)[1].replace("\\", "").split()
    listed = {line.split()[1]: line.split(maxsplit=2)[2] for line in done.stdout.splitlines()}
    assert sorted(listed) == sorted(targets)
    assert listed["check"].startswith("lint, types, structure")
    assert done.stdout == subprocess.run(["make", "-s"], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_pre_commit_runs_the_tools_of_the_check():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    check = re.search(r"^check:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)[1]
    ours = set(re.findall(r"^\t\$\(BIN\)/([\w-]+)(?: (check|format))?", check, re.MULTILINE))
    hooks = (ROOT / ".pre-commit-config.yaml").read_text("utf-8")
    assert ours == set(re.findall(r"entry: \.venv/bin/([\w-]+)(?: (check|format))?", hooks))
    assert len(ours) == 6
