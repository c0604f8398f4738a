"""``cim import --diff``: what files would change in the city, object by object."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine

from cim.commands.outcome import exit_status
from cim.commands.progress import shown_progress
from cim.commands.session import messages, print_json, results
from cim.importing import ImportContext, Importer, Progress, import_paths
from cim.reports import ImportReport
from cim.versions import Difference, differences

#: So many objects are listed a file; all of them with --json.
LISTED = 200
_SIGNS = {"added": "+", "changed": "~", "removed": "-"}
_LONG_VALUE = 60


def show_differences(engine: Engine, paths: Sequence[Path], context: ImportContext, json: bool) -> int:
    """Print the differences of each file and return the exit status."""
    with shown_progress() as progress:
        found = find_differences(engine, paths, context, progress)
    if json:
        print_json([_as_dict(report, changes) for report, changes in found])
    else:
        for report, changes in found:
            _print(report, changes)
    return exit_status([report for report, _ in found])


def find_differences(
    engine: Engine,
    paths: Sequence[Path],
    context: ImportContext,
    progress: Progress,
    known: Sequence[Importer] | None = None,
) -> list[tuple[ImportReport, list[Difference]]]:
    """Import files without keeping anything; return the report and the differences of each."""
    found: list[tuple[ImportReport, list[Difference]]] = []
    current: list[Difference] = []

    def inspect(connection: Connection) -> None:
        # A second attempt replaces what a first one saw.
        current[:] = differences(connection)

    looking = replace(context, options=replace(context.options, dry_run=True), inspect=inspect, progress=progress)
    for report in import_paths(engine, paths, looking, known):
        found.append((report, current[:]))
        current.clear()
    return found


def _as_dict(report: ImportReport, changes: list[Difference]) -> dict[str, Any]:
    return {
        "file": report.file,
        "dataset": report.dataset,
        "status": report.status,
        "error": report.error,
        "differences": [one.as_dict() for one in changes],
    }


def _print(report: ImportReport, changes: list[Difference]) -> None:
    counts = Counter(one.kind for one in changes)
    said = ", ".join(f"{counts[kind]} {kind}" for kind in _SIGNS if counts[kind]) or "no difference"
    messages.print(f"{report.file}: {report.error or said}", markup=False)
    for one in changes[:LISTED]:
        name = f" {one.name!r}" if one.name else ""
        results.print(f"{_SIGNS[one.kind]} {one.layer} {one.key}{name}{_fields(one)}", markup=False)
    if len(changes) > LISTED:
        results.print(f"and {len(changes) - LISTED} more; --json lists all", markup=False)


def _fields(one: Difference) -> str:
    return "".join(f"\n    {path}: {_short(old)} -> {_short(new)}" for path, (old, new) in one.fields.items())


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONG_VALUE else f"{text[:_LONG_VALUE]}..."
