"""docker-compose.yml: sound by the schema, closed, pinned, and the same servers as infra/stack.toml."""

from __future__ import annotations

import copy
import json
import re
import shlex
import shutil
import stat
import subprocess
import sys
import threading
import tomllib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest
import yaml
from checkout import ROOT
from typer.testing import CliRunner

from lagoa.cli.main import app
from lagoa.domain.ports.sql_catalogs import ACCESS_FILE, PASSWORD
from lagoa.errors import StackError
from lagoa.stack.containers import (
    BI,
    CONTAINERS,
    LAGOA,
    PREFECT_PORT,
    PUBLISH,
    ROLES,
    SPARK_HOME,
    TRINO_HOME,
    configure,
    in_containers,
)
from lagoa.stack.credentials import Credentials
from lagoa.stack.manifest import read_manifest
from lagoa.stack.servers import SERVERS, spark
from lagoa.stack.servers.server import Site

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
MANIFEST = read_manifest(ROOT)
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
LOCK = (ROOT / "requirements.lock").read_text("utf-8")
SCHEMA = json.loads((files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json").read_text("utf-8"))
DRAW = ROOT / "infra" / "draw_secrets.py"

JOBS = {"configure", "prefect-ready", "lagoa", "ml", "maintainer", *(f"{name}-ready" for name in MANIFEST)}
OTHERS = {"prefect", "worker", "publisher", "spark-worker"}
"""Services that run on, besides the servers of the manifest."""

_SECRET = re.compile(r"(?i)(password|passwd|secret|token|api_?key|auth_string)")
_IN_ADDRESS = re.compile(r"://[^/\s:@]+:[^/\s@]+@")


def against_schema(compose):
    return [error.message for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(compose)]


def of_manifest(compose, manifest=MANIFEST):
    """Hold the services against the servers of the manifest: there, of the same version, on the same ports."""
    services = compose["services"]
    found = [f"{name} is no service" for name in manifest.keys() - services.keys()]
    found += [f"{name} is no server of the manifest" for name in services.keys() - manifest.keys() - JOBS - OTHERS]
    for name in manifest.keys() & services.keys():
        service, artefact = services[name], manifest[name]
        tag = str(service.get("image", "")).rpartition(":")[2]
        if _version(artefact) not in {tag, f"v{tag}"} and not _is_one_of(tag, artefact):
            found.append(f"{name} is {tag}, not {_version(artefact)}")
        published = {int(str(each).rpartition(":")[2]) for each in service.get("ports", ())}
        if published - set(artefact.ports):
            found.append(f"{name} publishes {published - set(artefact.ports)}, where nothing listens")
        if str(artefact.management_port or artefact.port) not in json.dumps(service["healthcheck"]):
            found.append(f"{name} is not looked at on its port")
    return found


def _version(artefact):
    if artefact.module:
        return VERSION
    return artefact.version or (artefact.maven or "::").split(":")[2]


def _is_one_of(tag, artefact):
    """Whether a tag is a version that the manifest admits, where that names no single one."""
    if artefact.pypi:
        return tag.startswith(f"{artefact.version}.") and f"\n{artefact.pypi}=={tag} " in LOCK
    major = tag.split(".")[0]
    return artefact.system is not None and major.isdigit() and int(major) >= artefact.minimum


def pinned(compose):
    """Every image has an exact version: two numbers, what a Go module calls a version, or a number like Trino's."""
    found = []
    for name, service in compose["services"].items():
        image, _, tag = service.get("image", "").rpartition(":")
        if not image or not re.match(r"v?\d+\.\d+|\d{3}$", tag):
            found.append(f"{name}: {service.get('image')} is not pinned")
    return found


def limited(compose):
    """No service may more than it must."""
    found = []
    for name, service in compose["services"].items():
        if not service.get("read_only"):
            found.append(f"{name} may write where it likes")
        if service.get("cap_drop") != ["ALL"] or (service.get("cap_add") and name != "configure"):
            found.append(f"{name} has capabilities")
        if service.get("security_opt") != ["no-new-privileges:true"] or service.get("privileged"):
            found.append(f"{name} may get privileges")
        if service.get("user", "0").partition(":")[0] == "0" and name != "configure":
            found.append(f"{name} runs as root")
        if not all(service.get(limit) for limit in ("mem_limit", "cpus", "pids_limit")):
            found.append(f"{name} has no limits")
    return found


def closed(compose):
    """No service is reached from another machine, and none reads what is not for it."""
    found = []
    for name, service in compose["services"].items():
        found += [f"{name} publishes {each}" for each in service.get("ports", ()) if not _on_loopback(each)]
        if service.get("network_mode") != "none" and ("network_mode" in service or not service.get("networks")):
            found.append(f"{name} is on no network of this file")
        mounted = {str(each).partition(":")[0] for each in service.get("volumes", ())}
        if "credentials" in mounted and name not in JOBS - {"lagoa", "ml", "prefect-ready"}:
            found.append(f"{name} reads all credentials")
        if any(each.startswith(("/var/run", "/etc", "/run")) for each in mounted):
            found.append(f"{name} reads the machine's own files")
    postgres = compose["services"]["postgres"]
    if postgres.get("ports") or postgres["networks"] != ["databases"]:
        found.append("the database is published")
    if not (compose["networks"]["databases"] or {}).get("internal"):
        found.append("the databases' network leads outside")
    return found


def _on_loopback(port):
    return isinstance(port, str) and port.startswith("127.0.0.1:") and port.count(":") == 2


def watched(compose):
    """What runs on is looked at and started again; a job ends."""
    found = []
    for name, service in compose["services"].items():
        if name in JOBS:
            if service.get("restart") != "no" or "healthcheck" in service:
                found.append(f"{name} is a job, and no server")
        elif service.get("restart") != "unless-stopped" or not service.get("healthcheck", {}).get("test"):
            found.append(f"{name} is not watched")
    return found


def in_order(compose):
    """Who needs another says what of it, and no server starts before what it needs is ready."""
    found = []
    services = compose["services"]
    for name, service in services.items():
        needs = service.get("depends_on", {})
        if isinstance(needs, list):
            found.append(f"{name} does not say how it needs {needs}")
            continue
        for need, how in needs.items():
            wanted = "service_completed_successfully" if need in JOBS else "service_healthy"
            if how["condition"] != wanted:
                found.append(f"{name} waits for {need} by {how['condition']}")
        if name != "configure" and not needs:
            found.append(f"{name} waits for nothing")
    if not found:
        found += [
            f"{name} does not wait until {need} is ready"
            for name, server in SERVERS.items()
            for need in server.needs(MANIFEST[name])
            if f"{need}-ready" not in _reached(services, name)
        ]
    return found


def _reached(services, name):
    needs = services[name].get("depends_on", {})
    return set(needs).union(*(_reached(services, need) for need in needs)) if needs else set()


def without_secrets(compose):
    """Secrets come from files: none stands in a command or in a variable."""
    found = []
    for name, service in compose["services"].items():
        for variable, value in service.get("environment", {}).items():
            is_named = _SECRET.search(variable) and variable != "LAGOA_SECRETS" and not variable.endswith("_FILE")
            if is_named or _IN_ADDRESS.search(str(value)):
                found.append(f"{name}: a secret in {variable}")
        words = [str(word) for part in ("command", "entrypoint") for word in service.get(part) or ()]
        found += [f"{name}: a secret in its command" for word in words if _IN_ADDRESS.search(word)]
    found += [f"{name} is no file" for name, each in compose.get("secrets", {}).items() if "file" not in each]
    return found


def built_once(compose):
    """Of the services of an image that is built here one builds it, and the others take it from nowhere else."""
    found = []
    services = compose["services"]
    for image in {service["image"] for service in services.values() if "build" in service}:
        of_image = {name: service for name, service in services.items() if service["image"] == image}
        builders = [name for name, service in of_image.items() if "build" in service]
        if len(builders) > 1:
            found.append(f"{image} is built by {', '.join(builders)}")
        found += [f"{name} may pull {image}" for name in of_image if of_image[name].get("pull_policy") != "never"]
    return found


def published_by_role(compose):
    """The publisher knows by the socket whose request it is: each role has its own, and only connects to it."""
    found = []
    services = compose["services"]
    for role, volume in PUBLISH.items():
        if f"{volume}:/publish/{role}" not in services["publisher"]["volumes"]:
            found.append(f"the publisher has no socket for {role}")
    for name, service in services.items():
        role = service.get("environment", {}).get("LAGOA_ROLE")
        own = {f"{PUBLISH[role]}:/publish:ro"} if role in PUBLISH else set()
        mounted = {each for each in service.get("volumes", ()) if each.partition(":")[0] in PUBLISH.values()}
        if name not in {"publisher", "configure"} and mounted != own:
            found.append(f"{name} asks the publisher by {sorted(mounted)}, as {role}")
    return found


CHECKS = (
    built_once,
    published_by_role,
    against_schema,
    of_manifest,
    pinned,
    limited,
    closed,
    watched,
    in_order,
    without_secrets,
)


@pytest.mark.parametrize("check", CHECKS)
def test_the_file_is_sound(check):
    assert check(COMPOSE) == []


def _with(service, **changes):
    def damage(compose):
        compose["services"][service].update(changes)

    return damage


def _without(service, key):
    def damage(compose):
        del compose["services"][service][key]

    return damage


@pytest.mark.parametrize(
    ("check", "damage", "told"),
    [
        (against_schema, _with("minio", imge="x"), "imge"),
        (against_schema, _with("minio", ports="9000"), "'9000'"),
        (of_manifest, lambda compose: compose["services"].pop("vault"), "vault is no service"),
        (of_manifest, lambda compose: compose["services"].update(redis={}), "redis is no server"),
        (of_manifest, _with("nessie", image="ghcr.io/projectnessie/nessie:0.98.0"), "nessie is 0.98.0, not 0.99.0"),
        (of_manifest, _with("postgres", image="postgres:9.6"), "postgres is 9.6"),
        (of_manifest, _with("spark", image="lagoa-spark:4.1.0"), "spark is 4.1.0"),
        (of_manifest, _with("keycloak", ports=["127.0.0.1:8180:8080"]), "keycloak publishes {8080}"),
        (of_manifest, _with("nessie", healthcheck={"test": ["CMD", "true"]}), "nessie is not looked at"),
        (pinned, _with("minio", image="lagoa-minio:latest"), "lagoa-minio:latest is not pinned"),
        (pinned, _with("postgres", image="postgres"), "postgres is not pinned"),
        (pinned, _with("postgres", image="postgres:15"), "postgres:15 is not pinned"),
        (pinned, _without("worker", "image"), "worker: None is not pinned"),
        (limited, _without("nessie", "read_only"), "nessie may write"),
        (limited, _with("nessie", cap_drop=[]), "nessie has capabilities"),
        (limited, _with("nessie", cap_add=["NET_ADMIN"]), "nessie has capabilities"),
        (limited, _without("nessie", "security_opt"), "nessie may get privileges"),
        (limited, _with("worker", user="0:0"), "worker runs as root"),
        (limited, _without("worker", "user"), "worker runs as root"),
        (limited, _without("vault", "pids_limit"), "vault has no limits"),
        (closed, _with("minio", ports=["9000:9000"]), "minio publishes 9000:9000"),
        (closed, _with("minio", ports=["0.0.0.0:9000:9000"]), "minio publishes 0.0.0.0"),
        (closed, _with("minio", network_mode="host"), "minio is on no network"),
        (closed, _with("worker", volumes=["credentials:/x"]), "worker reads all credentials"),
        (closed, _with("worker", volumes=["/var/run/docker.sock:/x"]), "worker reads the machine's"),
        (closed, _with("postgres", ports=["127.0.0.1:5433:5433"]), "the database is published"),
        (closed, _with("postgres", networks=["databases", "servers"]), "the database is published"),
        (closed, lambda compose: compose["networks"].update(databases={}), "leads outside"),
        (watched, _without("vault", "healthcheck"), "vault is not watched"),
        (watched, _with("vault", restart="no"), "vault is not watched"),
        (watched, _with("minio-ready", restart="always"), "minio-ready is a job"),
        (in_order, _with("minio", depends_on=["configure"]), "minio does not say how"),
        (in_order, _with("minio", depends_on={"configure": {"condition": "service_started"}}), "by service_started"),
        (in_order, _without("worker", "depends_on"), "worker waits for nothing"),
        (
            in_order,
            _with("keycloak", depends_on={"postgres": {"condition": "service_healthy"}}),
            "keycloak does not wait until postgres is ready",
        ),
        (built_once, _with("worker", build="."), f"lagoa:{VERSION} is built by configure, worker"),
        (built_once, _without("vault", "pull_policy"), "vault may pull lagoa-vault"),
        (published_by_role, _with("worker", volumes=["publish:/publish:ro"]), "worker asks the publisher by"),
        (published_by_role, _with("lagoa", volumes=["publish:/publish"]), "lagoa asks the publisher by"),
        (published_by_role, _with("minio", volumes=["publish:/x"]), "minio asks the publisher by"),
        (published_by_role, _with("publisher", volumes=["publish:/publish"]), "has no socket for ingest"),
        (built_once, _without("spark-worker", "pull_policy"), "spark-worker may pull lagoa-spark:4.1.4"),
        (without_secrets, _with("minio", environment={"MINIO_ROOT_PASSWORD": "x"}), "MINIO_ROOT_PASSWORD"),
        (without_secrets, _with("prefect", environment={"DB": "postgresql://a:b@postgres/x"}), "a secret in DB"),
        (without_secrets, _with("worker", command=["x", "http://a:b@prefect:4200"]), "a secret in its command"),
        (without_secrets, lambda compose: compose["secrets"].update(x={"environment": "X"}), "x is no file"),
    ],
)
def test_each_check_tells_what_is_damaged(check, damage, told):
    compose = copy.deepcopy(COMPOSE)
    damage(compose)
    assert told in "\n".join(check(compose))


def dockerfiles():
    return {path: path.read_text("utf-8") for path in (ROOT / "Dockerfile", *ROOT.glob("infra/**/Dockerfile"))}


def test_images_are_built_from_pinned_ones_and_run_as_somebody():
    for path, text in dockerfiles().items():
        stages = {name for _, name in re.findall(r"^FROM (\S+) AS (\S+)$", text, re.MULTILINE)}
        bases = set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)) - stages
        assert all(re.search(r":v?\d+\.\d+\.\d+", base) for base in bases), path
        assert "keycloak" in path.parts or re.search(r"^USER 10001:10001$", text, re.MULTILINE), path


def test_images_are_built_as_lagoa_stack_up_builds():
    go = (ROOT / "infra/go/Dockerfile").read_text("utf-8")
    for name in ("minio", "vault"):
        assert f'go build -ldflags "-s -w" -o /out/{name} {MANIFEST[name].package}\n' in go
        assert COMPOSE["services"][name]["build"] == {"context": "infra/go", "target": name}
    image = (ROOT / "Dockerfile").read_text("utf-8")
    for part in MANIFEST["spark"].parts:
        assert f"-Dartifact={part.maven} " in image
        assert f"echo {part.sha256} {part.file};" in image
    keycloak = (ROOT / "infra/keycloak/Dockerfile").read_text("utf-8")
    assert f"FROM quay.io/keycloak/keycloak:{_version(MANIFEST['keycloak'])}\n" in keycloak
    assert f"kc.sh build {shlex.join(MANIFEST['keycloak'].build)}\n" in keycloak


def test_the_builder_sees_no_secret_and_all_that_it_copies():
    ignored, *allowed = [line for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line[:1] != "#"]
    assert ignored == "*"
    seen = {line[1:] for line in allowed if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert {word for words in copied for word in words.split()} == seen
    assert all((ROOT / each).exists() for each in seen)


def _answering(status):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_):
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    return server


@pytest.mark.parametrize("name", ["keycloak", "nessie", "audit", "mlflow", "spark", "prefect", "worker"])
@pytest.mark.parametrize(("status", "well"), [(200, True), (503, False), (None, False)])
def test_health_checks_tell_well_from_unwell(name, status, well):
    _, program, *words = COMPOSE["services"][name]["healthcheck"]["test"]
    port = {"prefect": PREFECT_PORT, "worker": 8080}.get(name) or MANIFEST[name].management_port or MANIFEST[name].port
    server = _answering(status or 200)
    if status is None:
        server.shutdown()
        server.server_close()
    words = [word.replace(str(port), str(server.server_port)).replace("$$", "$") for word in words]
    program = {"python": sys.executable}.get(program, program)
    done = subprocess.run([program, *words], capture_output=True, timeout=10, check=False)
    if status is not None:
        server.shutdown()
        server.server_close()
    assert (done.returncode == 0) is well


def _draw(path):
    return subprocess.run([sys.executable, "-I", DRAW, path], capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def drawn_once(tmp_path_factory):
    """Return a folder with secrets, which `make secrets` drew; each test takes a copy."""
    folder = tmp_path_factory.mktemp("drawn") / ".secrets"
    _draw(folder / "credentials.json")
    return folder


@pytest.fixture(scope="module")
def configured_once(drawn_once, tmp_path_factory):
    """Return the volumes as they were configured with these secrets; each test takes a copy."""
    folder = tmp_path_factory.mktemp("configured")
    configure(ROOT, drawn_once / "credentials.json", folder)
    return folder


@pytest.fixture
def secrets(drawn_once, tmp_path):
    shutil.copytree(drawn_once, tmp_path / ".secrets")
    return tmp_path / ".secrets" / "credentials.json"


def test_secrets_are_drawn_once_for_their_owner_alone(secrets):
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
    assert stat.S_IMODE(secrets.parent.stat().st_mode) == 0o700
    drawn = json.loads(secrets.read_text("utf-8"))
    assert len(set(drawn.values())) == len(drawn)
    assert min(map(len, drawn.values())) >= 32
    assert "all secrets already" in _draw(secrets)
    assert json.loads(secrets.read_text("utf-8")) == drawn


def test_secrets_that_others_could_read_are_closed_to_them(secrets):
    secrets.chmod(0o644)
    _draw(secrets)
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
    partial, elsewhere = secrets.with_name("credentials.json.partial"), secrets.with_name("elsewhere")
    partial.symlink_to(elsewhere)
    secrets.unlink()
    _draw(secrets)
    assert not elsewhere.exists()
    assert not secrets.is_symlink()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"postgres-admin": 1}', '{"postgres-admin": ""}'])
def test_secrets_that_are_damaged_are_told_and_left(secrets, text):
    secrets.write_text(text, "utf-8")
    done = subprocess.run([sys.executable, "-I", DRAW, secrets], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "is damaged" in done.stderr
    assert "Traceback" not in done.stderr
    assert secrets.read_text("utf-8") == text


def test_a_secret_that_is_missing_is_drawn_and_the_others_stay(secrets):
    drawn = json.loads(secrets.read_text("utf-8"))
    secrets.write_text(json.dumps({"postgres-admin": drawn["postgres-admin"], "own": "x"}), "utf-8")
    assert "secrets were drawn" in _draw(secrets)
    again = json.loads(secrets.read_text("utf-8"))
    assert again.keys() == drawn.keys() | {"own"}
    assert (again["own"], again["postgres-admin"]) == ("x", drawn["postgres-admin"])
    assert again["keycloak-admin"] != drawn["keycloak-admin"]


def test_nothing_is_asked_for_that_make_secrets_does_not_draw(secrets, tmp_path):
    configure(ROOT, secrets, tmp_path)
    drawn = json.loads(secrets.read_text("utf-8"))
    assert json.loads((tmp_path / "credentials/credentials.json").read_text("utf-8")) == drawn
    realm = (ROOT / "infra/keycloak/lagoa-realm.json").read_text("utf-8")
    names = {name.lower().replace("_", "-") for name in re.findall(r"\$\{LAGOA_([A-Z_]+)\}", realm)}
    assert names <= drawn.keys()


def test_every_volume_is_its_owners_alone_and_holds_no_other_secret(secrets, tmp_path):
    configure(ROOT, secrets, tmp_path, ["bi"])
    drawn = json.loads(secrets.read_text("utf-8"))
    texts = {name: _texts(tmp_path / name) for name in (*MANIFEST, *ROLES, "prefect")}
    held = {name: {key for key, value in drawn.items() if value in text} for name, text in texts.items()}
    further = {"publisher": set(), "ingest": {"prefect-api"}, "engineer": {"prefect-api", "trino-sandboxes"}}
    further["maintainer"] = {"trino-sandboxes"}
    of_role = {"vault-role-id-{}", "vault-secret-id-{}", "postgres-lagoa-{}", "mlflow-{}"}
    assert held == {
        "postgres": {"postgres-admin"},
        "keycloak": {"postgres-keycloak", "keycloak-admin"},
        "vault": set(),
        "minio": {"minio-root-user", "minio-root-password", "audit-token"},
        "nessie": {"postgres-nessie", "minio-nessie"},
        "trino": {"trino-internal", "oidc-client-sql", "oidc-client-sandbox", "oidc-client-trino", "minio-trino"},
        "audit": {"audit-token"},
        "spark": {"spark"},
        "mlflow": {"postgres-mlflow", "minio-mlflow", "mlflow-admin", "mlflow-forms"},
        "prefect": {"postgres-prefect", "prefect-api"},
        **{name: {each.format(role) for each in of_role} | further[role] for name, role in ROLES.items()},
    }
    for file in tmp_path.rglob("*"):
        if file.is_file():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_sandboxes_get_catalogs_only_while_trino_is_on(secrets, tmp_path):
    configure(ROOT, secrets, tmp_path, ["bi"])
    access, credentials = tmp_path / "lagoa" / "trino" / ACCESS_FILE, tmp_path / "lagoa" / "credentials.json"
    assert access.exists()
    assert PASSWORD in credentials.read_text("utf-8")
    configure(ROOT, secrets, tmp_path, [""])
    assert not access.exists()
    assert PASSWORD not in credentials.read_text("utf-8")


def test_trino_spark_and_mlflow_are_groups_of_their_own():
    profiles = {name: service["profiles"] for name, service in COMPOSE["services"].items() if "profiles" in service}
    assert profiles == {
        "trino": [BI],
        "spark": ["spark"],
        "spark-worker": ["spark"],
        "mlflow": ["ml"],
        "mlflow-ready": ["ml"],
        "lagoa": ["tools"],
        "maintainer": ["tools"],
        "ml": ["tools"],
    }
    needed = {name for service in COMPOSE["services"].values() for name in service.get("depends_on", ())}
    assert needed & profiles.keys() == {"spark", "mlflow"}  # by its workers, and by the job that makes it ready


def _texts(folder):
    return "".join(file.read_text("utf-8") for file in folder.rglob("*") if file.is_file())


def test_configuring_again_changes_nothing_but_what_was_changed(secrets, tmp_path):
    configure(ROOT, secrets, tmp_path)
    Credentials(tmp_path / "credentials/credentials.json").keep({"vault-root-token": "x"})
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    (tmp_path / "postgres/postgresql.conf").write_text("listen_addresses = ''", "utf-8")
    Credentials(tmp_path / "worker/credentials.json").keep({"oidc-client-publisher": "x"})
    (tmp_path / "worker/credentials.lock").unlink()
    configure(ROOT, secrets, tmp_path)
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before


@pytest.mark.parametrize("name", ["postgres", "vault", "minio", "trino"])
@pytest.mark.parametrize("place", ["data", "etc", "environment", "deep/link"])
def test_links_that_a_server_put_into_its_volume_are_refused(secrets, configured_once, tmp_path, name, place):
    """Root writes there, and may write in the volumes of all others."""
    shutil.copytree(configured_once, tmp_path, symlinks=True, dirs_exist_ok=True)
    other = tmp_path / "prefect"
    before = {file: file.read_bytes() for file in other.rglob("*")}
    link = tmp_path / name / place
    link.parent.mkdir(exist_ok=True)
    if link.is_dir():
        shutil.rmtree(link)
    link.unlink(missing_ok=True)
    link.symlink_to(other)
    with pytest.raises(StackError, match=f"{name}/{place} is a link"):
        configure(ROOT, secrets, tmp_path)
    assert {file: file.read_bytes() for file in other.rglob("*")} == before


def test_servers_whose_volumes_are_looked_at_for_links_are_those_that_may_write():
    writes = {name for name in CONTAINERS if f"{name}:/lagoa/{name}" in COMPOSE["services"][name]["volumes"]}
    assert {name for name, each in CONTAINERS.items() if each.writes} == writes


def test_volumes_of_other_secrets_are_left_alone(secrets, tmp_path):
    configure(ROOT, secrets, tmp_path)
    before = (tmp_path / "credentials/credentials.json").read_bytes()
    secrets.unlink()
    with pytest.raises(StackError, match="make secrets"):
        configure(ROOT, secrets, tmp_path)
    _draw(secrets)
    with pytest.raises(StackError, match="other secrets"):
        configure(ROOT, secrets, tmp_path)
    assert (tmp_path / "credentials/credentials.json").read_bytes() == before


def test_servers_are_started_as_they_are_configured(tmp_path):
    """Each service has the owner, the command and the paths that `configure` wrote for."""
    manifest = in_containers(MANIFEST)
    credentials = Credentials(tmp_path / "credentials.json")
    services = COMPOSE["services"]
    for name, container in CONTAINERS.items():
        user = services[name].get("user")
        assert user == ":".join(map(str, container.owner)), name
        assert f"{name}:/lagoa/{name}" in services[name]["volumes"][0], name
    for name in ("minio", "vault"):
        launch = SERVERS[name].configure(Site(name, ROOT, tmp_path / name, credentials, manifest), Path(name))
        words = [str(word).replace(str(tmp_path), "/lagoa") for word in launch.command[1:]]
        assert services[name]["command"] == words
    trino = SERVERS["trino"].configure(Site("trino", ROOT, tmp_path / "trino", credentials, manifest), TRINO_HOME)
    words = [str(word).replace(str(tmp_path), "/lagoa") for word in trino.command[1:]]
    assert services["trino"]["command"][-1].endswith(f'exec "$$JAVA_HOME/bin/java" {shlex.join(words)}')
    master = spark.daemons(Site("spark", ROOT, tmp_path / "spark", credentials, manifest), SPARK_HOME)
    for service, launch in {"spark": master, "spark-worker": master.beside["worker-1"]}.items():
        words = [str(word).replace(str(tmp_path), "/lagoa") for word in launch.command]
        assert services[service]["command"][-1].endswith(f"exec {shlex.join(words)}")
    assert services["spark-worker"]["scale"] == len(master.beside)
    audit = SERVERS["audit"].configure(Site("audit", ROOT, tmp_path / "audit", credentials, manifest), Path("python"))
    assert services["audit"]["command"][-1].endswith(f"exec {shlex.join(audit.command)}")
    mlflow = SERVERS["mlflow"].configure(Site("mlflow", ROOT, tmp_path / "mlflow", credentials, manifest), Path("-"))
    words = ["python", *mlflow.command[1:]]
    assert services["mlflow"]["command"][-1] == f"set -a; . /lagoa/mlflow/environment; exec {shlex.join(words)}"
    hosts = mlflow.environment["MLFLOW_SERVER_ALLOWED_HOSTS"].split(",")
    assert hosts == ["mlflow:5000", "127.0.0.1:5000", "localhost:5000"]
    assert services["prefect"]["user"] == services["worker"]["user"] == ":".join(map(str, LAGOA))


def test_lagoa_finds_every_server_under_its_name():
    environment = COMPOSE["services"]["worker"]["environment"]
    urls = {name: SERVERS[name].url(artefact) for name, artefact in in_containers(MANIFEST).items()}
    assert environment["LAGOA_NESSIE_URL"] == urls["nessie"]
    assert environment["LAGOA_S3_ENDPOINT"] == urls["minio"]
    assert environment["LAGOA_OIDC_URL"] == urls["keycloak"]
    assert environment["LAGOA_VAULT_URL"] == urls["vault"]
    assert environment["LAGOA_POSTGRES_URL"] == urls["postgres"]
    assert environment["LAGOA_MLFLOW_URL"] == urls["mlflow"]


def test_the_jobs_are_commands(secrets, tmp_path):
    runner = CliRunner()
    lake, volumes = ["--lake", str(ROOT)], ["--volumes", str(tmp_path)]
    done = runner.invoke(app, ["stack", "configure", "--secrets", str(secrets), *volumes, *lake])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "nessie/config/application.properties").exists()
    done = runner.invoke(app, ["stack", "make-ready", "audit", *volumes, *lake])
    assert done.exit_code == 0, done.output
    done = runner.invoke(app, ["stack", "make-ready", "redis", *volumes, *lake])
    assert done.exit_code == 1
    assert "it is no server of the stack" in done.output
