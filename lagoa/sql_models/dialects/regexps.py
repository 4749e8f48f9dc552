"""Regular expressions that mean the same to RE2 (DuckDB), Java (Spark) and Joni (Trino)."""

from __future__ import annotations

import re

from lagoa.sql_models.dialects.target import refuse

_TOKEN = re.compile(
    r"(?P<class>\[\^?\]?(?:\\.|[^\]\\])*\])|\\(?P<escaped>.)|(?P<group>\(\?:|\(\?|\()|(?P<other>.)", re.DOTALL
)
_SETS = {"d": "0-9", "w": "0-9A-Za-z_", "s": r"\t\n\f\r "}
_CONTROLS = "nrtf"
_ADVICE = "Write the characters out, such as [0-9a-z]."


def pattern_for_all(pattern: str) -> str:
    r"""Return a pattern, written so that every engine matches the same.

    What they read differently is written out: `.` (which line breaks it excludes), `$` (whether a last line break may
    follow), `\s`, `\d` and `\w` (which characters beyond ASCII).

    Raises:
        Refused: a construct that is not known to mean the same everywhere.
    """
    return "".join(_token(found) for found in _TOKEN.finditer(pattern))


def replacement_for_all(text: str) -> str:
    r"""Return the replacement of a match in the spelling of Spark and Trino: `$1` for `\1`."""
    if re.search(r"\\[^0-9\\]", text):
        refuse(
            f"the replacement {text!r} has an escape that engines read differently", r"Only \0 to \9 may stand there."
        )
    return re.sub(r"\\([0-9])|\\\\|\$", lambda each: f"${each[1]}" if each[1] else each[0].replace("$", r"\$"), text)


def _token(found: re.Match[str]) -> str:
    if found["class"]:
        return _characters(found["class"])
    if found["escaped"]:
        return _escape(found["escaped"], inside=False)
    if found["group"]:
        if found["group"] == "(?":
            refuse("a group (?…) other than (?:…) is read differently", "Use ( ) or (?: ).")
        return found["group"]
    return {".": r"[^\n]", "$": r"\z"}.get(found["other"], found["other"])


def _characters(text: str) -> str:
    head = "[^" if text.startswith("[^") else "["
    body = text[len(head) : -1]
    if "[" in re.sub(r"\\.", "", body) or "&&" in body or body.startswith("]"):
        refuse(f"the character class {text} is read differently", r"Put a backslash before [, ] and & in it.")
    return head + re.sub(r"\\(.)", lambda each: _escape(each[1], inside=True), body, flags=re.DOTALL) + "]"


def _escape(letter: str, *, inside: bool) -> str:
    if letter in _SETS:
        return _SETS[letter] if inside else f"[{_SETS[letter]}]"
    if letter.isalnum() and letter not in _CONTROLS:
        if letter in {"D", "W", "S"} and not inside:
            return f"[^{_SETS[letter.lower()]}]"
        refuse(f"\\{letter} in a pattern is read differently", _ADVICE)
    return f"\\{letter}"
