"""A flow of a lake before it runs, and what Prefect logs of errors."""

from __future__ import annotations

import logging

import pytest

from lagoa.errors import SourceError, TerminalError
from lagoa.prefect import flow
from lagoa.prefect.logs import shorten_errors


@flow
def load(files: int, lake: str = ".") -> str:
    return f"{files} {lake}"


def test_a_parameter_of_the_wrong_type_is_named_in_one_line():
    assert load.validate_parameters({"files": "3"})["files"] == 3
    with pytest.raises(TerminalError, match=r"^Parameters of the flow 'load': files: Input should be a valid integer"):
        load.validate_parameters({"files": "many"})


def test_options_of_prefects_flow_can_be_given():
    assert flow(retries=2, name="other")(load.fn).retries == 2
    assert load.flow_run_name().startswith("run/load/")
    assert flow(retries=2, name="other")(load.fn).flow_run_name().startswith("run/other/")


def test_an_error_of_lagoa_is_logged_once_and_in_one_line(monkeypatch):
    shorten_errors()
    said = []
    logger, handler = logging.getLogger("prefect.flow_runs"), logging.Handler()
    handler.emit = lambda record: said.append((record.getMessage(), record.exc_info))
    monkeypatch.setattr(logger, "handlers", [handler])  # Prefect's are for runs alone
    monkeypatch.setattr(logger, "propagate", False)
    for error in (SourceError("a.csv", "It is empty."), KeyError("x")):
        for _ in range(2):
            logger.error("Encountered exception during execution: %r", error, exc_info=error)
    logger.error("Finished in state Failed('Flow run encountered an exception: …')")
    logger.error("Finished in state Completed()")
    messages = [message for message, _ in said]
    assert messages[0].startswith("SourceError: a.csv")
    assert [message.partition(":")[0] for message in messages[1:3]] == ["Encountered exception during execution"] * 2
    assert messages[3:] == ["Finished in state Failed", "Finished in state Completed()"]
    assert [information is None for _, information in said] == [True, False, False, True, True]
