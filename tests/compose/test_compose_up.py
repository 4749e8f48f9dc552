"""docker-compose.yml on an engine: it comes up, runs the daily deployment, confines its containers, and comes back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests
from trino.auth import BasicAuthentication
from trino.dbapi import connect
from trino.exceptions import HttpError

from flows.sources.olist import generate

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(3600)]

LAKE = Path(os.environ.get("LAGOA_TEST_COMPOSE", "")) / "lake"
SERVERS = {"postgres", "keycloak", "vault", "minio", "nessie", "audit", "prefect", "publisher", "worker"}
PROFILES = {"trino", "spark", "spark-worker", "mlflow"}
JOBS = {
    "configure",
    "prefect-ready",
    *(f"{name}-ready" for name in ("postgres", "keycloak", "vault", "minio", "nessie")),
}
USERS = {"postgres": "999", "keycloak": "1000", "nessie": "10000"}
"""Those of the official images; all others are 10001."""
UNSEALED = "http://127.0.0.1:8200/v1/sys/health"
CORE_GIB = 6.0
_UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


def docker(*words, ok=True):
    """Run docker in the lake's folder; return what it printed."""
    done = subprocess.run(["docker", *words], cwd=LAKE, capture_output=True, text=True, check=False)
    if ok:
        assert done.returncode == 0, f"docker {' '.join(words)}\n{done.stdout[-4000:]}\n{done.stderr[-8000:]}"
    return done


def compose(*words, ok=True):
    return docker("compose", *words, ok=ok)


def up():
    """Start everything; the jobs have run once the services that wait for them are healthy."""
    began = time.monotonic()
    compose("up", "--detach", "--wait", "--wait-timeout", "900")
    with (Path(os.environ["LAGOA_TEST_COMPOSE"]) / "up").open("a") as file:
        file.write(f"docker compose up took {time.monotonic() - began:.0f} s\n")


def within(service, script):
    """Run a line of shell in a container as the user of its service."""
    return compose("exec", "-T", service, "sh", "-c", script, ok=False)


def lagoa(*words):
    return compose("run", "--rm", "--no-deps", "-T", "lagoa", *words).stdout


def containers():
    """Return what the engine knows of each container, by service."""
    ids = compose("ps", "--all", "--quiet").stdout.split()
    found = json.loads(docker("inspect", *ids).stdout)
    return {each["Config"]["Labels"]["com.docker.compose.service"]: each for each in found}


def months():
    """Return how many months the published sales have."""
    return json.loads(lagoa("sql", "select count(*) from gold.kpi_sales_monthly", "--json"))["rows"]


def publications():
    return json.loads(lagoa("log", "--json"))


def run_daily():
    words = ("prefect", "deployment", "run", "daily/daily", "--param", "folder=/data", "--watch")
    return compose("exec", "-T", "worker", *words, ok=False)


@pytest.fixture(scope="module", autouse=True)
def stack():
    """Bring everything up, with files in LAGOA_DATA; end it with its volumes."""
    generate(LAKE / "data", scale=0.02)
    subprocess.run(["make", "secrets"], cwd=LAKE, check=True, capture_output=True)
    compose("build")
    up()
    yield
    compose("down", "--volumes", "--timeout", "5", ok=False)


def test_servers_are_healthy_and_jobs_have_run():
    found = containers()
    assert found.keys() == SERVERS | JOBS
    assert {name for name in SERVERS if found[name]["State"]["Health"]["Status"] != "healthy"} == set()
    assert {name for name in JOBS if found[name]["State"]["ExitCode"]} == set()


def test_the_daily_deployment_publishes():
    before = publications()
    done = run_daily()
    logs = compose("logs", "--no-color", "--tail", "80", "worker", "publisher").stdout
    assert done.returncode == 0, done.stdout + done.stderr + logs
    assert len(publications()) > len(before)
    assert months() > [[0]]


def memory_gib(*services):
    """Return what the containers of some services use, by default all, and write it down for docs/stack.md."""
    ids = compose("ps", "--quiet", *services).stdout.split()
    lines = docker("stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}", *ids).stdout.splitlines()
    sys.stdout.write("\n".join(lines))
    used = [line.split()[1] for line in lines]
    sizes = [
        next(float(each.removesuffix(u)) * _UNITS[u] for u in ("GiB", "MiB", "KiB", "B") if each.endswith(u))
        for each in used
    ]
    return sum(sizes) / 2**30


def test_memory_of_the_core():
    assert memory_gib() < CORE_GIB


@pytest.mark.parametrize("service", sorted(SERVERS))
def test_a_container_is_confined(service):
    """Its user, its file system, its privileges, and what of the secrets it can see."""
    assert within(service, "id -u").stdout.strip() == USERS.get(service, "10001")
    for folder in ("/", "/usr/bin", "/etc"):
        assert "ead-only file system" in within(service, f"echo > {folder}/probe").stderr
    status = within(service, "cat /proc/1/status").stdout
    assert "CapEff:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status
    assert within(service, "ls /lagoa/credentials /run/secrets").stdout == ""
    drawn = json.loads((LAKE / ".secrets/credentials.json").read_text("utf-8"))
    known = json.dumps({key: containers()[service][key] for key in ("Config", "Args", "Path")})
    assert {name for name, value in drawn.items() if value in known} == set()


def test_only_loopback_is_published():
    for name, each in containers().items():
        bound = [port["HostIp"] for ports in (each["NetworkSettings"]["Ports"] or {}).values() for port in ports or ()]
        assert set(bound) <= {"127.0.0.1"}, name


def test_networks_part_what_need_not_meet():
    """PostgreSQL has no way outside and MinIO none to it; the job that knows all secrets has no network."""
    found = containers()
    assert found["configure"]["HostConfig"]["NetworkMode"] == "none"
    assert [name.partition("_")[2] for name in found["postgres"]["NetworkSettings"]["Networks"]] == ["databases"]
    outside = "timeout 10 bash -c 'echo > /dev/tcp/deb.debian.org/80'"
    assert within("worker", outside).returncode == 0
    assert within("postgres", outside).returncode != 0
    assert within("minio", "wget -q -T 3 -O - http://postgres:5433").returncode != 0
    reach = "import socket; socket.create_connection(('postgres', 5433), 3)"
    assert compose("exec", "-T", "worker", "python", "-c", reach, ok=False).returncode == 0
    assert compose("exec", "-T", "audit", "python", "-c", reach, ok=False).returncode != 0


def test_a_worker_cannot_read_what_only_the_publisher_has():
    drawn = json.loads((LAKE / ".secrets/credentials.json").read_text("utf-8"))
    script = "cat /lake/.lagoa/stack/* 2>/dev/null; env"
    seen = within("worker", script).stdout
    assert drawn["postgres-lagoa-ingest"] in seen
    assert drawn["postgres-lagoa-publisher"] not in seen
    assert "ead-only file system" in within("worker", "echo > /data/probe").stderr


ASK = """
import json, socket, sys
with socket.socket(socket.AF_UNIX) as asked:
    asked.settimeout(300)
    asked.connect("/publish/socket")
    asked.sendall(json.dumps(json.loads(sys.argv[1]) | {"author": "mallory"}).encode() + b"\\n")
    print(asked.makefile().readline())
"""


def test_a_flows_own_code_gets_no_more_of_the_publisher_than_flows_may():
    """It reaches the publisher without Lagoa's client, which would refuse."""
    lagoa("branch", "create", "dev/engineer/probe")
    before = publications()
    for request in ({"rollback": "main~1", "hold": True}, {"branch": "dev/engineer/probe", "message": ""}):
        told = compose("exec", "-T", "worker", "python", "-c", ASK, json.dumps(request)).stdout
        assert json.loads(told)["error"] == "NotAllowed", told
    assert publications() == before
    lagoa("branch", "delete", "dev/engineer/probe")


def test_no_caller_puts_its_own_socket_in_the_place_of_the_publishers():
    script = "mv /publish/socket /publish/other; echo > /publish/probe"
    told = within("worker", script).stderr
    assert told.count("ead-only file system") == 2
    words = ("run", "--rm", "--no-deps", "-T", "--entrypoint", "sh", "lagoa", "-c", script)
    assert compose(*words, ok=False).stderr.count("ead-only file system") == 2


def test_an_engineer_rolls_back_and_forth():
    before = months()
    lagoa("rollback", "main~1")
    lagoa("rollback", "main~1")
    assert months() == before


def test_root_in_a_container_may_no_more():
    """Without capabilities it reads no file of another user, and writes nowhere but in what is mounted for that."""
    script = "id -u; grep CapEff /proc/self/status; cat /lake/.lagoa/stack/credentials.json; echo > /usr/bin/probe"
    words = ("--user", "0:0", "--entrypoint", "sh", "lagoa", "-c", script)
    done = compose("run", "--rm", "--no-deps", "-T", *words, ok=False)
    assert done.stdout.split() == ["0", "CapEff:", "0000000000000000"]
    assert "credentials.json: Permission denied" in done.stderr
    assert "ead-only file system" in done.stderr


def test_a_container_without_its_secrets_says_so(tmp_path):
    (tmp_path / "nothing").mkdir(mode=0o755)
    words = ("--volume", f"{tmp_path / 'nothing'}:/lake/.lagoa/stack:ro", "lagoa", "log")
    done = compose("run", "--rm", "--no-deps", "-T", *words, ok=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "nothing to sign in to Vault with as the role 'engineer'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_killed_server_and_a_sealed_vault_come_back():
    before = publications()
    compose("kill", "nessie")
    compose("restart", "vault")
    assert within("vault", f"wget -q -O /dev/null {UNSEALED}").returncode != 0
    up()
    assert within("vault", f"wget -q -O /dev/null {UNSEALED}").returncode == 0
    assert publications() == before


def test_down_and_up_keep_the_data():
    before = publications()
    compose("down", "--timeout", "30")
    up()
    assert publications() == before
    assert run_daily().returncode == 0


def test_an_update_is_a_new_image_with_the_data_that_is_there():
    before = publications()
    settings = LAKE / "lagoa.toml"
    settings.write_text(settings.read_text("utf-8").replace('name = "olist"', 'name = "renamed"'), "utf-8")
    compose("build")
    up()
    assert json.loads(lagoa("status", "--json"))["name"] == "renamed"
    assert publications() == before


def test_other_secrets_are_refused():
    file = LAKE / ".secrets/credentials.json"
    drawn = file.read_text("utf-8")
    file.write_text(json.dumps(json.loads(drawn) | {"postgres-admin": "another"}), "utf-8")
    try:
        done = compose("run", "--rm", "--no-deps", "-T", "configure", ok=False)
    finally:
        file.write_text(drawn, "utf-8")
    assert done.returncode == 1
    assert "other secrets" in done.stdout + done.stderr


def test_secrets_that_were_never_drawn_are_an_error():
    file = LAKE / ".secrets/credentials.json"
    file.rename(file.with_suffix(".kept"))
    try:
        done = compose("run", "--rm", "--no-deps", "-T", "configure", ok=False)
    finally:
        file.with_suffix(".kept").rename(file)
    assert done.returncode != 0
    assert "credentials.json" in done.stderr


@pytest.fixture(scope="module")
def profiles(stack):
    """Add Trino, Spark and MLflow to what runs, as a line in `.env` does; return what the engine knows of them."""
    (LAKE / ".env").write_text("COMPOSE_PROFILES=bi,spark,ml\n", "utf-8")
    compose("build")
    up()
    return containers()


def test_trino_spark_and_mlflow_join_the_core(profiles):
    assert profiles.keys() >= SERVERS | PROFILES
    assert {name for name in PROFILES if profiles[name]["State"]["Health"]["Status"] != "healthy"} == set()
    assert memory_gib(*SERVERS, "trino") < CORE_GIB
    assert memory_gib("spark", "spark-worker") < CORE_GIB


@pytest.mark.parametrize("service", ["trino", "spark", "spark-worker", "mlflow"])
def test_trino_spark_and_mlflow_are_confined(profiles, service):
    assert within(service, "id -u").stdout.strip() == {"trino": "1000"}.get(service, "10001")
    assert "ead-only file system" in within(service, "echo > /usr/bin/probe").stderr
    assert "CapEff:\t0000000000000000" in within(service, "cat /proc/1/status").stdout
    assert within(service, "ls /lagoa/credentials /run/secrets").stdout == ""


def test_mlflow_answers_who_signs_in_and_the_command_line_knows_models(profiles):
    password = json.loads((LAKE / ".secrets/credentials.json").read_text("utf-8"))["mlflow-reader"]
    place = "http://127.0.0.1:5000/api/2.0/mlflow/experiments/get-by-name?experiment_name=lagoa"
    assert requests.get(place, timeout=30).status_code == 401
    assert requests.get(place, auth=("lagoa_reader", password), timeout=30).status_code == 200
    assert "late_delivery" in compose("run", "--rm", "--no-deps", "-T", "ml", "ml", "list").stdout


def test_trino_answers_who_signs_in(profiles, tmp_path):
    words = ("lagoa", "stack", "user", "add", "ana", "--role", "reader", "--volumes", "/lagoa")
    password = compose("run", "--rm", "--no-deps", "-T", "configure", *words).stdout.split()[0]
    authority = tmp_path / "ca.pem"
    authority.write_text(within("trino", "cat ca.pem").stdout, "utf-8")
    session = requests.Session()
    session.trust_env, session.verify = False, str(authority)
    deadline = time.monotonic() + 30  # it reads its users again each second
    while True:
        signs_in = {"user": "ana", "auth": BasicAuthentication("ana", password), "http_session": session}
        with connect(host="127.0.0.1", port=8443, http_scheme="https", catalog="lake", **signs_in) as connection:
            try:
                rows = connection.cursor().execute("select count(*) from gold.kpi_sales_monthly").fetchall()
                break
            except HttpError:
                assert time.monotonic() < deadline
                time.sleep(1)
    assert rows == months()


SUM_ON_SPARK = """
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
numbers = spark.range(0, 1000, 1, 2).mapInArrow(lambda batches: batches, "id long")
print(sum(row.id for row in numbers.collect()))
"""


def test_an_application_computes_on_the_workers_of_spark(profiles):
    submit = (
        "--master spark://spark:7077 --properties-file /lagoa/spark/master.properties --conf spark.ui.enabled=false"
        " --conf spark.driver.host=$(hostname -i) --conf spark.executor.memory=512m pyspark-shell"
    )
    script = f'set -a; . /lagoa/spark/environment; PYSPARK_SUBMIT_ARGS="{submit}"; cd work; exec python -c "$0"'
    done = compose("exec", "-T", "spark-worker", "sh", "-c", script, SUM_ON_SPARK, ok=False)
    assert done.stdout.split()[-1:] == ["499500"], done.stdout + done.stderr
