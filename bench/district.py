"""Time and memory of writing the synthetic district's GIS half: ``python -m bench.district [pilot|full ...]``."""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.lib.result import Goal, row, save
from bench.lib.scratch import make_district

#: Scale: most seconds, most GB.
GOALS = {"pilot": (12.0, 1.0), "full": (900.0, 4.0)}


def measure(scale: str) -> list[dict[str, Any]]:
    """Make one district in a process of its own."""
    with tempfile.TemporaryDirectory() as directory:
        began = time.perf_counter()
        make_district(Path(directory), "--scale", scale, "--only", "gis")
        seconds = time.perf_counter() - began
    gigabytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    most_s, most_gb = GOALS[scale]
    return [
        row(f"{scale} district, GIS files", seconds, "s", goal=Goal(most_s)),
        row(f"{scale} district, peak memory", gigabytes, "GB", goal=Goal(most_gb)),
    ]


def main() -> None:
    save("district", [entry for scale in (sys.argv[1:] or ["pilot"]) for entry in measure(scale)])


if __name__ == "__main__":
    main()
