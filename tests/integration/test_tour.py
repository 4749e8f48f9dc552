"""The tour of the README, exactly as written, from the built wheel alone, outside of the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PEOPLE = """id,name,city,born,height
1,João Silva,São Paulo,1990-05-17,1.81
2,"Müller, Anna",Köln,1985-01-02,1.68
3,Zoë,,2001-12-31,1.75
4,"Anne ""Nan"" O'Neil",Dún Laoghaire,,1.60
5,李雷,北京,1999-09-09,
"""

MORE_PEOPLE = """id,name,city,born,height
6,François,Orléans,1970-07-07,1.90
7,Ana,"Belém, PA",1988-08-08,1.55
"""

SHELL = """
lagoa init mylake && cd mylake
lagoa contract infer ../people.csv --table bronze.people      # writes iceberg/bronze/people.odcs.yaml
lagoa ingest ../people.csv --into bronze.people               # on a branch, audited, published
lagoa sql "select count(*) from bronze.people"
lagoa branch create dev
lagoa ingest ../more_people.csv --into bronze.people --branch dev
lagoa diff main..dev
lagoa audit dev && lagoa publish dev
lagoa log && lagoa sql --ref main~1 "select count(*) from bronze.people"
lagoa rollback main~1
"""

PYTHON = """
import lagoa
lake = lagoa.open_lake("mylake")
with lake.run("load") as branch:
    branch.append("bronze.people", table_or_reader_or_query, batch="2026-11-20")
    branch.publish()                                          # raises AuditFailed, PublishConflict
lake.sql("select * from bronze.people", ref="main").arrow()   # also .df(), .fetchall()
lake.catalog("dev").load_table("bronze.people").scan()        # a plain PyIceberg table
"""

BEFORE = """
import datetime
import sys
from decimal import Decimal
from pathlib import Path

import pyarrow as pa

import lagoa

assert Path(lagoa.__file__).is_relative_to(sys.argv[1]), lagoa.__file__
fields = [f for f in lagoa.open_lake("mylake").catalog().load_table("bronze.people").schema().as_arrow()]
fields = [field for field in fields if not field.name.startswith("_")]
row = {"id": 8, "name": "Łukasz", "city": None, "born": datetime.date(1991, 2, 3), "height": 1.7}
table_or_reader_or_query = pa.Table.from_pylist([row], schema=pa.schema(fields))
"""

AFTER = """
got = lake.sql("select * from bronze.people", ref="main").arrow()
assert got.num_rows == 6, got.num_rows
assert lake.sql("select count(*) from bronze.people").fetchall() == [(6,)]
assert list(lake.sql("select name from bronze.people where id = 8").df()["name"]) == ["Łukasz"]
assert lake.catalog("dev").load_table("bronze.people").scan().to_arrow().num_rows == 7
assert [ref.name for ref in lake.refs() if ref.name.startswith("run/")] == []
lake.close()
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Return a folder with nothing of this checkout but its wheel, installed."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    target = folder / "site"
    install = [sys.executable, "-m", "uv", "pip", "install", "-q", "--offline", "--no-deps", "--compile-bytecode"]
    subprocess.run([*install, "--target", str(target), str(wheel)], check=True, capture_output=True)
    return target


def test_the_readme_holds_this_tour():
    readme = (ROOT / "README.md").read_text("utf-8")
    assert SHELL.strip() in readme
    for line in PYTHON.strip().splitlines():
        assert line in readme


def test_the_tour(installed, tmp_path):
    (tmp_path / "people.csv").write_text(PEOPLE, "utf-8")
    (tmp_path / "more_people.csv").write_text(MORE_PEOPLE, "utf-8")
    environment = {
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
        "PATH": f"{installed / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(installed),
        "PYTHONWARNINGS": "error",
    }
    run = {"cwd": tmp_path, "env": environment, "capture_output": True, "text": True, "timeout": 100}

    shell = subprocess.run(["bash", "-e", "-o", "pipefail", "-c", SHELL], check=False, **run)
    assert shell.returncode == 0, shell.stderr
    assert "Traceback" not in shell.stderr
    out = shell.stdout.splitlines()
    counts = [out[place + 1].strip() for place, line in enumerate(out) if line.strip() == "count_star()"]
    assert counts == ["5", "5"]
    assert (tmp_path / "mylake" / "iceberg" / "bronze" / "people.odcs.yaml").is_file()

    code = BEFORE + PYTHON + AFTER
    python = subprocess.run([sys.executable, "-c", code, str(installed)], check=False, **run)
    assert python.returncode == 0, python.stderr
