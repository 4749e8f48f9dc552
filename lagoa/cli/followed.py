"""What `lagoa backup create --follow` prints, and how it ends."""

from __future__ import annotations

import signal
import sys
from dataclasses import asdict
from threading import Event
from typing import TYPE_CHECKING

from lagoa.cli.console import emit_json, hint, moment, say, seconds, size
from lagoa.domain.lists import counted

if TYPE_CHECKING:
    from lagoa.backup.follow import Followed
    from lagoa.settings import Settings

_LISTED = 5


def follow_lake(settings: Settings, place: str, every_s: int, *, as_json: bool) -> None:
    """Make backups until SIGTERM or SIGINT, and print each; looks at which nothing was new are not printed."""
    from lagoa.backup.follow import follow

    ended = Event()
    before = {each: signal.signal(each, lambda *_: ended.set()) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        hint(f"A backup in {place} whenever something was written; Ctrl+C ends it.")
        for look in follow(settings, place, every_s=every_s, ended=ended):
            if look.backup or look.error:
                emit_json(_tell(look), indent=None) if as_json else _say(look)
                sys.stdout.flush()
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    hint("Ended.")


def _tell(look: Followed) -> dict[str, object]:
    made = look.backup
    told: dict[str, object] = {"backup": None, "copied": 0, "copied_bytes": 0, "missing": []}
    if made:
        told = {"backup": made.id, "copied": made.copied, "copied_bytes": made.copied_bytes, "missing": made.missing}
    return asdict(look) | told


def _say(look: Followed) -> None:
    if look.backup is None:
        hint(f"{moment(look.at)}  {look.error}")
        hint(f"It is {seconds(look.lag_s)} behind, and tried again in {look.again_s:.0f} s.")
        return
    files = f"{counted(look.backup.copied, 'file')} ({size(look.backup.copied_bytes)})"
    say(f"{moment(look.at)}  {look.backup.id}: {files}; was {seconds(look.lag_s)} behind.")
    for name in look.backup.missing[:_LISTED]:
        hint(f"missing: {name}")
