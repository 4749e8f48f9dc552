"""The HTML pages of Lagoa: each one file, without scripts or anything from outside, for light and dark screens.

A page is a template of this folder that extends `base.html`; every value in it is escaped, and so are characters that
are not printable: some change the direction of the text around them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lagoa.domain.lists import printable
from lagoa.domain.notebooks import moment, shown_value

if TYPE_CHECKING:
    from jinja2 import Environment


def page(template: str, **values: Any) -> str:
    """Return a page.

    Args:
        template: name of the file of this folder.
        values: what it shows.
    """
    return _environment().get_template(template).render(now=datetime.now(UTC), **values)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finished,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["moment"] = moment
    environment.filters["shown"] = shown_value
    return environment


def _finished(value: Any) -> Any:
    """Return a value as it is put into a page; what is markup already stays."""
    return printable(value, "\n\t") if type(value) is str else value
