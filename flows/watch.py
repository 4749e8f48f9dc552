"""The flow that looks after champions: whether new rows are like those they learned from, and what came true.

Run it by `lagoa run watch`, or by calling `watch()`.
"""

from __future__ import annotations

from prefect import get_run_logger

import lagoa
from lagoa.prefect import flow


@flow
def watch(days: int = 90, lake: str = ".") -> str:
    """Look at the champion of each model; where anything was found, propose a candidate on a branch of its own.

    Args:
        days: how many of the latest days count.
        lake: the lake's folder.

    Returns:
        What was found and proposed, a line each.
    """
    log, lines = get_run_logger(), []
    with lagoa.open_lake(lake) as opened:
        for standing in opened.trained_models():
            if standing.champion is None:
                continue
            found = opened.watch_model(f"{standing.model}@champion", days=days)
            log.info("%s: %d new rows, %d with outcome", standing.model, found.rows, found.outcomes)
            lines += [f"{standing.model} {found.run.version}: {each}" for each in found.findings]
            if found.findings:
                proposal = opened.propose_model(standing.model, days=days)
                lines.append(f"{standing.model} {proposal.run.version} is proposed, on the branch {proposal.branch}")
    for line in lines:
        log.warning("%s", line)
    return "\n".join(lines) or "Nothing speaks for training again."
