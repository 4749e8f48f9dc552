"""Paths to elements and attributes, as contracts have them: `customer/address/@id`, `p:name`, `{uri}name`.

A step with a prefix, or with a namespace in braces, is that name only. A step without one in the path to the records
is the name in any namespace, and in the path to a value the name in the record's own namespace or in none.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

TEXT = "#text"
"""The step that stands for the text of an element which has attributes or other elements, too."""

XML = "http://www.w3.org/XML/1998/namespace"
XSI = "http://www.w3.org/2001/XMLSchema-instance"

_STEP = re.compile(r"(?P<at>@?)(?:\{(?P<uri>[^{}]*)\}|(?P<prefix>[^\s/{}@:]+):)?(?P<name>[^\s/{}@:]+)")


def steps_of(path: str, namespaces: Mapping[str, str]) -> tuple[str, ...]:
    """Return the steps of a path: `name`, or `{uri}name` for a name in a certain namespace; attributes begin with @.

    Raises:
        ValueError: it is no path, or has a prefix that is not among the namespaces.
    """
    steps, place = [], 0
    while True:
        found = _STEP.match(path, place)
        if not found or path[found.end() : found.end() + 1] not in {"", "/"}:
            raise ValueError(f"{path!r} is no path of names with / between them")
        uri, prefix = found["uri"], found["prefix"]
        if prefix is not None:
            uri = XML if prefix == "xml" else namespaces.get(prefix)
            if uri is None:
                raise ValueError(f"the prefix {prefix!r} in {path!r} is not among `namespaces`")
        steps.append(f"{found['at']}{{{uri}}}{found['name']}" if uri else f"{found['at']}{found['name']}")
        if found.end() == len(path):
            return tuple(steps)
        place = found.end() + 1


def is_step(step: str, tag: str) -> bool:
    """Return whether a step of the path to the records is an element, whose tag is `name` or `uri name`."""
    uri, _, name = tag.rpartition(" ")
    return step == (f"{{{uri}}}{name}" if step.startswith("{") else name)
