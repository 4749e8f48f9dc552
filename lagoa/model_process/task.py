"""What the process of a model is given, and what it answers, as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Task:
    """A function to be called.

    Attributes:
        file: path of the model's file, for error messages.
        source: the text of the file.
        function: name of the function.
        line: the line on which it is defined.
        inputs: for each parameter of the function, the file with its rows (an Arrow IPC stream).
        result: the file that the rows are written to, likewise.
        memory: bytes of memory that the process may use besides the rows of the inputs.
        limit_s: seconds after which it ends in any case.
    """

    file: str
    source: str
    function: str
    line: int
    inputs: dict[str, str]
    result: str
    memory: int
    limit_s: int

    def to_json(self) -> str:
        """Return the task as text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Task:
        """Return the task of a text of `to_json`."""
        return cls(**json.loads(text))


@dataclass(frozen=True, slots=True)
class Answer:
    """How the call ended.

    Attributes:
        error: what went wrong; empty if the result is complete.
        line: the line of the model's file that this concerns, if known.
        advice: what to do; empty if that depends on the model.
    """

    error: str = ""
    line: int | None = None
    advice: str = ""

    def to_json(self) -> str:
        """Return the answer as text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Answer:
        """Return the answer of a text of `to_json`; raises `ValueError` if it is none."""
        return cls(**json.loads(text))
