"""``cim export``: a layer of the model as a file."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import typer

from cim.access import Caller
from cim.bbox import parse_bbox
from cim.cli import build
from cim.commands.progress import shown_progress
from cim.commands.session import messages, print_json, ready_engine, start
from cim.errors import InvalidInput
from layers.catalogue import get_layer
from layers.export.destination import destination, require_free
from layers.export.export import Exported, Systems, export_layer
from layers.export.formats import format_of
from layers.export.selection import Wanted

PACK_SUFFIX = ".pmtiles"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("export")(export)


def export(
    layer: str = typer.Argument(..., help="Id of a layer; 'cim layers' lists them."),
    file: Path = typer.Argument(
        ..., help="Its ending says the format: .gpkg .geojson .geojsonl .fgb .parquet .city.json .city.jsonl .pmtiles"
    ),
    bbox: str = typer.Option(None, help="Only what touches west,south,east,north (degrees)."),
    asof: str = typer.Option(None, help="As it was recorded at this time, e.g. 2026-01-31T08:00:00+08:00."),
    by_dataset: bool = typer.Option(False, "--by-dataset", help="A file for each dataset, its name in the file's."),
    crs: str = typer.Option(None, help="Projected CRS of CityJSON; CIM_METRIC_CRS without."),
    overwrite: bool = typer.Option(False, "--overwrite", help="Replace a file that is there."),
    json: bool = typer.Option(False, "--json", help="Print what was written as JSON."),
) -> None:
    """Write a layer to a file that 'cim import' takes back with the same keys, fields and attributes.

    A .pmtiles is a pack of the layer's vector tiles, signed as 'cim tiles export' signs it.
    """
    if file.suffix.lower() == PACK_SUFFIX:
        if asof or by_dataset or crs:
            raise InvalidInput("a pack of tiles shows the layer as it is: leave out --asof, --by-dataset and --crs")
        require_free(file, overwrite=overwrite)
        export_pack(layer, file, bbox, json=json)
        return
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
    else:
        tell(written)


def tell(written: list[Exported]) -> None:
    """Say what was written."""
    for part in written:
        messages.print(f"{part.file}: {part.rows} rows from {', '.join(part.datasets) or 'no dataset'}", markup=False)
    if len(written) == 1 and len(written[0].datasets) > 1:
        messages.print("keys that several datasets have begin with the dataset's name; --by-dataset keeps them apart")


def export_pack(layer: str, file: Path, bbox: str | None, *, json: bool) -> None:
    """Have 'cim tiles export' write the tiles of one layer, all that an administrator sees.

    The command is found as any other: this package knows nothing of tiles.
    """
    words = ["tiles", "export", "--layer", layer, "--role", "admin"]
    words += [f"--bbox={bbox}"] if bbox else []
    words += ["--json"] if json else []
    with destination(file.parent) as folder:
        build("tiles")([*words, "--", str(folder / file.name)], prog_name="cim", standalone_mode=False)


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"--asof is '{text}'; a time like 2026-01-31T08:00:00+08:00 is right") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
