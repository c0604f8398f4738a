"""Time and memory of writing the synthetic district's GIS half: ``python bench/district.py [pilot|full ...]``."""

from __future__ import annotations

import json
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
#: Scale: most seconds, most GB.
GOALS = {"pilot": (12.0, 1.0), "full": (900.0, 4.0)}


def measure(scale: str) -> list[dict[str, Any]]:
    """Make one district in a process of its own."""
    with tempfile.TemporaryDirectory() as directory:
        code = "import sys; from cim.cli import main; sys.exit(main())"
        arguments = ["district", "make", directory, "--scale", scale, "--only", "gis", "--json"]
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True, cwd=ROOT)
        seconds = time.perf_counter() - began
    gigabytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    rows = []
    for work, value, unit, goal in (
        (f"{scale} district, GIS files", seconds, "s", GOALS[scale][0]),
        (f"{scale} district, peak memory", gigabytes, "GB", GOALS[scale][1]),
    ):
        row = {"work": work, "ours": round(value, 2), "unit": unit, "goal": goal, "met": value <= goal}
        rows.append({**row, "peer": None, "peer_value": None, "ratio": None})
    return rows


def main() -> None:
    """Print the figures and write ``bench/results/district.json``."""
    rows = [row for scale in (sys.argv[1:] or ["pilot"]) for row in measure(scale)]
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=ROOT, check=False
    ).stdout.strip()
    result = {"name": "district", "commit": commit, "machine": platform.platform(), "rows": rows}
    path = ROOT / "bench" / "results" / "district.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for row in rows:
        print(f"{row['work']:<34} {row['ours']:>9} {row['unit']:<3} goal {row['goal']:g}  met: {row['met']}")


if __name__ == "__main__":
    main()
