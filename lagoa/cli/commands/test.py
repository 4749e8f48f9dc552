"""`lagoa test`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lagoa.cli.completion import complete_model
from lagoa.cli.console import emit_json, emit_table, hint, number, one_line, relative, say, seconds
from lagoa.cli.errors import EXIT_ERROR
from lagoa.cli.layout import Painted
from lagoa.cli.options import JsonOption, open_here
from lagoa.cli.progress import working
from lagoa.domain.lists import counted

if TYPE_CHECKING:
    from lagoa.sql_models.testing import ModelTestReport, ModelTestResult

_LINES = 20


def test(
    ctx: typer.Context,
    models: Annotated[
        list[str] | None,
        typer.Argument(metavar="MODEL", help="Tables or layers.", autocompletion=complete_model),
    ] = None,
    require_tests: Annotated[
        bool, typer.Option("--require-tests", help="Fail, too, when one of the models has no test.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Run the unit tests of the models, on the rows that the tests give: no data is read, nothing is written."""
    with open_here(ctx) as lake, working("testing models"):
        report = lake.test_models(models)
    if as_json:
        emit_json(_tell(report))
    else:
        _show(report)
    if report.failed or (require_tests and report.untested):
        raise typer.Exit(EXIT_ERROR)


def _show(report: ModelTestReport) -> None:
    if report.results:
        emit_table(
            ("model", "test", "outcome"),
            (
                (str(r.test.table), r.test.name, Painted(_outcome(r), "green" if r.passed else "red"))
                for r in report.results
            ),
        )
    for result in report.failed:
        say("")
        say(f"{result.test.table}: {result.test.name}")
        say(f"  {relative(result.test.file)}:{result.test.line}")
        for line in result.lines[:_LINES]:
            say(f"  {one_line(line)}")
        if len(result.lines) > _LINES:
            say(f"  and {number(len(result.lines) - _LINES)} more")
    if report.failed:
        say("")
    models = len({result.test.table for result in report.results})
    took = sum(result.seconds for result in report.results)
    failed = f"{number(len(report.failed))} failed" if report.failed else "all passed"
    if report.results:
        say(f"{counted(len(report.results), 'test')} of {counted(models, 'model')}: {failed}, in {seconds(took)}.")
    if report.untested:
        hint(f"Without a test: {', '.join(map(str, report.untested))}.")
    if not (report.results or report.untested):
        hint("There are no models: transformations/<layer>/<table>.sql holds one SELECT each, <table>.py one function.")


def _outcome(result: ModelTestResult) -> str:
    return "passed" if result.passed else "failed"


def _tell(report: ModelTestReport) -> dict[str, Any]:
    return {
        "passed": not report.failed,
        "tests": [_tell_result(result) for result in report.results],
        "untested": [str(table) for table in report.untested],
    }


def _tell_result(result: ModelTestResult) -> dict[str, Any]:
    difference = result.difference
    return {
        "model": str(result.test.table),
        "test": result.test.name,
        "file": str(relative(result.test.file)),
        "line": result.test.line,
        "outcome": _outcome(result),
        "seconds": result.seconds,
        "broken": list(result.broken),
        "missing": list(difference.missing),
        "unexpected": list(difference.unexpected),
        "changed": [
            {
                "key": row.key,
                "cells": {name: {"expected": want, "found": found} for name, (want, found) in row.cells.items()},
            }
            for row in difference.changed
        ],
    }
