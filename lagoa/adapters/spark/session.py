"""Spark sessions of this process, and the tables of a branch in them."""

from __future__ import annotations

import os
import re
import socket
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version as package_version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from lagoa.domain.optional import extra
from lagoa.errors import EngineTooOld, EngineUnavailable, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pyspark.sql import SparkSession

SPARK = 'Spark (`engine = "spark"`)'
"""What the extra is needed for."""

CATALOG = "lagoa"
"""The catalog of a session whose tables are those of one branch."""

CONNECT = "sc://"
"""What the address of a server of Spark Connect begins with."""

_LEAST = (4, 1)
"""The first version that Lagoa is known to work with: jars by which Spark reads tables are for one minor version."""

_HERE = "127.0.0.1"
_WAIT_S = 5

_OF_JAVA: dict[str, bytes] = {}
"""The settings that the Java process of this one was started with."""

_OF_SPARK = {
    "spark.driver.host": _HERE,
    "spark.driver.bindAddress": _HERE,
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "FATAL",
    "spark.redaction.regex": "(?i)secret|password|token|access[.]?key|credential",
}
_OF_SESSION = {  # what the SQL of models is written for; see `lagoa.sql_models.dialects`
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.storeAssignmentPolicy": "ANSI",
}


@dataclass(frozen=True)
class SparkOptions:
    """Where Spark is, and how it finds the lake's tables.

    Attributes:
        master: `local[*]` or `local[n]` for one in this process, `spark://…` for a cluster, `sc://…` for a server of
            Spark Connect.
        address: of Nessie's Iceberg REST catalog; the name of a branch is added to it.
        catalog: returns Iceberg's settings of a catalog there, by their names below `spark.sql.catalog.<name>`.
        conf: Spark's folder of settings, such as its jars, memory, the secret of a cluster. Spark reads it itself, so
            that no secret is among its arguments.
    """

    master: str
    address: str
    catalog: Callable[[], Mapping[str, str]]
    conf: Path


def conf_folder(root: Path, given: Path | None, stack: Path) -> Path:
    """Return Spark's folder of settings; see `Settings.spark_conf`.

    Raises:
        SettingsError: there is none, or it has no `spark-defaults.conf`.
    """
    variable = os.environ.get("SPARK_CONF_DIR")
    folder = root / given if given else Path(variable) if variable else stack / "spark" / "client"
    if not (folder / "spark-defaults.conf").is_file():
        message = f"Spark has no settings: there is no {folder / 'spark-defaults.conf'}."
        raise SettingsError(message, "Start it with `lagoa stack up --only spark`, or set `spark_conf`.")
    return folder


def conf_in(folder: Path, name: str) -> str | None:
    """Return what a folder of settings says of one; None if it says nothing."""
    lines = (folder / "spark-defaults.conf").read_text("utf-8").splitlines()
    found = [line.split(maxsplit=1)[1].strip() for line in lines if line.startswith(f"{name} ")]
    return found[-1] if found else None


def start(options: SparkOptions) -> SparkSession:
    """Start Spark, or connect to it.

    Raises:
        EngineUnavailable: it does not start or does not answer.
        EngineTooOld: it is an earlier version than Lagoa needs.
    """
    with extra("spark", SPARK):
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession

    _probe(options.master)
    builder: Any = SparkSession.builder.appName("lagoa")
    if options.master.startswith(CONNECT):
        builder = builder.remote(options.master)
    else:
        builder = builder.master(options.master)
        for name, value in _OF_SPARK.items():
            builder = builder.config(name, value)
    try:
        if not options.master.startswith(CONNECT):
            _fit_java(options)
        with _surroundings(options.conf):
            session: SparkSession = builder.getOrCreate()
            version = str(session.version)
    except (PySparkException, Py4JError, OSError) as error:
        raise EngineUnavailable("Spark", f"at {options.master} does not start: {_told(error)}") from error
    number = re.match(r"(\d+)\.(\d+)", version)
    if number and (int(number[1]), int(number[2])) < _LEAST:
        session.stop()
        raise EngineTooOld("Spark", options.master, version, ".".join(map(str, _LEAST)))
    return session


def _fit_java(options: SparkOptions) -> None:
    """End the Java process of earlier Sparks of this process if it was started with other settings.

    PySpark starts one and keeps it: it would run the next Spark with the settings that it read then.

    Raises:
        EngineUnavailable: a Spark with other settings is running in it.
    """
    with extra("spark", SPARK):
        from pyspark import SparkContext

    wanted = (options.conf / "spark-defaults.conf").read_bytes()
    with SparkContext._lock:
        gateway, running = SparkContext._gateway, SparkContext._active_spark_context
        other = _OF_JAVA.get("settings") != wanted
        if running is not None and (other or running.master != options.master):
            message = "with other settings is running in this process, which can have one: end that first"
            raise EngineUnavailable("Spark", message)
        if gateway is not None and other:
            gateway.shutdown()
            if gateway.proc is not None:
                gateway.proc.stdin.close()  # by which it ends
                gateway.proc.wait(_WAIT_S)
            SparkContext._gateway = SparkContext._jvm = None
        _OF_JAVA["settings"] = wanted


@contextmanager
def session_at(spark: SparkSession, options: SparkOptions, branch: str) -> Iterator[SparkSession]:
    """Yield a session of its own in which each table of a branch is named by its layer and name."""
    connect = options.master.startswith(CONNECT)
    session: SparkSession = spark.builder.remote(options.master).create() if connect else spark.newSession()
    catalog = {
        "": "org.apache.iceberg.spark.SparkCatalog",
        ".uri": f"{options.address}/{quote(branch, safe='')}",
        ".cache-enabled": "false",
        **{f".{name}": value for name, value in options.catalog().items()},
    }
    try:
        for name, value in _OF_SESSION.items():
            session.conf.set(name, value)
        for name, value in catalog.items():
            session.conf.set(f"spark.sql.catalog.{CATALOG}{name}", value)
        session.sql(f"USE {CATALOG}")
        yield session
    finally:
        if connect:  # a server keeps it; stopping one of Spark in this process would stop that Spark
            session.stop()


def first_line(error: BaseException) -> str:
    """Return the line of an error that says what is wrong, without a full stop: the first, or the last of Python's."""
    if detail := re.search(r'^\s*details = "(.+)"$', str(error), re.MULTILINE):  # of gRPC
        return detail[1].rstrip(".")
    lines = [line.rstrip() for line in str(error).partition("JVM stacktrace:")[0].splitlines() if line.strip()]
    if any(line.startswith("Traceback") for line in lines):
        said = next((line for line in reversed(lines) if not line.startswith(" ")), "")
    else:
        said = next((line.strip() for line in lines if "An error occurred while calling " not in line), "")
    return re.sub(r"^: (?:[\w$]+\.)*", "", said).rstrip(".") or type(error).__name__


def _told(error: BaseException) -> str:
    """Return why Spark does not start; of a cluster that it cannot talk to, Spark itself says only that it gave up."""
    said = first_line(error)
    if "stopped SparkContext" not in said:
        return said
    ours = f"PySpark {package_version('pyspark')}"
    return f"it listens, but takes no application of {ours}: its version or secret is another"


@contextmanager
def _surroundings(conf: Path) -> Iterator[None]:
    """Set the variables by which PySpark and the Java process that it starts find settings, address and Python."""
    python = conf_in(conf, "spark.pyspark.python") or sys.executable
    given = {
        "SPARK_CONF_DIR": str(conf),
        "SPARK_LOCAL_IP": os.environ.get("SPARK_LOCAL_IP", _HERE),
        "PYSPARK_PYTHON": os.environ.get("PYSPARK_PYTHON", python),  # PySpark itself knows the variable alone
    }
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _probe(master: str) -> None:
    """Make sure that a cluster or server listens: Spark itself waits for a minute."""
    place = urlsplit(master)
    if place.hostname is None or place.port is None:
        return
    try:
        socket.create_connection((place.hostname, place.port), timeout=_WAIT_S).close()
    except OSError as error:
        raise EngineUnavailable("Spark", f"at {master} does not answer ({error.strerror or error})") from error
