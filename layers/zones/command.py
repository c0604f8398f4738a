"""``cim zones``: what zones there are, and whether their log is as it was written."""

from __future__ import annotations

import typer
from rich.table import Table

from cim.access import OPEN_CALLER
from cim.commands.session import messages, print_json, ready_engine, results, start
from layers.zones.log import verify
from layers.zones.zones import MOST, Asked, list_zones


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(help="Zones: a list, and the check of their log.", no_args_is_help=True)
    group.command("list")(listing)
    group.command("verify")(check)
    app.add_typer(group, name="zones")


def listing(
    kind: str = typer.Option(None, help="Only of this kind."),
    limit: int = typer.Option(100, min=1, max=MOST, help="Zones listed at most."),
    json: bool = typer.Option(False, "--json", help="Print as JSON."),
) -> None:
    """List zones by id."""
    settings = start()
    with ready_engine(settings) as engine, engine.connect() as connection:
        found = list_zones(connection, Asked(kind=kind, limit=limit), OPEN_CALLER)["features"]
    rows = [{"id": one["id"], **one["properties"]} for one in found]
    if json:
        print_json(rows)
        return
    table = Table("id", "name", "kind", "version", "author", "km2")
    for row in rows:
        size = "" if row["area_m2"] is None else f"{row['area_m2'] / 1e6:.3f}"
        table.add_row(str(row["id"]), row["name"], row["kind"], str(row["version"]), row["author"], size)
    results.print(table)


def check(json: bool = typer.Option(False, "--json", help="Print as JSON.")) -> None:
    """Compute the hashes of the log anew; exit status 1 where an entry is not what was written."""
    settings = start()
    with ready_engine(settings) as engine, engine.connect() as connection:
        found = verify(connection)
    broken = found.broken
    if json:
        print_json({"entries": found.entries, "last_hash": found.last_hash,
                    "broken": None if broken is None else broken._asdict()})  # fmt: skip
    elif broken is None:
        messages.print(f"{found.entries} entries, all as they were written; the last hash is {found.last_hash}")
    else:
        messages.print(f"entry {broken.id} (zone {broken.zone_id}) is broken: {broken.reason}; later ones are in doubt")
    if broken is not None:
        raise typer.Exit(1)
