"""A process has one Spark at a time: that of a lake has the settings of this lake, whatever ran before."""

from __future__ import annotations

import subprocess
import sys

JOB = """
import sys
from pathlib import Path
from lagoa.adapters.spark.session import SparkOptions, start
from lagoa.errors import EngineUnavailable

one, other = (SparkOptions("local[1]", "", dict, Path(folder)) for folder in sys.argv[1:])
spark = start(one)
print(spark.conf.get("spark.test.name"), start(one).sparkContext is spark.sparkContext)
try:
    start(other)
except EngineUnavailable as error:
    print("other settings" in str(error))
spark.stop()
spark = start(other)
print(spark.conf.get("spark.test.name"), spark.range(3).count())
spark.stop()
"""


def test_it_does_not_go_on_with_those_of_another_lake(tmp_path):
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        settings = f"spark.test.name {name}\nspark.driver.memory 512m\nspark.sql.shuffle.partitions 1\n"
        (tmp_path / name / "spark-defaults.conf").write_text(settings)
    command = [sys.executable, "-c", JOB, tmp_path / "one", tmp_path / "other"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.stdout.split() == ["one", "True", "True", "other", "3"], done.stderr
