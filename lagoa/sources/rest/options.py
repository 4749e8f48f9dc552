"""What may be declared of an API."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - pydantic evaluates it
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from lagoa.sources.declaration import Declaration, SecretName, SourceTable, Text

Path = Annotated[str, StringConstraints(pattern=r"^[^\s.]+(\.[^\s.]+)*$", max_length=500)]
"""Keys of a JSON document from the outside in, with a dot between them."""

Name = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,200}$")]
"""The name of a parameter or header."""

LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Basic(_Said):
    """A user and a password with each request."""

    kind: Literal["basic"]
    user: Text
    password: SecretName


class Key(_Said):
    """A key with each request, in a header or as a parameter.

    Attributes:
        header: the header's name.
        param: the parameter's name.
        prefix: what is before the key in a header, such as `Token `.
    """

    kind: Literal["key"]
    key: SecretName
    header: Name | None = None
    param: Name | None = None
    prefix: str = ""

    @model_validator(mode="after")
    def _one_place(self) -> Key:
        if (self.header is None) == (self.param is None):
            raise ValueError("say either `header` or `param`, the name under which the key is sent")
        return self


class Bearer(_Said):
    """A token that does not change."""

    kind: Literal["bearer"]
    token: SecretName


class OAuth2(_Said):
    """Tokens of a token server: by the client's secret, or by a refresh token.

    Attributes:
        token_url: where tokens are.
        scope: what is asked for.
    """

    kind: Literal["oauth2"]
    token_url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s@]+$")]
    client_id: Text
    client_secret: SecretName
    refresh_token: SecretName | None = None
    scope: str = ""


class Jwt(_Said):
    """A token that is signed here, anew for each few minutes.

    Attributes:
        key: the key: a text for HS256, a private key in PEM for the others.
        claims: more that the token says.
        lifetime_s: how long it is valid.
    """

    kind: Literal["jwt"]
    key: SecretName
    algorithm: Literal["HS256", "RS256", "ES256"] = "RS256"
    issuer: Text
    subject: str = ""
    audience: str = ""
    claims: Mapping[str, Any] = {}
    lifetime_s: Annotated[int, Field(ge=30, le=3600)] = 300


Auth = Annotated[Basic | Key | Bearer | OAuth2 | Jwt, Field(discriminator="kind")]


class ByPage(_Said):
    """Pages have numbers; the last one has fewer than `size` records, or none."""

    kind: Literal["page"]
    param: Name = "page"
    first: Annotated[int, Field(ge=0)] = 1
    size_param: Name | None = None
    size: Annotated[int, Field(ge=1, le=1_000_000)] | None = None


class ByOffset(_Said):
    """Pages begin behind so many records; the last one has fewer than `size` records.

    Attributes:
        overlap: how many records each page has of the one before, so that none is lost if records go meanwhile.
    """

    kind: Literal["offset"]
    param: Name = "offset"
    size_param: Name = "limit"
    size: Annotated[int, Field(ge=1, le=1_000_000)]
    overlap: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _goes_on(self) -> ByOffset:
        if self.overlap >= self.size:
            raise ValueError("`overlap` is not smaller than `size`: no page would lead to the next one")
        return self


class ByCursor(_Said):
    """Each answer has what the next request is to say; the last one has nothing there.

    Attributes:
        at: where it is in the answer.
        param: the parameter that it is sent as.
    """

    kind: Literal["cursor"]
    at: Path
    param: Name


class ByUrl(_Said):
    """Each answer has the address of the next page, in the document or in the header `Link`.

    Attributes:
        at: where it is in the document; by default it is in the header.
    """

    kind: Literal["next"]
    at: Path | None = None


class ByOData(_Said):
    """Each answer has the address of the next page as OData has it (`@odata.nextLink`)."""

    kind: Literal["odata"]


Paging = Annotated[ByPage | ByOffset | ByCursor | ByUrl | ByOData, Field(discriminator="kind")]


class Cursor(_Said):
    """Records are asked for from a value on.

    Attributes:
        field: where the value is in a record.
        param: the parameter by which it is asked for.
        first: the value of the first time.
        overlap_s: so many seconds before the greatest value that was seen are asked for again, if it is a time: records
            that were written late come then.
    """

    field: Path
    param: Name
    first: str | int
    overlap_s: Annotated[int, Field(ge=0, le=10_000_000)] = 0


class Api(_Said):
    """How the API is asked.

    Attributes:
        url: its address; paths of tables follow it.
        auth: how requests prove who asks.
        headers: further headers.
        ca_file: certificates that are trusted besides; relative to the lake's folder.
        timeout_s: how long an answer may take.
        tries: how often a request is sent, if the answer is that of an overloaded or broken server.
        requests_a_minute: how many there may be.
        page_mb: how large an answer may be.
    """

    url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s@?#]+$")]
    auth: Auth | None = None
    headers: Mapping[Name, str] = {}
    ca_file: Text | None = None
    timeout_s: Annotated[float, Field(gt=0, le=3600)] = 30.0
    tries: Annotated[int, Field(ge=1, le=20)] = 5
    requests_a_minute: Annotated[int, Field(ge=1)] | None = None
    page_mb: Annotated[int, Field(ge=1, le=4096)] = 64

    @model_validator(mode="after")
    def _keeps_secrets(self) -> Api:
        asked = [self.url, *([self.auth.token_url] if isinstance(self.auth, OAuth2) else [])]
        for url in asked if self.auth else ():
            place = urlsplit(url)
            if place.scheme == "http" and place.hostname not in LOOPBACK:
                raise ValueError(f"credentials would be readable on the way to {url}: use https")
        return self


class RestTable(SourceTable):
    """What is asked for one table.

    Attributes:
        path: below the API's address.
        params: parameters of each request.
        body: sent with each request, as JSON; then it is a POST.
        paging: how the pages follow each other; by default there is one.
        cursor: how new records are asked for; by default all are.
        max_pages: more pages than that are an error: the API repeats itself.
        commit_mb: so much is committed together.
    """

    path: Annotated[str, StringConstraints(max_length=2000, pattern=r"^[^\s?#]*$")] = ""
    params: Mapping[Name, str | int | bool] = {}
    body: Mapping[str, Any] | None = None
    paging: Paging | None = None
    cursor: Cursor | None = None
    max_pages: Annotated[int, Field(ge=1)] = 100_000
    commit_mb: Annotated[int, Field(ge=1, le=4096)] = 64

    @model_validator(mode="after")
    def _fits(self) -> RestTable:
        if self.cursor and self.mode != "merge":
            raise ValueError("with `cursor` records come more than once: write `mode: merge`")
        return self


class RestSource(Declaration):
    """An API.

    Attributes:
        kind: `rest`.
        connection: how it is asked.
        tables: what is asked for each table.
    """

    kind: Literal["rest"]
    connection: Api
    tables: Annotated[Mapping[str, RestTable], Field(min_length=1)]
