"""The publisher's own step, `python -I -m lagoa.publisher --lake DIR`: one publication or rollback, asked for on stdin.

It imports nothing but Lagoa and what that needs: no flow, no code of the lake or of whoever asks. Settings, contracts
and checks are those of the lake's folder that it is started with. It ends when its standard input does.
"""

from __future__ import annotations

import json
import os
import sys
import time
from _thread import interrupt_main
from argparse import ArgumentParser
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from lagoa.roles import PUBLISHER

if TYPE_CHECKING:
    from lagoa.model import Publication

_END_S = 20


def main() -> None:
    """Read the request, do it, and write the answer."""
    arguments = ArgumentParser("lagoa.publisher", description=__doc__)
    arguments.add_argument("--lake", required=True, help="the folder of the publisher's checkout of the lake")
    arguments.add_argument("--profile", help="of lagoa.toml")
    given = arguments.parse_args()
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answer:
        os.dup2(2, 1)  # what a library prints is no part of the answer
        request = json.loads(sys.stdin.readline())
        Thread(target=_end_with_caller, daemon=True).start()
        answer.write(_answer(request, Path(given.lake), given.profile))


def _answer(request: dict[str, Any], lake: Path, profile: str | None) -> str:
    from lagoa.errors import LagoaError
    from lagoa.publish.handover import of_error, of_publication

    try:
        return of_publication(_carry_out(request, lake, profile))
    except LagoaError as error:
        return of_error(error)


def _carry_out(request: dict[str, Any], lake: Path, profile: str | None) -> Publication:
    from lagoa.lake import open_lake
    from lagoa.settings import load_settings

    own = {"role": PUBLISHER, "author": request["author"]}
    with open_lake(load_settings(lake, profile).model_copy(update=own)) as opened:
        if "rollback" in request:
            return opened.rollback(request["rollback"], hold=request["hold"])
        return opened.branch(request["publish"]).publish(request["message"])


def _end_with_caller() -> None:
    while os.read(0, 1):
        pass
    interrupt_main()  # the candidate is removed on the way out
    time.sleep(_END_S)
    os._exit(1)


if __name__ == "__main__":
    main()
