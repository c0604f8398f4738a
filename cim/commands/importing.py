"""``cim import``: files into the city, a report each."""

from __future__ import annotations

from pathlib import Path

import typer
from rich.table import Table

from cim import jobs
from cim.batch import import_batch
from cim.commands.differences import show_differences
from cim.commands.history import history
from cim.commands.outcome import exit_status
from cim.commands.progress import shown_progress
from cim.commands.session import messages, print_json, ready_engine, results, start
from cim.importing import ImportContext, ImportOptions
from cim.reports import ImportReport


def register(app: typer.Typer) -> None:
    """Add the commands: imports, and what they changed over time."""
    app.command("import")(import_)
    app.command("history")(history)


def import_(
    paths: list[Path] = typer.Argument(..., help="Files or folders; archives are unpacked."),
    layer: str | None = typer.Option(None, help="The layer that the rows belong to; guessed where it is not given."),
    crs: str | None = typer.Option(None, help="The CRS of files that do not say theirs, e.g. EPSG:4547."),
    dataset: str | None = typer.Option(None, help="The dataset's name; the file's name where it is not given."),
    place: Path | None = typer.Option(
        None, exists=True, dir_okay=False, help="CSV with file, crs, easting, northing, height, rotation of models."
    ),
    mapping: Path | None = typer.Option(None, exists=True, dir_okay=False, help="A TOML that maps columns."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Read and check everything, keep nothing."),
    workers: int = typer.Option(2, min=1, max=64, help="Processes that import models side by side, or compute one."),
    diff: bool = typer.Option(False, "--diff", help="Show what the files would add, change and remove; keep nothing."),
    background: bool = typer.Option(False, "--background", help="Queue the files for 'cim worker' instead."),
    json: bool = typer.Option(False, "--json", help="Print the reports as JSON."),
) -> None:
    """Import IFC, GeoPackage, Shapefile, GeoJSON, FlatGeobuf, OSM PBF, CSV and rasters; each file whole or not at all.

    Exit status 0: all is in. 1: a file was refused or could not be read. 3: all else is in, but models or rows wait
    in the quarantine ('cim quarantine').
    """
    settings = start()
    options = ImportOptions(layer, crs, dataset, place, mapping, dry_run or diff, workers)
    with ready_engine(settings) as engine:
        if background:
            count = jobs.defer_imports(engine.url.render_as_string(hide_password=False), paths, options)
            messages.print(f"{count} files queued; 'cim worker' imports them")
            return
        if diff:
            raise typer.Exit(show_differences(engine, paths, ImportContext(options, settings), json))
        reports = []
        with shown_progress() as progress:
            for report in import_batch(engine, paths, ImportContext(options, settings, progress)):
                reports.append(report)
                messages.print(line_of(report), markup=False)
    if json:
        print_json([report.as_dict() for report in reports])
    elif reports:
        results.print(table_of(reports))
    raise typer.Exit(exit_status(reports))


def line_of(report: ImportReport) -> str:
    """Return one plain line about a file."""
    if report.error:
        return f"{report.status}: {report.file}: {report.error}"
    rows = sum(counts.read for counts in report.layers.values())
    extra = f", {report.quarantined} in the quarantine" if report.quarantined else ""
    notes = "".join(f"\n    note: {note.message}" for note in report.notes[:6])
    more = f"\n    and {len(report.notes) - 6} more notes" if len(report.notes) > 6 else ""
    return f"{report.status}: {report.file}: {rows} rows in {report.seconds:.1f} s{extra}{notes}{more}"


def table_of(reports: list[ImportReport]) -> Table:
    """Return the counts by file and layer."""
    table = Table("file", "layer", "read", "added", "changed", "unchanged", "removed", "quarantined", "status")
    for report in reports:
        if not report.layers:
            table.add_row(report.file, "", "", "", "", "", "", str(report.quarantined or ""), report.status)
        for layer_id, c in sorted(report.layers.items()):
            numbers = (c.read, c.added, c.changed, c.unchanged, c.removed, c.quarantined)
            table.add_row(report.file, layer_id, *map(str, numbers), report.status)
    return table
