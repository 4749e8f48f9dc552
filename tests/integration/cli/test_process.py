"""The command line as a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
from time import monotonic

from command_line import counted, ok, run, write
from typer.testing import CliRunner

from lagoa.cli.main import app
from lagoa.lake import Lake


def test_as_a_process(loaded, tmp_path):
    version = run("--version", cwd=tmp_path)
    assert version.stdout.startswith("lagoa 0.")
    nowhere = run("log", cwd=tmp_path)
    assert nowhere.returncode == 1
    assert nowhere.stderr.startswith("Error: There is no lake in")
    assert "Traceback" not in nowhere.stderr
    debugged = run("log", "--debug", cwd=tmp_path)
    assert debugged.returncode == 1
    assert "Traceback" in debugged.stderr
    assert run("log", cwd=loaded / "flows").stdout.count("\n") == 3
    assert run("log", cwd=tmp_path, LAGOA_LAKE=str(loaded)).returncode == 0
    assert run("log", "--lake", tmp_path, cwd=loaded, LAGOA_LAKE=str(loaded)).returncode == 1


def test_commands_that_work_on_data_do_not_import_prefect(loaded):
    code = (
        "import sys; from typer.testing import CliRunner; from lagoa.cli.main import app; "
        "codes = [CliRunner().invoke(app, line.split()).exit_code for line in sys.argv[1:]]; "
        "assert codes == [0] * len(codes), codes; assert 'prefect' not in sys.modules"
    )
    lines = ["audit main", "transform", "status", "diff main~1..main", "tables"]
    done = subprocess.run([sys.executable, "-c", code, *lines], cwd=loaded, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_help_needs_nothing_of_what_commands_work_with(tmp_path):
    code = (
        "import sys; from lagoa.cli.main import app\n"
        "try:\n    app(['--help'], prog_name='lagoa')\nexcept SystemExit:\n    pass\n"
        "slow = {'pydantic', 'pyiceberg', 'duckdb', 'pandas', 'pyarrow', 'lagoa.settings', 'lagoa.contracts'}\n"
        "print(sorted(slow & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "Daily path" in done.stdout, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


def test_ctrl_c_ends_a_query_without_a_traceback(loaded, monkeypatch):
    def interrupted(*_: object, **__: object) -> None:
        raise RuntimeError("Query interrupted")

    monkeypatch.setattr(Lake, "describe", interrupted)
    done = CliRunner().invoke(app, ["tables", "--lake", str(loaded)])
    assert done.exit_code == 130
    assert isinstance(done.exception, SystemExit)


def test_ctrl_c_while_a_file_is_loaded_ends_with_its_code_and_changes_nothing(lake, tmp_path):
    rows = "".join(f"{n},Ann,Rio,1999-01-01\n" for n in range(1_000_000, 2_000_000))
    more = write(tmp_path, "more.csv", f"id,name,city,born\n{rows}")
    line = [sys.executable, "-m", "lagoa.cli", "--lake", lake, "ingest", more, "--into", "bronze.people"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        until = monotonic() + 60
        while len(ok(lake, "branch", "list", "--json").json()) == 1 and monotonic() < until:
            pass
        process.send_signal(signal.SIGINT)
        err = process.communicate(timeout=60)[1]
    assert process.returncode in {130, -signal.SIGINT}, err  # the latter is 130 in a shell, too
    assert err.startswith("Stopped by Ctrl-C.\n"), err
    assert "Traceback" not in err
    assert counted(lake) == 3
    ok(lake, "ingest", more, "--into", "bronze.people")
