"""`lagoa doctor`: whether the lake is healthy, and the repair of its catalog."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from lagoa.cli.console import emit_json, hint, say
from lagoa.cli.errors import EXIT_ERROR
from lagoa.cli.options import PROFILE, JsonOption, lake_folder
from lagoa.cli.progress import working

if TYPE_CHECKING:
    from lagoa.review.doctor import Repair


def doctor(
    ctx: typer.Context,
    repair: Annotated[
        bool, typer.Option("--repair", help="Replace a damaged catalog by a new one with everything that is intact.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Check the lake: every commit, every receipt, the files of every table.

    Nothing else may use the lake during a repair. The damaged files are kept.
    """
    from lagoa.bootstrap import examine_lake, moved_from, repair_lake
    from lagoa.review.doctor import REPAIR
    from lagoa.settings import load_settings

    lake = load_settings(lake_folder(ctx), ctx.meta.get(PROFILE))
    done = None
    with working("checking the lake"):
        findings = examine_lake(lake)
        if repair and any(finding.part == "catalog" or finding.advice == REPAIR for finding in findings):
            done = repair_lake(lake)
            findings = examine_lake(lake)
        home = moved_from(lake)
    if as_json:
        found = {"findings": [asdict(each) for each in findings], "repair": asdict(done) if done else None}
        emit_json({**found, "moved_from": home})
    else:
        if done:
            _say_repaired(done)
        if home:
            say(f"The lake was moved or copied: its metadata names files in {home}.")
            hint(f"They are read and written in {lake.warehouse_location}; nothing needs to be done.")
        for finding in findings:
            say(f"{finding.part}: {finding.message}")
            hint(finding.advice)
        if not findings:
            say("The lake is healthy.")
    if findings:
        raise typer.Exit(EXIT_ERROR)


def _say_repaired(done: Repair) -> None:
    say(f"A new catalog with {done.commits} commits replaced the damaged one, which is in {done.damaged}.")
    for loss in done.lost:
        say(f"lost: {loss}")
    if not done.lost:
        say("Nothing was lost.")
