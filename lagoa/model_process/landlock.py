"""Has the Linux kernel refuse files, TCP connections and programs to this process, whatever code wants them.

Landlock needs no rights and cannot be undone. It is part of Linux since 5.13, for TCP since 6.7, for signals
since 6.12.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # system calls, the same on all architectures
_VERSION, _PATH_BENEATH, _NO_NEW_PRIVILEGES, _PARENT_DEATH_SIGNAL = 1, 1, 38, 1
_READ = 1 << 2 | 1 << 3  # files, folders
_FILE_RIGHTS = {1: 1 << 13, 2: 1 << 14, 3: 1 << 15, 5: 1 << 16}
"""By the version of Landlock from which on it is valid, the first number beyond its rights for files."""
_TCP, _TCP_SINCE = 1 << 0 | 1 << 1, 4  # bind, connect
_OTHERS, _OTHERS_SINCE = 1 << 0 | 1 << 1, 6  # abstract Unix sockets of other processes, signals to them


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("others", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


def supported() -> int:
    """Return the version of Landlock that this kernel has; less than 1 if it has none, or it is off."""
    if sys.platform != "linux":
        return 0
    return int(ctypes.CDLL(None).syscall(_CREATE, None, ctypes.c_size_t(0), _VERSION))


def end_with_parent() -> None:
    """Have the kernel end this process when the thread that started it ends, however that happens."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)


def restrict(readable: Iterable[str]) -> bool:
    """Let this thread, and those it starts, only read what is in some folders, with no TCP, no programs and no signals.

    Files that are open stay open. Returns whether the kernel does it: if not, nothing has changed.
    """
    version = supported()
    if version < 1:
        return False
    libc = ctypes.CDLL(None)
    rights = max(limit for since, limit in _FILE_RIGHTS.items() if since <= version) - 1
    wanted = _Ruleset(rights, _TCP if version >= _TCP_SINCE else 0, _OTHERS if version >= _OTHERS_SINCE else 0)
    known = 1 + (version >= _TCP_SINCE) + (version >= _OTHERS_SINCE)
    size = ctypes.c_size_t(known * ctypes.sizeof(ctypes.c_uint64))
    rules = libc.syscall(_CREATE, ctypes.byref(wanted), size, 0)
    if rules < 0:
        return False
    for place in readable:
        _allow(libc, rules, place)
    done = bool(libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0 and libc.syscall(_RESTRICT, rules, 0) == 0)
    os.close(rules)
    return done


def _allow(libc: ctypes.CDLL, rules: int, place: str) -> None:
    try:
        opened = os.open(place, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # not on this machine
        return
    allowed = _READ if os.path.isdir(place) else 1 << 2  # noqa: PTH112 - a folder's right on a file is an error
    rule = _PathBeneath(allowed, opened)
    libc.syscall(_ADD, rules, _PATH_BENEATH, ctypes.byref(rule), 0)
    os.close(opened)
