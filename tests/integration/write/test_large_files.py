"""Files as large as the settings allow, written, changed and read within the memory that the settings allow."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from lakes import LakeFolder

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(1800)]

ROWS = 80_000_000
"""Of 16 bytes that cannot be compressed: 1.2 GiB."""

WORK = """
import json
import resource
import sys

import lagoa


def sizes(branch):
    return [task.file.file_size_in_bytes for task in branch.catalog().load_table("bronze.a").scan().plan_files()]


root, rows = sys.argv[1], int(sys.argv[2])
hashed = [f"cast(hash(n, {seed}) >> 1 as bigint)" for seed in (1, 2)]
with lagoa.open_lake(root) as lake:
    branch = lake.create_branch("dev")
    branch.append("bronze.a", f"select {hashed[0]} as k, {hashed[1]} as v from range({rows}) as t(n)")
    written = sizes(branch)
    (least,) = branch.sql("select min(k) from bronze.a").fetchall()[0]
    removed = branch.delete("bronze.a", f"k = {least}").rows_removed
    kept = sizes(branch)
    branch.publish()
    count, other = lake.sql("select count(*), min(k) from bronze.a").fetchall()[0]
assert (removed, count, other > least) == (1, rows - 1, True)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"written": written, "kept": kept, "peak": peak}))
"""


@pytest.mark.parametrize(("megabytes", "sort"), [(128, ()), (512, ("k",)), (4096, ())])
def test_files_are_of_the_size_that_is_set(tmp_path, megabytes, sort, capsys):
    folder = LakeFolder(tmp_path, target_file_mb=megabytes, memory_limit="1GB", threads=2)
    folder.contract("bronze.a", "k:long v:long", sort=list(sort))
    command = [sys.executable, "-c", WORK, str(tmp_path), str(ROWS)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found = json.loads(done.stdout)
    for sizes in (found["written"], found["kept"]):
        *whole, _ = sorted((size / 2**20 for size in sizes), reverse=True)  # the last one has what is left
        assert whole == [pytest.approx(megabytes, rel=0.25)] * len(whole)
        assert sum(sizes) > ROWS * 14
    with capsys.disabled():
        print(f"\n{megabytes} MiB: {len(found['written'])} files, at most {found['peak']:,.0f} MiB of memory")  # noqa: T201
