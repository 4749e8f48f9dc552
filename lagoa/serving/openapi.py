"""The description of the server's API, with the fields of each model that answers now."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from lagoa.serving.rows import MOST_ROWS

if TYPE_CHECKING:
    from lagoa.serving.champions import Champions
    from lagoa.serving.scorer import Scorer

_NUMBER, _TEXT = {"type": "number"}, {"type": "string"}
_NULLABLE_TEXT = {"type": ["string", "null"]}
_VALUE = {"type": ["number", "string", "null"]}
_HEAD = {
    "model": _TEXT,
    "version": {"type": "integer"},
    "model_commit": {**_TEXT, "description": "The commit that the model learned from."},
    "features_commit": {**_NULLABLE_TEXT, "description": "The commit that the online features are of."},
}
_ERROR = {"type": "object", "properties": {"detail": {}}}
_CODES = {
    "401": "No token, or another",
    "413": "More than 2 MiB",
    "422": "A field is missing, unknown or of another type: `detail` names it",
    "503": "No champion, or the online features cannot be read",
}


def described(title: str, champions: Champions) -> dict[str, Any]:
    """Return the API as OpenAPI 3.1."""
    paths: dict[str, Any] = {
        "/health": {"get": _plain("Whether the process answers", {"200": "It does"})},
        "/ready": {
            "get": _plain("Which models answer", {"200": "Each that has a champion", "503": "Not all, or none"})
        },
        "/metrics": {
            "get": _guarded(_plain("Counters, as Prometheus reads them", {"200": "Text", "401": _CODES["401"]}))
        },
        "/v1/models": {"get": _guarded(_plain("The models", {"200": "A list", "401": _CODES["401"]}))},
    }
    for served in champions.all():
        if served.scorer is not None:
            paths[f"/v1/models/{served.model}/score"] = {"post": _guarded(_score(served.scorer))}
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version("lagoa")},
        "paths": paths,
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }


def _score(scorer: Scorer) -> dict[str, Any]:
    row = scorer.rows.schema()
    many = {"type": "array", "items": row, "minItems": 1, "maxItems": MOST_ROWS}
    reasons = {"type": "array", "items": _object(feature=_TEXT, value=_VALUE, contribution=_NUMBER)}
    fallbacks = {"type": "array", "items": _object(feature=_TEXT, cause=_TEXT, used=_VALUE)}
    score = {
        "key": {"type": "object"},
        **dict.fromkeys(scorer.outputs, _NUMBER),
        "training_rank": {"type": ["number", "null"], "description": "The share of scores in its test that are lower."},
        "base": {"type": ["number", "null"], "description": "What the contributions are added to."},
        "reasons": reasons,
        "fallbacks": fallbacks,
        "known": {"type": "object", "additionalProperties": _NULLABLE_TEXT},
    }
    one = _object(**_HEAD, **score)
    all_of_them = _object(**_HEAD, scores={"type": "array", "items": _object(**score)})
    run = scorer.run
    return {
        "summary": f"Score by {run.model} {run.version}",
        "parameters": [
            {
                "name": "reasons",
                "in": "query",
                "schema": {"type": "integer", "minimum": 0, "maximum": 100, "default": 5},
            }
        ],
        "requestBody": {"required": True, "content": _json({"anyOf": [row, many]})},
        "responses": {
            "200": {"description": "The score, or the scores", "content": _json({"anyOf": [one, all_of_them]})},
            **{code: {"description": said, "content": _json(_ERROR)} for code, said in _CODES.items()},
        },
    }


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _plain(summary: str, responses: dict[str, str]) -> dict[str, Any]:
    return {"summary": summary, "responses": {code: {"description": said} for code, said in responses.items()}}


def _guarded(operation: dict[str, Any]) -> dict[str, Any]:
    return {**operation, "security": [{"token": []}]}
