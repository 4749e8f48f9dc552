"""Every command: its name, its module and its group in the help, in the order of the help."""

from __future__ import annotations

DAILY, LOOK, CARE = "Daily path", "Look", "Care"
REFS, TABLES, CONTRACTS, QUARANTINE = "Branches, tags, sandboxes and holds", "Tables", "Contracts", "Quarantine"
SOURCES, FLOWS, FEATURES, MODELS, STACK = "Sources", "Flows", "Features", "Trained models", "The stack"

PACKAGE = "lagoa.cli.commands"

COMMANDS = {
    "init": (".init", DAILY),
    "status": (".status", DAILY),
    "plan": (".plan", DAILY),
    "run": (".run", DAILY),
    "ingest": (".ingest", DAILY),
    "transform": (".transform", DAILY),
    "backfill": (".backfill", DAILY),
    "test": (".test", DAILY),
    "check": (".check", DAILY),
    "audit": (".audit", DAILY),
    "review": (".review", DAILY),
    "approve": (".approve", DAILY),
    "publish": (".publish", DAILY),
    "rebase": (".rebase", DAILY),
    "rollback": (".rollback", DAILY),
    "revert": (".revert", DAILY),
    "log": (".log", LOOK),
    "diff": (".diff", LOOK),
    "tables": (".tables", LOOK),
    "show": (".show", LOOK),
    "sql": (".sql", LOOK),
    "lineage": (".lineage", LOOK),
    "report": (".report", LOOK),
    "connect": (".connect", CARE),
    "doctor": (".doctor", CARE),
    "maintain": (".maintain", CARE),
    "backup": (".backup", CARE),
    "lake": (".lake", CARE),
    "branch": (".branch", REFS),
    "tag": (".tag", REFS),
    "sandbox": (".sandbox", REFS),
    "hold": (".hold", REFS),
    "table": (".table", TABLES),
    "contract": (".contract", CONTRACTS),
    "quarantine": (".quarantine", QUARANTINE),
    "source": (".source", SOURCES),
    "flow": (".flow", FLOWS),
    "feature": (".feature", FEATURES),
    "serve": (".serve", FEATURES),
    "ml": (".ml", MODELS),
    "stack": (".stack", STACK),
}
"""The module (with a dot: of `PACKAGE`) has a function of the command's name, or a `typer.Typer` with its verbs."""
