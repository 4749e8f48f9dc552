"""Spark (https://spark.apache.org/docs/latest/spark-standalone.html): a master, and workers that compute models.

Who has the file of `CLIENT` may submit an application, which runs any code as the user of the workers; nobody else may.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lagoa.domain.optional import extra
from lagoa.stack.artefacts import kept_at
from lagoa.stack.manifest import HOST
from lagoa.stack.servers.server import Launch, Server, Site, write_private

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lagoa.stack.manifest import Artefact

CLIENT = "client"
"""In the server's folder, what an application's SPARK_CONF_DIR is: a file `spark-defaults.conf` of mode 0600."""

DEPLOY = "org.apache.spark.deploy"
MASTER, WORKER = "master.properties", "worker.properties"
WORK = "work"

_SECRET = "spark"  # noqa: S105 - the name of a credential

_LOG = """\
rootLogger.level = warn
rootLogger.appenderRef.stderr.ref = stderr
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = %d{HH:mm:ss} %p %c{1}: %m%n
logger.native.name = org.apache.hadoop.util.NativeCodeLoader
logger.native.level = error
"""
"""How an application logs: Spark's own default announces itself, and warns of a library that no one misses."""


def _configure(site: Site, home: Path) -> Launch:
    shutil.rmtree(site.folder / WORK, ignore_errors=True)
    _write_client(site)
    return daemons(site, home)


def daemons(site: Site, home: Path) -> Launch:
    """Write the settings of master and workers, and return how they are started.

    Args:
        site: of the server.
        home: the folder of the distribution.
    """
    work = site.folder / WORK
    for folder in (work / "tmp", work / "local", work / "applications"):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _write(site.folder / MASTER, _shared(site) | _master())
    _write(site.folder / WORKER, _shared(site) | _worker(site))
    artefact = site.artefact
    spark_class = str(home / "bin" / "spark-class")
    here = ["--host", HOST] if artefact.bind == HOST else []  # in a container a worker finds its own address
    master = ["--host", artefact.host, "--port", str(artefact.port), "--webui-port", str(artefact.management_port)]
    master += ["--properties-file", str(site.folder / MASTER)]
    worker = [*here, "--webui-port", "0", "--cores", str(artefact.cores), "--memory", artefact.memory]
    worker += ["--work-dir", str(work / "applications"), "--properties-file", str(site.folder / WORKER), _url(artefact)]
    environment = {
        "SPARK_HOME": str(home),
        "SPARK_CONF_DIR": str(site.folder),
        "SPARK_DAEMON_MEMORY": "256m",
        # A path with a space in it cannot be quoted here; this one is relative to the folder that they run in.
        "SPARK_DAEMON_JAVA_OPTS": f"-XX:+UseSerialGC -Djava.io.tmpdir={Path(WORK, 'tmp')}",
        "SPARK_LOCAL_DIRS": str(work / "local"),
    }
    if artefact.bind == HOST:
        environment["SPARK_LOCAL_IP"] = HOST  # where the web pages listen, which would else do so everywhere
    one = Launch([spark_class, f"{DEPLOY}.worker.Worker", *worker], environment)
    beside = {f"worker-{number}": one for number in range(1, artefact.workers + 1)}
    return Launch([spark_class, f"{DEPLOY}.master.Master", *master], environment, beside=beside)


def _shared(site: Site) -> dict[str, object]:
    """Settings by which master, workers and applications know each other, and let nobody else in."""
    return {
        "spark.authenticate": "true",
        "spark.authenticate.secret": site.secret(_SECRET),
        "spark.network.crypto.enabled": "true",
        "spark.network.crypto.authEngineVersion": "2",
        "spark.network.crypto.saslFallback": "false",
    }


def _master() -> dict[str, object]:
    """Settings of the master, whose page tells anybody on this machine how it is, and obeys nobody."""
    return {
        "spark.master.rest.enabled": "false",  # it submits applications, and asks for no secret
        "spark.ui.killEnabled": "false",
        "spark.master.ui.decommission.allow.mode": "DENY",
    }


def _worker(site: Site) -> dict[str, object]:
    """Settings of a worker, whose page nobody opens: it has the logs of applications."""
    key = hmac.new(site.secret(_SECRET).encode(), b"the workers' page", hashlib.sha256).digest()
    closed = "org.apache.spark.ui.JWSFilter"
    return {
        "spark.ui.filters": closed,
        f"spark.{closed}.param.secretKey": base64.urlsafe_b64encode(key).decode(),
        "spark.ui.killEnabled": "false",
        "spark.worker.cleanup.enabled": "true",
        "spark.worker.cleanup.appDataTtl": "86400",
        "spark.executor.logs.rolling.strategy": "size",
        "spark.executor.logs.rolling.maxSize": "10000000",
        "spark.executor.logs.rolling.maxRetainedFiles": "2",
    }


def _write_client(site: Site) -> None:
    """Write what an application on this machine is started with, and link the jars that it needs for tables."""
    jars = site.folder / "jars"
    shutil.rmtree(jars, ignore_errors=True)
    for part in site.artefact.parts:
        place = site.folder / part.place
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(kept_at(part))
    settings = {
        "spark.master": _url(site.artefact),
        **_shared(site),
        "spark.driver.host": HOST,
        "spark.driver.bindAddress": HOST,
        "spark.ui.enabled": "false",
        "spark.pyspark.python": sys.executable,
        "spark.executor.cores": site.artefact.cores,
        "spark.executor.memory": site.artefact.memory,
        # As many executors as there are tasks for, and given back: else the first application would have them all.
        "spark.dynamicAllocation.enabled": "true",
        "spark.dynamicAllocation.shuffleTracking.enabled": "true",
        "spark.dynamicAllocation.minExecutors": "1",
        "spark.dynamicAllocation.executorIdleTimeout": "30s",
        "spark.dynamicAllocation.shuffleTracking.timeout": "60s",
        # Not `spark.jars`: each application would copy them, 117 MB, for each of its executors.
        "spark.driver.extraClassPath": f"{jars}/*",
        "spark.executor.extraClassPath": f"{jars}/*",
    }
    _write(site.folder / CLIENT / "spark-defaults.conf", settings)
    write_private(site.folder / CLIENT / "log4j2.properties", _LOG)


def _write(path: Path, settings: Mapping[str, object]) -> None:
    write_private(path, "".join(f"{key} {value}\n" for key, value in settings.items()))


def _answers(artefact: Artefact) -> bool:
    """Return whether the master is there, and all its workers with it."""
    with extra("stack", "`lagoa stack`"):
        import httpx

    try:
        answer = httpx.get(f"http://{artefact.host}:{artefact.management_port}/json/", timeout=2)
        return answer.is_success and answer.json()["aliveworkers"] >= artefact.workers
    except (httpx.TransportError, ValueError):
        return False


def _url(artefact: Artefact) -> str:
    return f"spark://{artefact.address}"


SPARK = Server(url=_url, answers=_answers, configure=_configure)
