"""The main job without Prefect, as one process.

`python -m benchmarks.job FOLDER LAKE [PROFILE]` prints seconds and counts.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks.process import Laps, peak_mib, seconds_alive


def main(folder: str, lake_folder: str, profile: str | None = None) -> None:
    """Load the nine files of a folder into a lake, build, audit, publish."""
    import lagoa

    laps = Laps()
    with lagoa.open_lake(lake_folder, profile) as lake, lake.run("bench") as branch:
        laps.end("open")
        loaded = branch.ingest_folder(Path(folder))
        laps.end("ingest")
        built = branch.transform()
        laps.end("transform")
        publication = branch.publish()
        laps.end("publish")
    result = {
        "seconds": seconds_alive(),
        "phases": laps.seconds,
        "received": sum(r.received for r in loaded),
        "loaded": [str(r.table) for r in loaded if not r.skipped],
        "built": [str(r.table) for r in built if not r.skipped],
        "tables": len(publication.tables),
        "checks": len(publication.report.results),
        "peak_mb": peak_mib(),
    }
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:4])
