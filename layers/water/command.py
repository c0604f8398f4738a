"""``cim rivers``: catchments from the terrain."""

from __future__ import annotations

import typer
from rich.table import Table

from cim.commands.session import print_json, ready_engine, results, start
from layers.water.catchments import make_catchments


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Rivers and their catchments.", no_args_is_help=True)
    group.callback()(_rivers)
    group.command("catchments")(catchments)
    app.add_typer(group, name="rivers")


def _rivers() -> None:
    """Rivers and their catchments."""


def catchments(
    terrain: str | None = typer.Option(None, "--terrain", help="Name of the height raster; else the finest one."),
    json: bool = typer.Option(False, "--json", help="Print as JSON."),
) -> None:
    """Make the catchment of every river from the terrain."""
    settings = start()
    with ready_engine(settings) as engine, engine.begin() as connection:
        made = make_catchments(connection, settings.files, terrain)._asdict()
    if json:
        print_json(made)
        return
    table = Table(show_header=False)
    for name, value in made.items():
        table.add_row(name, str(value))
    results.print(table)
