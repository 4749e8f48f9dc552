"""The publisher's own step, run as `python -I -m lagoa.publisher`: one publication or rollback, asked for on stdin.

It imports nothing but Lagoa and what that needs: no flow, no code of the lake or of whoever asks. The contracts and
checks are those of the lake's folder that it is given. It ends when its standard input does.
"""

from __future__ import annotations

import json
import os
import sys
import time
from _thread import interrupt_main
from threading import Thread
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lagoa.model import Publication

_END_S = 20


def main() -> None:
    """Read the request, do it, and write the answer."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answer:
        os.dup2(2, 1)  # what a library prints is no part of the answer
        request = json.loads(sys.stdin.readline())
        Thread(target=_end_with_caller, daemon=True).start()
        answer.write(_answer(request))


def _answer(request: dict[str, Any]) -> str:
    from lagoa.errors import LagoaError
    from lagoa.publish.handover import of_error, of_publication

    try:
        return of_publication(_carry_out(request))
    except LagoaError as error:
        return of_error(error)


def _carry_out(request: dict[str, Any]) -> Publication:
    from lagoa.lake import open_lake

    with open_lake(request["lake"], request["profile"] or None) as lake:
        if "rollback" in request:
            return lake.rollback(request["rollback"], hold=request["hold"])
        return lake.branch(request["publish"]).publish(request["message"])


def _end_with_caller() -> None:
    while os.read(0, 1):
        pass
    interrupt_main()  # the candidate is removed on the way out
    time.sleep(_END_S)
    os._exit(1)


if __name__ == "__main__":
    main()
