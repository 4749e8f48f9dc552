"""What the stack is made of: `infra/stack.toml`, read strictly."""

from __future__ import annotations

import tomllib
from pathlib import Path  # noqa: TC003 - pydantic reads the annotations
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from lagoa.errors import SettingsError
from lagoa.storage.s3.cold import UNREADABLE

PLACE = "infra/stack.toml"

HOST = "127.0.0.1"
"""This machine, where every server is, and listens, unless each runs in a container of its own."""

Here = Annotated[str, Field(pattern=r"^127\.0\.0\.1$")]
Port = Annotated[int, Field(ge=1, le=65535)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


PACKED = (".zip", ".tar.gz")
"""Endings of files that are unpacked."""


class Part(BaseModel):
    """A further file of a server, from Maven Central.

    Attributes:
        maven: coordinates, as those of the server.
        file: name of the file that they give; one that is packed is unpacked.
        sha256: of that file.
        bytes: its size.
        folder: that a packed file unpacks to.
        place: where it is put in the server's folder; of one from PyPI, in that of the stack's state.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    maven: str
    file: str
    sha256: Sha256
    bytes: int
    folder: str | None = None
    place: Annotated[str, Field(pattern=r"^\w[\w.-]*(/\w[\w.-]*)*$")]

    @model_validator(mode="after")
    def _folder_of_packed(self) -> Self:
        _check_folder(self.file, self.folder)
        return self


class Cold(BaseModel):
    """Another store, to which a MinIO moves the bytes of files that nobody asks for.

    Attributes:
        name: what MinIO calls it. What was moved stays there: another store gets another name.
        kind: what it is.
        endpoint: its URL.
        bucket: where the bytes lie; it must be there.
        prefix: of their names.
        region: of the store.
        storage_class: of S3, in which they lie; by default that of the bucket.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9-]{1,31}$")] = "COLD"
    kind: Literal["minio", "s3"] = "minio"
    endpoint: Annotated[str, Field(pattern=r"^https?://[^/\s@]+$")]
    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{2,62}$")]
    prefix: Annotated[str, Field(pattern=r"^([A-Za-z0-9_][A-Za-z0-9._-]*/)*$")] = ""
    region: str = ""
    storage_class: str = ""

    @model_validator(mode="after")
    def _readable(self) -> Self:
        if self.name in {"STANDARD", "REDUCED_REDUNDANCY"}:
            raise ValueError("`name` is a class of MinIO's own")
        if self.storage_class and self.kind != "s3":
            raise ValueError("`storage_class` goes with `kind` s3")
        if self.storage_class in UNREADABLE:
            raise ValueError(f"nobody reads objects of the class {self.storage_class} before they are restored")
        return self


class Artefact(BaseModel):
    """Where a server comes from: Maven Central, sources of the Go module proxy, this machine, PyPI, or Lagoa itself.

    Attributes:
        maven: coordinates, `group:artifact:version:packaging[:classifier]`.
        file: name of the file that they give; one that is packed is unpacked.
        sha256: of that file.
        bytes: its size.
        folder: that a packed file unpacks to.
        parts: further files that are put into that folder.
        build: options that are built into what was unpacked.
        go: folder of a module whose go.mod and go.sum pin the sources.
        package: the package that is built.
        version: of that package, as go.mod has it; of a package of Python, its first two numbers.
        system: package of the machine.
        locate: the command that prints the folder of its programs.
        program: that is the server; `program --version` prints its version.
        minimum: the first part of the version that it must have at least.
        module: of Lagoa that is the server.
        pypi: package of Python that is installed with Lagoa, and has the server in it.
        java: the versions of the machine's Java that it runs on; not set for servers that run on the one from PyPI.
        workers: processes of a Spark that compute.
        cores: of each of them.
        memory: of each of them, for the processes of applications.
        store: what a Nessie keeps its commits in.
        sign_in: whether it lets in only who signed in at Keycloak.
        cold: of a MinIO, where files lie that nobody asks for, by `lagoa maintain --cold`.
        port: where the server listens.
        management_port: the port of its health check, if that differs.
        console_port: where its web page is, if it has one.
        host: where clients find it; a manifest says nothing else than this machine.
        bind: the address that it listens on; likewise.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    maven: str | None = None
    file: str | None = None
    sha256: Sha256 | None = None
    bytes: int | None = None
    folder: str | None = None
    parts: tuple[Part, ...] = ()
    build: tuple[str, ...] = ()
    go: str | None = None
    package: str | None = None
    version: str | None = None
    system: str | None = None
    locate: str | None = None
    program: str | None = None
    minimum: int = 0
    module: Annotated[str, Field(pattern=r"^lagoa(\.\w+)+$")] | None = None
    pypi: Annotated[str, Field(pattern=r"^\w+$")] | None = None
    java: tuple[int, ...] = ()
    workers: Annotated[int, Field(ge=1)] = 1
    cores: Annotated[int, Field(ge=1)] = 1
    memory: Annotated[str, Field(pattern=r"^[1-9]\d*[mg]$")] = "1g"
    store: Literal["rocksdb", "postgres"] = "rocksdb"
    sign_in: bool = False
    cold: Cold | None = None
    port: Port
    management_port: Port | None = None
    console_port: Port | None = None
    host: Here = HOST
    bind: Here = HOST

    @property
    def address(self) -> str:
        """Host and port where clients find it."""
        return f"{self.host}:{self.port}"

    @property
    def ports(self) -> list[int]:
        """Every port that the server listens on."""
        return [port for name in PORTS if (port := getattr(self, name)) is not None]

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if sum(each is not None for each in (self.maven, self.go, self.system, self.module, self.pypi)) != 1:
            raise ValueError("one of `maven`, `go`, `system`, `module` and `pypi` says where it comes from")
        if self.maven is not None and not (self.file and self.sha256 and self.bytes):
            raise ValueError("`maven` goes with `file`, `sha256` and `bytes`")
        _check_folder(self.file or "", self.folder)
        if self.parts and self.folder is None and self.pypi is None:
            raise ValueError("`parts` go with the `folder` that they are put into")
        if self.pypi is not None and not self.version:
            raise ValueError("`pypi` goes with `version`")
        if self.system is not None and not (self.locate and self.program):
            raise ValueError("`system` goes with `locate` and `program`")
        if self.go is not None and not (self.package and self.version):
            raise ValueError("`go` goes with `package` and `version`")
        return self


def _check_folder(file: str, folder: str | None) -> None:
    if file.endswith(PACKED) != (folder is not None):
        raise ValueError("a zip or tar.gz goes with the `folder` that it unpacks to, and nothing else does")


PORTS = ("port", "management_port", "console_port")


def read_manifest(root: Path) -> dict[str, Artefact]:
    """Return the artefacts of the stack by the name of their server.

    Raises:
        SettingsError: there is no such file, or it is not of the form above.
    """
    path = root / PLACE
    try:
        document = tomllib.loads(path.read_text("utf-8"))
        return {name: Artefact.model_validate(entry) for name, entry in document.items()}
    except FileNotFoundError as error:
        advice = "Copy the folder `infra` of Lagoa's sources, of this version, into the lake's folder."
        raise SettingsError(f"There is no {path}, which says what the stack is made of.", advice) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValidationError) as error:
        raise SettingsError(f"{path}: {error}", "Fix the file.") from error
