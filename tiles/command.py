"""``cim tiles``: what of the model is served as tiles."""

from __future__ import annotations

from typing import Any

import typer
from rich.table import Table
from sqlalchemy import Connection

from cim.access import OPEN_CALLER
from cim.commands.session import print_json, ready_engine, results, start
from layers.catalogue import list_layers


def register(app: typer.Typer) -> None:
    """Add the commands."""
    tiles = typer.Typer(no_args_is_help=True)
    tiles.callback(help="Tiles of the city model.")(_group)
    tiles.command("status")(status)
    app.add_typer(tiles, name="tiles")


def _group() -> None:
    pass


def status(json: bool = typer.Option(False, "--json", help="Print as JSON.")) -> None:
    """List the layers that are served as vector tiles: zooms, objects and version."""
    with ready_engine(start()) as engine, engine.connect() as connection:
        rows = tile_status(connection)
    if json:
        print_json({"layers": rows})
        return
    table = Table("layer", "title", "zooms", "objects", "version", "updated")
    for row in rows:
        title = f"{row['title']['zh']} {row['title']['en']}"
        zooms = f"{row['min_zoom']}-{row['max_zoom']}"
        updated = (row["updated_at"] or "never")[:19]
        table.add_row(row["id"], title, zooms, str(row["objects"]), str(row["version"]), updated)
    results.print(table)


def tile_status(connection: Connection) -> list[dict[str, Any]]:
    """Return id, titles, zooms, count and version of every layer that has vector tiles."""
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
        }
        for layer in list_layers(connection, OPEN_CALLER)
        if layer["tiles"]
    ]
