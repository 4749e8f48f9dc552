"""The lake on Nessie and MinIO that an earlier Lagoa made, put on servers that hold nothing yet."""

from __future__ import annotations

import re
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
from minio import Minio
from older_lakes import unpack

from lagoa.stack.manifest import read_manifest
from lagoa.stack.run import Stack, free_ports
from lagoa.stack.servers.minio.objects import REGION, WAREHOUSE

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
NAME = "nessie-0.1"
ROCKSDB, OBJECTS = "rocksdb", "objects"
"""Folders of the archive: what Nessie keeps, and what lies in the bucket, by key. The rest is the lake's folder."""


class OlderStack:
    """A Nessie and a MinIO that hold the lake.

    Args:
        stack: these servers, which are up.
        archive: the folder that the lake was unpacked to.
    """

    def __init__(self, stack: Stack, archive: Path) -> None:
        self.environment = stack.environment()
        self._archive = archive
        self._refs = self._all_refs()

    def put(self, folder: Path) -> Path:
        """Let Nessie's refs be what they were, whatever was done since, and make the lake's folder; return it.

        Commits and objects that came meanwhile stay where they are, and nothing leads to them.
        """
        self._reset()
        left_out = shutil.ignore_patterns(ROCKSDB, OBJECTS)
        return Path(shutil.copytree(self._archive, folder, ignore=left_out))

    def _reset(self) -> None:
        now = self._all_refs()
        with self._nessie() as http:
            for name, ref in now.items():
                if name not in self._refs:
                    http.delete(_path(ref)).raise_for_status()
                elif ref != self._refs[name]:
                    to = {"type": "DETACHED", "hash": self._refs[name]["hash"]}
                    http.put(_path(ref), params={"type": ref["type"]}, json=to).raise_for_status()
            for name in self._refs.keys() - now.keys():
                made = {"name": name, "type": self._refs[name]["type"]}
                at = {"type": "DETACHED", "hash": self._refs[name]["hash"]}
                http.post("trees", params=made, json=at).raise_for_status()

    def _all_refs(self) -> dict[str, dict[str, Any]]:
        with self._nessie() as http:
            found = http.get("trees", params={"max-records": 1000}).raise_for_status().json()["references"]
        return {each["name"]: {key: each[key] for key in ("type", "name", "hash")} for each in found}

    def _nessie(self) -> httpx.Client:
        return httpx.Client(base_url=f"{self.environment['LAGOA_NESSIE_URL']}/", timeout=30)


@contextmanager
def older_stack(folder: Path) -> Iterator[OlderStack]:
    """Bring up a Nessie that begins with what the lake's kept, and a MinIO that is given its objects; end them after.

    Args:
        folder: where they and the lake's archive get a folder each; it is empty.
    """
    archive = unpack(NAME, folder / "archive")
    stack = open_stack(folder / "stack")
    kept = _rocksdb(folder / "stack")
    kept.parent.mkdir(parents=True, mode=0o700)
    shutil.copytree(archive / ROCKSDB, kept)
    try:
        stack.up()
        upload(stack, archive / OBJECTS)
        yield OlderStack(stack, archive)
    finally:
        stack.down()


def open_stack(folder: Path) -> Stack:
    """Return a Nessie on RocksDB and a MinIO, in which nobody signs in, on ports that are free; neither is up."""
    (folder / "infra").mkdir(parents=True)
    for name in ("go", "policy.toml"):
        (folder / "infra" / name).symlink_to(ROOT / "infra" / name)
    parts = re.split(r"^(?=\[)", (ROOT / "infra/stack.toml").read_text("utf-8"), flags=re.MULTILINE)
    text = "".join(part for part in parts if part.startswith(("[nessie]", "[minio]")))
    text = re.sub(r"^sign_in = .*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"^store = .*$", 'store = "rocksdb"', text, flags=re.MULTILINE)
    (folder / "infra/stack.toml").write_text(text, "utf-8")
    stack = Stack(folder, _state(folder))
    stack.choose_ports(free_ports(read_manifest(folder)))
    return stack


def upload(stack: Stack, objects: Path) -> None:
    """Put files into the bucket of tables, each under its path in a folder."""
    client = _client(stack)
    for path in sorted(objects.rglob("*")):
        if path.is_file():
            client.fput_object(bucket_name=WAREHOUSE, object_name=str(path.relative_to(objects)), file_path=str(path))


def _state(folder: Path) -> Path:
    return folder / ".lagoa/stack"


def _rocksdb(folder: Path) -> Path:
    return _state(folder) / "nessie/rocksdb"


def _client(stack: Stack) -> Minio:
    found = stack.environment()
    return Minio(
        endpoint=found["LAGOA_S3_ENDPOINT"].removeprefix("http://"),
        access_key=found["LAGOA_S3_ACCESS_KEY"],
        secret_key=found["LAGOA_S3_SECRET_KEY"],
        secure=False,
        region=REGION,
    )


def _path(ref: dict[str, Any]) -> str:
    return f"trees/{quote(ref['name'], safe='')}@{ref['hash']}"
