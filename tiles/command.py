"""``cim tiles``: what of the model is served as tiles; building them in bulk; packs of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast, get_args

import typer
from rich.table import Table
from sqlalchemy import Connection, Engine, func, select

from cim.access import OPEN_CALLER, Caller, Role
from cim.bbox import Bounds, parse_bbox
from cim.commands.progress import shown_progress
from cim.commands.session import messages, print_json, ready_engine, results, start
from cim.crs import from_geographic
from cim.errors import InvalidInput
from cim.settings import Settings
from cim.tables import tile
from layers.catalogue import LayerRow, get_layer, list_layers
from tiles.build import Zooms, build, plan
from tiles.mvt import get_table
from tiles.packs import write_pack
from tiles.signature import sign, verify
from tiles.tile import MAX_ZOOM, Envelope
from tiles.tilejson import WORLD

_LAYERS = typer.Option(None, "--layer", help="A layer, repeatable; all that have tiles otherwise.")
_BBOX = typer.Option(None, help="West,south,east,north in degrees; everywhere otherwise.")
_ZOOMS = typer.Option(None, help="First and last zoom, e.g. 8-16; those of each layer in the catalogue otherwise.")
_AREA = typer.Option(None, help="Tiles for readers of this area code; for those who see all areas otherwise.")
_WORKERS = typer.Option(2, min=1, max=64, help="Processes; a Dask cluster where CIM_DASK_ADDRESS names one.")
_JSON = typer.Option(False, "--json", help="Print as JSON.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    tiles = typer.Typer(no_args_is_help=True)
    tiles.callback(help="Tiles of the city model.")(_group)
    for command in (status, export):
        tiles.command()(command)
    tiles.command("build")(build_tiles)
    tiles.command("verify")(verify_pack)
    app.add_typer(tiles, name="tiles")


def _group() -> None:
    pass


def status(json: bool = _JSON) -> None:
    """List the layers that are served as vector tiles: zooms, objects, version, stored and dirty tiles."""
    with ready_engine(start()) as engine, engine.connect() as connection:
        rows = tile_status(connection)
    if json:
        print_json({"layers": rows})
        return
    table = Table("layer", "title", "zooms", "objects", "version", "updated", "stored", "dirty", "MB")
    for row in rows:
        title = f"{row['title']['zh']} {row['title']['en']}"
        zooms = f"{row['min_zoom']}-{row['max_zoom']}"
        updated = (row["updated_at"] or "never")[:19]
        numbers = (row["objects"], row["version"], updated, row["stored"], row["dirty"], f"{row['bytes'] / 1e6:.1f}")
        table.add_row(row["id"], title, zooms, *map(str, numbers))
    results.print(table)


def tile_status(connection: Connection) -> list[dict[str, Any]]:
    """Return id, titles, zooms, count, version and what is stored of every layer that has vector tiles."""
    kept = {
        row.layer_id: row
        for row in connection.execute(
            select(
                tile.c.layer_id,
                func.count().label("stored"),
                func.count(tile.c.dirty_at).label("dirty"),
                func.coalesce(func.sum(func.octet_length(tile.c.body)), 0).label("bytes"),
            ).group_by(tile.c.layer_id)
        )
    }
    return [
        {
            "id": layer["id"],
            "title": layer["title"],
            "min_zoom": layer["min_zoom"],
            "max_zoom": layer["max_zoom"],
            "objects": layer["count"],
            "version": layer["version"],
            "updated_at": layer["updated_at"],
            "tiles": layer["tiles"],
            **{name: int(getattr(kept.get(layer["id"]), name, 0)) for name in ("stored", "dirty", "bytes")},
        }
        for layer in list_layers(connection, OPEN_CALLER)
        if layer["tiles"]
    ]


def build_tiles(
    layer: list[str] | None = _LAYERS,
    bbox: str | None = _BBOX,
    zooms: str | None = _ZOOMS,
    area: str | None = _AREA,
    workers: int = _WORKERS,
    json: bool = _JSON,
) -> None:
    """Build tiles that are not stored yet, so that nobody waits for them; broken off, it goes on where it ended."""
    settings = start()
    caller = Caller("admin", area)
    with ready_engine(settings) as engine:
        built = _build(engine, settings, layer, caller, _zooms(zooms), _mercator(parse_bbox(bbox)), workers)
    if json:
        print_json({"built": built})
    else:
        messages.print(f"{built} tiles built; what was stored already stayed")


def export(
    file: Path = typer.Argument(..., dir_okay=False, help="The file to write, ending in .pmtiles."),
    layer: list[str] | None = _LAYERS,
    bbox: str | None = _BBOX,
    zooms: str | None = _ZOOMS,
    role: str = typer.Option("viewer", help="Who may read the pack: layers that this role does not see stay out."),
    area: str | None = _AREA,
    workers: int = _WORKERS,
    json: bool = _JSON,
) -> None:
    """Write tiles as a PMTiles file with a signature beside it; tiles that are not stored are built first."""
    if file.suffix.lower() != ".pmtiles":
        raise InvalidInput(f"'{file.name}' does not end in .pmtiles, the only format of packs")
    if not file.parent.is_dir():
        raise InvalidInput(f"there is no folder '{file.parent}' to write '{file.name}' into; make it first")
    settings = start()
    caller = Caller(_role(role), area)
    wanted, bounds = _zooms(zooms), parse_bbox(bbox)
    with ready_engine(settings) as engine:
        _build(engine, settings, layer, caller, wanted, _mercator(bounds), workers)
        with engine.connect() as connection:
            rows = layers_with_tiles(connection, layer, caller)
            count = write_pack(
                connection, file, rows, caller, zooms=wanted, within=_mercator(bounds), bounds=bounds
            )  # fmt: skip
    signature = sign(file, settings.home)
    if json:
        print_json({"file": file.name, "tiles": count, "bytes": file.stat().st_size, "signature": signature.name})
    else:
        messages.print(f"{count} tiles in {file.name}, signed in {signature.name}")


def verify_pack(
    file: Path = typer.Argument(..., exists=True, dir_okay=False, help="A file with its signature beside it."),
    key: str | None = typer.Option(None, help="The public key that you trust, as it is in the signature."),
) -> None:
    """Check that a pack is whole and by whom it was signed."""
    signed_by = verify(file, key)
    messages.print(f"{file.name} is as it was signed by {signed_by}")
    if key is None:
        messages.print("whose key this is only its owner can tell; give the one you trust with --key")


def layers_with_tiles(connection: Connection, names: list[str] | None, caller: Caller) -> list[LayerRow]:
    """Return the rows of layers that have tiles and that a caller may see.

    Raises
    ------
    NotFound
        For a name that is none of them.
    """
    known = names or [layer["id"] for layer in list_layers(connection, caller) if layer["tiles"]]
    rows = [get_layer(connection, name, caller) for name in known]
    for row in rows:
        get_table(row)
    return rows


def _build(
    engine: Engine,
    settings: Settings,
    names: list[str] | None,
    caller: Caller,
    zooms: Zooms | None,
    within: Envelope | None,
    workers: int,
) -> int:
    with engine.begin() as connection:
        jobs = plan(connection, layers_with_tiles(connection, names, caller), zooms, within, caller)
    total, done = sum(len(job.tiles) for job in jobs), 0
    with shown_progress() as progress:
        for count in build(engine, jobs, workers=workers, dask_address=settings.dask_address):
            done += count
            progress("tiles", done, total)
    return done


def _role(told: str) -> Role:
    for role in get_args(Role):
        if role == told:
            return cast("Role", role)
    raise InvalidInput(f"there is no role '{told}'; there are: {', '.join(get_args(Role))}")


def _zooms(told: str | None) -> Zooms | None:
    if told is None:
        return None
    first, _, last = told.partition("-")
    if not (first.isdigit() and (last or first).isdigit() and int(first) <= int(last or first) <= MAX_ZOOM):
        raise InvalidInput(f"--zooms '{told}' is not a zoom or two, e.g. 14 or 8-16, of 0 to {MAX_ZOOM}")
    return Zooms(int(first), int(last or first))


def _mercator(bounds: Bounds | None) -> Envelope | None:
    """Return a box of degrees in EPSG:3857, cut off where the tiles end."""
    if bounds is None:
        return None
    west, south, east, north = bounds
    limit = WORLD[3]
    x, y = from_geographic("EPSG:3857").points([west, east], [max(south, -limit), min(north, limit)])
    return Envelope(float(x[0]), float(y[0]), float(x[1]), float(y[1]))
