"""Results and errors that another process returns to this one, such as the publisher.

Each is one JSON document. Values are the few types that publications and errors have; unlike a pickle, a document
cannot refer to code to be run.
"""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lagoa import errors
from lagoa.domain.approvals import Approval
from lagoa.domain.checks import AuditReport, CheckResult
from lagoa.domain.receipts import Publication
from lagoa.domain.results import Results
from lagoa.domain.tables import TableName
from lagoa.errors import LagoaError

if TYPE_CHECKING:
    from collections.abc import Callable

    from lagoa.domain.results import StoredParts

_STORED = "stored results"

_RECORDS: dict[str, type[Any]] = {each.__name__: each for each in (Approval, AuditReport, CheckResult, Publication)}
_TEXTS: dict[str, tuple[type[Any], Callable[[Any], str], Callable[[str], Any]]] = {
    "table": (TableName, str, TableName.of_text),
    "time": (datetime, datetime.isoformat, datetime.fromisoformat),
    "path": (Path, str, Path),
}
"""Values that are written as text: their Python type, the conversion to text and the conversion back."""


def of_result(result: Publication | AuditReport | Approval, *, by_reference: bool = False) -> str:
    """Return a publication, an audit or an approval as a document.

    Args:
        result: the result.
        by_reference: whether who gets it reads the same store of receipts: those of the results of checks that are in
            the store are only named. A lake may have thousands.
    """
    return json.dumps({"result": _packed(result, by_reference)})


def of_error(error: LagoaError, *, by_reference: bool = False) -> str:
    """Return an error as a document: its class, text and fields; not its cause."""
    packed = {name: _packed(value, by_reference) for name, value in vars(error).items() if not name.startswith("__")}
    return json.dumps({"error": type(error).__name__, "text": str(error), "fields": packed})


def read_answer(document: str, parts: StoredParts | None = None) -> Publication | AuditReport | Approval:
    """Return the result in a document, or raise the error in it.

    Args:
        document: the document.
        parts: reads results of checks that are only named in it.

    Raises:
        LagoaError: the original class, text and fields.
        ValueError: the document is not from `of_result` or `of_error`.
    """
    try:
        answer = _answer(json.loads(document), parts)
    except (KeyError, TypeError, AttributeError) as fault:
        raise ValueError(f"no answer: {fault!r}") from fault
    if isinstance(answer, LagoaError):
        raise answer
    return answer


def _answer(found: dict[str, Any], parts: StoredParts | None) -> Publication | AuditReport | Approval | LagoaError:
    if "error" in found:
        given = {name: _unpacked(each, parts) for name, each in found["fields"].items()}
        return _error(found["error"], found["text"], given)
    result = _unpacked(found["result"], parts)
    if not isinstance(result, Publication | AuditReport | Approval):
        raise TypeError(type(result).__name__)
    return result


def _error(name: str, text: str, found: dict[str, Any]) -> LagoaError:
    kind = getattr(errors, name)
    if not (isinstance(kind, type) and issubclass(kind, LagoaError)):
        raise TypeError(name)
    error: LagoaError = kind.__new__(kind)  # its __init__ would build the text from other values
    Exception.__init__(error, text)
    vars(error).update(found)
    return error


def _packed(value: Any, by_reference: bool) -> Any:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, Results) and by_reference and value.is_stored:
        return {_STORED: value.references}
    if isinstance(value, tuple | list | Results):
        return [_packed(each, by_reference) for each in value]
    for name, (kind, to_text, _) in _TEXTS.items():
        if isinstance(value, kind):
            return {name: to_text(value)}
    name = type(value).__name__
    if name not in _RECORDS:
        raise TypeError(f"{name} is not a value of a publication or an error")
    return {name: {each.name: _packed(getattr(value, each.name), by_reference) for each in fields(value)}}


def _unpacked(value: Any, parts: StoredParts | None) -> Any:
    if isinstance(value, list):
        return tuple(_unpacked(each, parts) for each in value)
    if not isinstance(value, dict):
        return value
    [(name, inner)] = value.items()
    if name in _TEXTS:
        return _TEXTS[name][2](inner)
    if name == _STORED:
        if parts is None:
            raise TypeError("results that are only named, and nothing to read them with")
        return Results.stored(inner, parts)
    return _RECORDS[name](**{field: _unpacked(each, parts) for field, each in inner.items()})
