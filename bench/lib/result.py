"""What a benchmark found: rows of one form, written as JSON and shown as a table."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "bench" / "results"
TERMINAL_WIDTH = 180


class Goal(NamedTuple):
    """The most (with ``is_least``: the least) that a figure may be: ours, or with ``of_peer`` ours by the peer's."""

    bound: float
    of_peer: bool = False
    is_least: bool = False


def row(
    work: str,
    ours: float,
    unit: str,
    *,
    peer: str | None = None,
    peer_value: float | None = None,
    goal: Goal | None = None,
) -> dict[str, Any]:
    """Return one row.

    Parameters
    ----------
    peer, peer_value
        Who else did the same work in the same run, and its figure in the same unit; ``ratio`` is ours by the peer's.
    goal
        ``met`` is None without one, and where it is of a peer that was not there.
    """
    ratio = ours / peer_value if peer_value else None
    figure = ratio if goal is not None and goal.of_peer else ours
    met = None
    if goal is not None and figure is not None:
        met = bool(figure >= goal.bound if goal.is_least else figure <= goal.bound)
    return {
        "work": work,
        "ours": _short(ours),
        "unit": unit,
        "peer": peer,
        "peer_value": _short(peer_value),
        "ratio": _short(ratio),
        "goal": goal.bound if goal is not None else None,
        "met": met,
    }


def _short(value: float | None) -> float | None:
    """Return four significant digits: no measurement here has more."""
    return None if value is None else float(f"{float(value):.4g}")


def save(name: str, rows: Sequence[dict[str, Any]]) -> None:
    """Write ``bench/results/NAME.json`` and print the rows."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=ROOT, check=False
    ).stdout.strip()
    machine = f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}"
    report = {"name": name, "commit": commit, "machine": machine, "rows": list(rows)}
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{name}.json").write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    table = Table("work", "ours", "unit", "peer", "peer's", "ratio", "goal", "met")
    for entry in rows:
        table.add_row(*("" if value is None else str(value) for value in entry.values()))
    Console(width=None if sys.stdout.isatty() else TERMINAL_WIDTH).print(table)
