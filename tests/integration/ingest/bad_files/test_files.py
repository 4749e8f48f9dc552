"""Files that cannot be read to their end, disks that are full, and files larger than the memory."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from lagoa.cli.main import app
from lagoa.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from lagoa.branch import Branch
    from lagoa.lake import Lake

SALES = "bronze.sales"
RECORD = b"%d,ana,7,9.90,1.5,2018-01-02,2018-01-02 03:04:05,2018-01-02 03:04:05Z\n"
HEADER = b"id,name,n,price,ratio,day,at,moment\n"


def missing(folder: Path) -> Path:
    return folder / "none.csv"


def through_a_file(folder: Path) -> Path:
    (folder / "file").write_text("")
    return folder / "file" / "data.csv"


def itself(folder: Path) -> Path:
    return folder


def pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


def loop(folder: Path) -> Path:
    (folder / "loop").symlink_to("loop")
    return folder / "loop"


def secret(folder: Path) -> Path:
    path = folder / "secret.csv"
    path.write_bytes(HEADER)
    path.chmod(0)
    return path


PATHS: dict[str, tuple[Callable[[Path], Path], str]] = {
    "missing": (missing, "there is no such file"),
    "below a file": (through_a_file, "it cannot be read: Not a directory"),
    "a folder": (itself, "it is a folder"),
    "a pipe": (pipe, "it is not a regular file"),
    "a device": (lambda _: Path("/dev/zero"), "it is not a regular file"),
    "a link to itself": (loop, "it cannot be read: Too many levels of symbolic links"),
    "a name that is none": (lambda folder: folder / "a\0b", "it cannot be read: embedded null byte"),
    "a name of 5,000 letters": (lambda folder: folder / ("x" * 5000), "it cannot be read: File name too long"),
    "memory of a process": (lambda _: Path("/proc/self/mem"), "it cannot be read: Input/output error"),
}


@pytest.mark.parametrize(("make", "message"), PATHS.values(), ids=PATHS)
def test_paths_that_lead_to_no_file(
    lake: Lake, branch: Branch, tmp_path: Path, make: Callable[[Path], Path], message: str
) -> None:
    head = branch.head
    with pytest.raises(SourceError, match=message) as raised:
        branch.ingest(make(tmp_path), SALES)
    assert raised.value.advice
    assert branch.head == head


def test_a_file_that_may_not_be_read(lake: Lake, branch: Branch, tmp_path: Path) -> None:
    head, path, user = branch.head, secret(tmp_path), os.geteuid()
    assert lake.context.contracts
    if user == 0:  # who may read every file
        os.seteuid(65_534)
    try:
        with pytest.raises(SourceError, match="it may not be read"):
            branch.ingest(path, SALES)
    finally:
        os.seteuid(user)
    assert branch.head == head


def test_a_folder_that_may_not_be_looked_into(lake: Lake, branch: Branch, tmp_path: Path) -> None:
    folder, user = tmp_path / "secret" / "data", os.geteuid()
    folder.mkdir(parents=True)
    folder.parent.chmod(0)
    assert lake.context.contracts
    if user == 0:
        os.seteuid(65_534)
    try:
        with pytest.raises(SourceError, match="it cannot be read: Permission denied"):
            branch.ingest_folder(folder)
    finally:
        os.seteuid(user)
        folder.parent.chmod(0o700)


@pytest.mark.parametrize("name", [b"a\xff.csv", 'Vendas março\'s "1";\n--.csv'.encode()])
def test_names_of_any_bytes(lake: Lake, branch: Branch, tmp_path: Path, name: bytes) -> None:
    path = tmp_path / os.fsdecode(name)
    path.write_bytes(b"id\n1\nx\n")
    result = branch.ingest(path, SALES)
    shown = name.decode("utf-8", "replace")
    assert (result.accepted, result.quarantined, result.source) == (1, 1, shown)
    assert lake.sql(f"SELECT _source FROM {SALES}", branch.name).fetchall() == [(shown,)]


def test_a_file_that_is_still_being_written(lake: Lake, branch: Branch, tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(HEADER + b"".join(RECORD % at for at in range(20_000)))
    head, done = branch.head, threading.Event()

    def grow() -> None:
        with path.open("ab", buffering=0) as stream:
            while not done.wait(0.001):
                stream.write(RECORD % 1)

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        with pytest.raises(SourceError, match="it changed while it was read; nothing was written"):
            branch.ingest(path, SALES)
    finally:
        done.set()
        writer.join()
    assert branch.head == head
    assert branch.ingest(path, SALES).accepted >= 20_000


def run(root: Path, code: str, *arguments: str) -> str:
    """Run code in a process of its own, where limits can be set; return what it prints."""
    prelude = "import resource, sys\nfrom pathlib import Path\nimport lagoa\nfrom lagoa.errors import LagoaError\n"
    result = subprocess.run(
        [sys.executable, "-c", prelude + textwrap.dedent(code), str(root), *arguments],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_a_full_disk(root: Path, lake: Lake, branch: Branch, tmp_path: Path) -> None:
    """No file grows beyond a limit, as on a full disk; where it strikes depends on the limit."""
    path = tmp_path / "data.csv"
    path.write_bytes(b"id,name\n1,ana\nx,bia\n")
    told = run(
        root,
        """
        import logging
        with lagoa.open_lake(Path(sys.argv[1])) as lake:
            branch = lake.branch(sys.argv[2])
            head = branch.head
            for limit in (0, 1_000, 2_000, 4_000, 8_000):
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
                try:
                    branch.ingest(Path(sys.argv[3]), "bronze.sales")
                except LagoaError as error:
                    print(type(error).__name__, error.advice)
                resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
                assert branch.head == head
        """,
        branch.name,
        str(path),
    ).splitlines()
    assert len(told) == 5
    assert all("free disk space" in line for line in told)
    result = branch.ingest(path, SALES)
    assert (result.received, result.accepted, result.quarantined) == (2, 1, 1)


MEMORY = """
    from lagoa.domain.tables import TableName
    from lagoa.formats import open_reader
    from lagoa.formats.shared.files import SourceFile
    with lagoa.open_lake(Path(sys.argv[1])) as lake:
        contract = lake.context.contracts[TableName.parse("bronze.sales")]
        for path in sys.argv[2:]:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            try:
                stream = open_reader(contract, SourceFile(path)).stream()
                bad = sum(batch.num_rows - batch["@rule"].null_count for batch in stream.reader())
                print(stream.received, bad)
            except LagoaError as error:
                print(error.message)
        print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def measured(root: Path, path: Path) -> tuple[str, int]:
    """Read a file in a process of its own; return what it says, and by how many MiB the process grew at most."""
    small = path.with_name("small.csv")
    small.write_bytes(HEADER + RECORD % 1 + b"x\n")
    warm, said, grown = run(root, MEMORY, str(small), str(path)).splitlines()
    assert warm == "2 1"
    return said, int(grown)


@pytest.mark.slow
def test_memory_stays_bounded_with_bad_records_all_over_a_file(root: Path, tmp_path: Path) -> None:
    good = b"".join(b"%d,%s\n" % (at, b"x" * 2_000) for at in range(1_000))
    path = tmp_path / "data.csv"
    with path.open("wb") as stream:
        stream.write(b"id,name\n")
        for _ in range(100):
            stream.write(good + b'1,"a"b\n' + b"\xff,\n" + b"x\n")
    said, grown = measured(root, path)
    assert said == "100300 300"
    assert path.stat().st_size > 200_000_000
    assert grown < 100


def test_memory_stays_bounded_when_a_packed_file_is_huge(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "data.csv.gz"
    path.write_bytes(gzip.compress(HEADER) + 10 * gzip.compress(b"\0" * 20_000_000, 1))
    said, grown = measured(root, path)
    assert path.stat().st_size < 1_000_000
    assert "a line is longer than 16,777,216 bytes" in said
    assert grown < 100


@pytest.mark.parametrize(
    ("content", "code", "told"),
    [
        (b"id,nmae\n1,a\n", 1, "Did you mean 'name'"),
        (b"", 1, "it is empty"),
        (None, 1, "there is no such file"),
        (b"id,name\n1,a\n2\n", 0, "1 record went to quarantine"),
    ],
)
def test_the_command_line_says_what_is_wrong(
    root: Path, branch: Branch, tmp_path: Path, content: bytes | None, code: int, told: str
) -> None:
    path = tmp_path / "data.csv"
    if content is not None:
        path.write_bytes(content)
    command = ["--lake", str(root), "ingest", str(path), "--into", SALES, "--branch", branch.name]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == code
    assert told in result.stderr
    assert "Traceback" not in result.output
