"""The publisher process, `python -I -m lagoa.cli.publisher --lake DIR`: takes requests to publish on stdin.

It imports nothing but Lagoa and what that needs: no flow, no code of the lake or of the caller. Settings, contracts
and checks are those of the lake's folder that it is started with. Requests and answers are JSON documents, one a line:

- `finished`: a table of the branch of a run; the step checks it beside the work, and finds its own results later.
- `audit`, `publish`, `rollback`, `approve`: answered by what came of it.

With `--caller ROLE` it does only what that role may have done: its callers cannot say another role than the one whose
door they came by. It ends when its standard input does.
"""

from __future__ import annotations

import json
import os
import time
from _thread import interrupt_main
from argparse import ArgumentParser
from contextlib import suppress
from pathlib import Path
from queue import Queue
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, get_args

from lagoa.domain.roles import PUBLISHER, WHO_ROLLS_BACK, Role, who_may_move

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lagoa.context import LakeContext
    from lagoa.domain.approvals import Approval
    from lagoa.domain.checks import AuditReport
    from lagoa.domain.ports.publisher import PublisherRun
    from lagoa.domain.receipts import Publication
    from lagoa.lake import Lake

_END_S = 20

_LONGEST = 1 << 20
"""Bytes of a request; a longer one ends the process."""

_WAITING = 1000
"""How many requests are read ahead."""


def main() -> None:
    """Answer requests until there are no more."""
    arguments = ArgumentParser("lagoa.cli.publisher", description=__doc__)
    arguments.add_argument("--lake", required=True, help="the folder of the publisher's checkout of the lake")
    arguments.add_argument("--profile", help="of lagoa.toml")
    arguments.add_argument(
        "--caller", choices=get_args(Role), help="the role of those who send requests; else each says it"
    )
    given = arguments.parse_args()
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)  # what a library prints is no part of an answer
        requests: Queue[bytes] = Queue(_WAITING)
        busy = Event()
        Thread(target=_receive, args=(requests, busy), daemon=True).start()
        step = _Step(Path(given.lake), given.profile, given.caller)
        try:
            while line := requests.get():
                busy.set()
                answer = step.answer(json.loads(line))
                busy.clear()
                if answer is not None:
                    answers.write(f"{answer}\n")
                    answers.flush()
        finally:
            step.close()


def _receive(requests: Queue[bytes], busy: Event) -> None:
    with os.fdopen(0, "rb") as lines:
        while (line := lines.readline(_LONGEST)).endswith(b"\n"):
            requests.put(line)
    requests.put(b"")
    if busy.is_set():
        interrupt_main()  # the candidate is removed on the way out
    time.sleep(_END_S)
    os._exit(1)


class _Step:
    """The lake, opened as the publisher when the first request comes.

    Args:
        folder: the lake's.
        profile: of its settings.
        caller: the role of those who send requests; None if they were checked where they are.
    """

    def __init__(self, folder: Path, profile: str | None, caller: Role | None = None) -> None:
        self._folder = folder
        self._profile = profile
        self._caller = caller
        self._lake: Lake | None = None
        self._branch = ""
        self._run: PublisherRun | None = None

    def answer(self, request: dict[str, Any]) -> str | None:
        """Handle a request; return its result."""
        from lagoa.domain.handover import of_error, of_result
        from lagoa.errors import LagoaError

        if "finished" in request:
            with suppress(LagoaError):  # the publication itself reports it
                self._finished(request)
            return None
        by_reference = request.get("by_reference", False)
        try:
            return of_result(self._carry_out(request), by_reference=by_reference)
        except LagoaError as error:
            return of_error(error, by_reference=by_reference)

    def close(self) -> None:
        """Stop checking, and close the lake."""
        if self._run is not None:
            self._run.close()
        if self._lake is not None:
            self._lake.close()

    def _finished(self, request: dict[str, Any]) -> None:
        from lagoa.domain.tables import TableName

        self._run_of(request).finished(TableName.parse(request["finished"]), request["commit"])

    def _carry_out(self, request: dict[str, Any]) -> Publication | AuditReport | Approval:
        from pydantic import SecretStr

        if "rollback" in request:
            self._check(f"roll main back to {request['rollback']!r}.", WHO_ROLLS_BACK)
            self._open(request).context.refresh()
            return self._open(request).rollback(request["rollback"], hold=request["hold"])
        if "approve" in request:
            token = SecretStr(request["token"]) if request["token"] else None
            publisher = self._open(request).context.publisher
            return publisher.approve(request["approve"], request["commit"], request["message"], token)
        run = self._run_of(request)
        if request.get("refresh"):
            self._open(request).context.refresh()
        if "audit" in request:
            return run.audit()
        self._check(f"publish {self._branch!r}.", who_may_move(self._branch))
        _mask(self._open(request).context)
        return run.publish(request["message"], in_turn=request.get("in_turn", False))

    def _check(self, what: str, may: Sequence[Role]) -> None:
        from lagoa.publish.remote import check_caller

        if self._caller is not None:
            check_caller(self._caller, what, may)

    def _run_of(self, request: dict[str, Any]) -> PublisherRun:
        if self._run is None or self._branch != request["branch"]:
            if self._run is not None:
                self._run.close()
            lake = self._open(request)
            self._branch = lake.branch(request["branch"]).name
            self._run = lake.context.publisher.accompany(self._branch)
        return self._run

    def _open(self, request: dict[str, Any]) -> Lake:
        from lagoa.bootstrap import open_lake
        from lagoa.settings import load_settings

        if self._lake is None:
            own = {"role": PUBLISHER, "author": request["author"]}
            self._lake = open_lake(load_settings(self._folder, self._profile).model_copy(update=own))
        return self._lake


def _mask(context: LakeContext) -> None:
    """Let the Trino of the lake's own stack mask what the contracts classify, before main has it."""
    from lagoa.stack.policy import PLACE
    from lagoa.stack.servers.trino.rules import FILE, write_rules

    root, trino = context.settings.root, context.settings.state_folder / "stack" / "trino"
    if (trino / FILE).exists() and (root / PLACE).exists():
        write_rules(root, trino, context.contracts)


if __name__ == "__main__":
    main()
    os._exit(0)  # all is put away, and taking the interpreter apart takes as long as a publication
