"""Every command: its name, its module and its group in the help, in the order of the help."""

from __future__ import annotations

_LAKE, _DATA, _LOOK = "A lake and its contracts", "Bringing data to main", "Looking at it"
_REFS, _STACK = "Branches and tags", "The stack"

PACKAGE = "lagoa.cli.commands"

COMMANDS = {
    "init": (".init", _LAKE),
    "contract": (".contract", _LAKE),
    "test": (".test", _LAKE),
    "ingest": (".ingest", _DATA),
    "transform": (".transform", _DATA),
    "backfill": (".backfill", _DATA),
    "audit": (".audit", _DATA),
    "publish": (".publish", _DATA),
    "rollback": (".rollback", _DATA),
    "restore": (".restore", _DATA),
    "run": (".run", _DATA),
    "status": (".status", _LOOK),
    "tables": (".tables", _LOOK),
    "show": (".show", _LOOK),
    "sql": (".sql", _LOOK),
    "log": (".log", _LOOK),
    "diff": (".diff", _LOOK),
    "quarantine": (".quarantine", _LOOK),
    "doctor": (".doctor", _LAKE),
    "branch": (".branch", _REFS),
    "tag": (".tag", _REFS),
    "stack": (".stack", _STACK),
}
"""The module (with a dot: of `PACKAGE`) has a function of the command's name, or a `typer.Typer` with its verbs."""
