"""The flow that scores the orders on their way, by the champion of a model.

Run it by `lagoa run score`, or by calling `score()`.
"""

from __future__ import annotations

from lagoa.prefect import Publication, audit, flow, publish, run_branch


@flow
def score(
    model: str = "late_delivery", table: str = "gold.order_risk", days: int = 90, lake: str = "."
) -> Publication | None:
    """Score the orders of the last days on a branch, audit, publish.

    Args:
        model: the model whose champion scores.
        table: where to; its rows are replaced.
        days: how far the approval of an order may be behind the latest one.
        lake: the lake's folder.
    """
    with run_branch(lake) as (_, branch):
        scores = branch.score(table, f"{model}@champion", days=days)
        audit(branch)
        return publish(branch, f"{scores.rows} orders scored by {model} {scores.run.version}")
