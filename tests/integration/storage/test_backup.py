"""The script of docs/moving.md that backs up a lake while others write, and what is restored from it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading

import pyarrow as pa
from documentation import blocks
from lakes import LakeFolder

from lagoa.bootstrap import examine_lake, open_lake

(SCRIPT,) = (each.text for each in blocks("moving.md") if each.first == "import shutil")


def test_a_backup_made_while_a_lake_is_written_is_whole_and_can_be_restored(tmp_path):
    folder = LakeFolder(tmp_path / "mylake")
    folder.contract("bronze.items", "id:long*")
    enough, published = threading.Event(), []

    def write():
        with folder.open() as lake:
            while not enough.is_set():
                branch = lake.create_branch(f"load{len(published)}")
                branch.append("bronze.items", pa.table({"id": [len(published)]}))
                branch.publish()
                published.append(len(published))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in (1, 2, 3):
            count = len(published)
            while len(published) <= count and writer.is_alive():
                enough.wait(0.01)
            backup = tmp_path / f"backup{number}"
            done = subprocess.run(
                [sys.executable, "-c", SCRIPT, str(folder.root), str(backup)],
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            assert examine_lake(backup) == []
            with open_lake(backup) as lake:
                held = [row[0] for row in lake.sql("select id from bronze.items order by id").fetchall()]
                assert held == list(range(len(held)))
                assert len(held) > count
    finally:
        enough.set()
        writer.join()

    shutil.rmtree(folder.root / ".lagoa")
    shutil.copytree(tmp_path / "backup3/.lagoa", folder.root / ".lagoa")
    with folder.open() as lake:
        assert lake.sql("select count(*) from bronze.items").fetchall() == [(len(held),)]
        branch = lake.create_branch("after")
        branch.append("bronze.items", pa.table({"id": [-1]}))
        assert branch.publish().report.passed
    assert examine_lake(folder.root) == []
