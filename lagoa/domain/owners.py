"""Names of what a process makes for itself on a server that others share: they tell whether it still works on it."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import secrets
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

_ABANDONED = timedelta(days=1)
_OWNER = re.compile(r"(?P<host>[0-9a-f]{8})-(?P<pid>[0-9]{1,10})-(?P<made>[0-9]{1,12})-[0-9a-f]+")

_held: set[str] = set()
"""Names of this process that it works on."""


def own_name() -> str:
    """Return a new name, which says this machine, this process and the time; it is worked on until `let_go`."""
    name = f"{_host()}-{os.getpid()}-{int(time.time())}-{secrets.token_hex(6)}"
    _held.add(name)
    return name


def let_go(name: str) -> None:
    """Work on a name no more: should what it names be there still, it may be removed."""
    _held.discard(name)


def is_abandoned(name: str, now: datetime) -> bool:
    """Return whether nobody works on a name: its process is gone, or let go of it, or a day has passed."""
    owner = _OWNER.fullmatch(name)
    if owner is None:
        return False
    if now - datetime.fromtimestamp(int(owner["made"]), UTC) > _ABANDONED:
        return True
    if owner["host"] != _host():
        return False
    pid = int(owner["pid"])
    return name not in _held if pid == os.getpid() else not is_running(pid)


def is_running(pid: int) -> bool:
    """Return whether this machine has a process of this number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _host() -> str:
    """Return what tells this machine from others, and one container on it from the next: they count from 1 each."""
    try:
        processes = str(Path("/proc/self/ns/pid").readlink())
    except OSError:  # not Linux
        processes = ""
    return hashlib.sha256(f"{platform.node()} {processes}".encode()).hexdigest()[:8]
