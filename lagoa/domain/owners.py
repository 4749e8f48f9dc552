"""Names of temporary branches that a process creates on a shared server: they show whether it still uses them."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import secrets
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_ABANDONED = timedelta(days=1)
_OWNER = re.compile(r"(?P<host>[0-9a-f]{8})-(?P<pid>[0-9]{1,10})-(?P<made>[0-9]{1,12})-[0-9a-f]+")

_held: set[str] = set()
"""Names that this process uses now."""


def own_name() -> str:
    """Return a new name with this machine, this process and the time in it; it is in use until `release_name`."""
    name = f"{_host()}-{os.getpid()}-{int(time.time())}-{secrets.token_hex(6)}"
    _held.add(name)
    return name


def release_name(name: str) -> None:
    """Stop using a name: if its branch still exists, anybody may remove it."""
    _held.discard(name)


@contextmanager
def owned_name() -> Iterator[str]:
    """Yield a name as `own_name` returns it, which is in use until the end of the block."""
    name = own_name()
    try:
        yield name
    finally:
        release_name(name)


def is_abandoned(name: str, now: datetime) -> bool:
    """Return whether nobody uses a name any more: its process ended or released it, or a day has passed."""
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
    """Return whether a process with this id runs on this machine."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _host() -> str:
    """Return an id of this machine, and of the container on it: process ids start from 1 in each container."""
    try:
        processes = str(Path("/proc/self/ns/pid").readlink())
    except OSError:  # not Linux
        processes = ""
    return hashlib.sha256(f"{platform.node()} {processes}".encode()).hexdigest()[:8]
