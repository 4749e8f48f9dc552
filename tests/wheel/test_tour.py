"""The tour of the README, exactly as written, from the built wheel alone."""

from __future__ import annotations

import subprocess

import pytest
from documentation import blocks

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


@pytest.mark.timeout(300)
def test_the_tour(base, tmp_path):
    _, shell, python = blocks("../README.md")
    assert shell.first == "lagoa init mylake && cd mylake"
    (tmp_path / "people.csv").write_text(PEOPLE, "utf-8")
    (tmp_path / "more_people.csv").write_text(MORE_PEOPLE, "utf-8")
    run = {"cwd": tmp_path, "env": base.variables(tmp_path), "capture_output": True, "text": True}

    done = subprocess.run(["bash", "-e", "-o", "pipefail", "-c", shell.text], check=False, **run)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    out = done.stdout.splitlines()
    counts = [out[place + 1].strip() for place, line in enumerate(out) if line.strip() == "count_star()"]
    assert counts == ["5", "5"]
    assert (tmp_path / "mylake" / "iceberg" / "bronze" / "people.odcs.yaml").is_file()

    code = BEFORE + python.text + AFTER
    done = subprocess.run([base.python, "-c", code, str(base.folder)], check=False, **run)
    assert done.returncode == 0, done.stderr
