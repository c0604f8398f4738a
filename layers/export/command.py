"""``cim export``: a layer of the model as a file."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import typer

from cim.access import Caller
from cim.bbox import parse_bbox
from cim.commands.progress import shown_progress
from cim.commands.session import messages, print_json, ready_engine, start
from cim.errors import InvalidInput
from layers.catalogue import get_layer
from layers.export.export import Systems, export_layer
from layers.export.formats import format_of
from layers.export.selection import Wanted


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("export")(export)


def export(
    layer: str = typer.Argument(..., help="Id of a layer; 'cim layers' lists them."),
    file: Path = typer.Argument(
        ..., help="Its ending says the format: .gpkg .geojson .geojsonl .fgb .parquet .city.json .city.jsonl"
    ),
    bbox: str = typer.Option(None, help="Only what touches west,south,east,north (degrees)."),
    asof: str = typer.Option(None, help="As it was recorded at this time, e.g. 2026-01-31T08:00:00+08:00."),
    by_dataset: bool = typer.Option(False, "--by-dataset", help="A file for each dataset, its name in the file's."),
    crs: str = typer.Option(None, help="Projected CRS of CityJSON; CIM_METRIC_CRS without."),
    overwrite: bool = typer.Option(False, "--overwrite", help="Replace a file that is there."),
    json: bool = typer.Option(False, "--json", help="Print what was written as JSON."),
) -> None:
    """Write a layer to a file that 'cim import' takes back with the same keys, fields and attributes."""
    settings = start()
    format_of(file)
    wanted = Wanted(parse_bbox(bbox), _moment(asof) if asof else None)
    systems = Systems(settings.vertical_crs, crs or settings.metric_crs)
    with (
        ready_engine(settings) as engine,
        shown_progress() as progress,
        engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection,
        connection.begin(),
    ):
        written = export_layer(
            connection,
            get_layer(connection, layer, Caller("admin")),
            file,
            wanted,
            systems,
            by_dataset=by_dataset,
            overwrite=overwrite,
            progress=progress,
        )
    if json:
        print_json([part.__dict__ for part in written])
    for part in () if json else written:
        messages.print(f"{part.file}: {part.rows} rows from {', '.join(part.datasets) or 'no dataset'}", markup=False)
    if len(written) == 1 and len(written[0].datasets) > 1 and not json:
        messages.print("keys that several datasets have begin with the dataset's name; --by-dataset keeps them apart")


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"--asof is '{text}'; a time like 2026-01-31T08:00:00+08:00 is right") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
