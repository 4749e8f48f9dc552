"""Refuses what a model must not do in its process: open files, use the network, start processes.

Python raises an event before each of these; this catches mistakes, with the line of the model that made them. It does
not confine hostile code, and packages written in C do not raise these events: `lagoa.model_process.landlock` stops them
where the kernel can.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from importlib.machinery import all_suffixes
from pathlib import Path
from typing import Any

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

_PROCESSES = frozenset(
    {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "pty.spawn"}
)
_CHANGES = frozenset(
    {
        "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod",
        "os.chown", "os.utime", "os.kill", "os.chdir", "resource.setrlimit", "sqlite3.connect",
    }
)  # fmt: skip
_LISTINGS = frozenset({"os.listdir", "os.scandir"})
_SYSTEM = (
    "/usr", "/lib", "/lib64", "/etc/localtime", "/sys", "/proc/self", "/proc/cpuinfo", "/proc/meminfo",
    "/proc/stat", "/dev/null", "/dev/urandom", "/nix/store",
)  # fmt: skip
"""What libraries read: shared libraries, time zones, the numbers of CPUs and bytes that they may use."""


class Refused(PermissionError):
    """The model must not do this. Packages that look for a file that they can do without expect such an error."""


def system_places() -> list[str]:
    """Return the files and folders that Python and its packages may read, wherever they are installed."""
    installed = {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix, *sysconfig.get_paths().values()}
    installed |= set(filter(None, os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)))
    return sorted({os.path.realpath(each) for each in (*installed, *_SYSTEM)} - {"/"})


def module_places() -> list[str]:
    """Return the folders outside of them that modules are imported from, such as packages under development."""
    return [os.path.realpath(each) for each in sys.path if each and Path(each).exists()]


class _Guard:
    """The hook that Python calls before each event."""

    def __init__(self) -> None:
        self._system, self._modules = tuple(system_places()), tuple(module_places())
        self._suffixes = tuple(all_suffixes())

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if event == "open":
            self._check_open(args[0], args[2] or 0)
        elif event in _LISTINGS:
            self._check_listing(args[0] or ".")
        elif event.startswith("socket."):
            raise Refused("it uses the network")
        elif event in _PROCESSES:
            raise Refused("it starts a process")
        elif event in _CHANGES:
            raise Refused(f"it calls {event}")

    def _check_open(self, path: Any, flags: int) -> None:
        if isinstance(path, int):  # it is open already
            return
        name = os.fsdecode(path)
        if flags & _WRITES and name != os.devnull:
            raise Refused(f"it writes the file {name!r}")
        full = os.path.realpath(name)
        module = full.endswith(self._suffixes) and _within(full, self._modules)
        if not (module or _within(full, self._system)):
            raise Refused(f"it opens the file {name!r}")

    def _check_listing(self, path: Any) -> None:
        if not isinstance(path, int) and not _within(os.path.realpath(path), self._system + self._modules):
            raise Refused(f"it lists the folder {os.fsdecode(path)!r}")


def install() -> None:
    """Refuse these things from now on, in this process."""
    sys.addaudithook(_Guard())


def _within(path: str | bytes, places: tuple[str, ...]) -> bool:
    name = os.fsdecode(path)
    return any(name == place or name.startswith(place + os.sep) for place in places)
