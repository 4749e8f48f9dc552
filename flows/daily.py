"""The daily flow: a folder of files in, checked tables on `main`.

Run it by `lagoa run daily folder=data/olist`, by `prefect deployment run`, or by calling `daily(...)`.
"""

from __future__ import annotations

from lagoa.prefect import Publication, flow, lake_run


@flow
def daily(folder: str | None = None, lake: str = ".") -> Publication | None:
    """Load the declared sources and the files of a folder, build silver and gold, audit, publish.

    Args:
        folder: where the files are; each is named by a contract as its source, or ignored (`ingest_ignore`). By
            default the lake's folder `data`, if no sources are declared.
        lake: the lake's folder.
    """
    return lake_run(folder, lake)
