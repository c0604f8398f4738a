"""``cim zones``: what zones there are, and whether their log is as it was written."""

from __future__ import annotations

from pathlib import Path

import orjson
import shapely
import typer
from rich.table import Table

from cim.access import OPEN_CALLER
from cim.commands.session import messages, print_json, ready_engine, results, start
from layers.zones.log import verify
from layers.zones.replay import replay
from layers.zones.zones import MOST, Asked, list_zones


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    words = "Zones: a list, the check of their log, and decisions made again from it."
    group = typer.Typer(help=words, no_args_is_help=True)
    group.command("list")(listing)
    group.command("verify")(check)
    group.command("replay")(again)
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


def again(
    zone_id: int = typer.Argument(..., metavar="ID", help="A zone that a decision made."),
    entry: int = typer.Option(None, help="The entry of the log; the newest decision on the zone without it."),
    out: Path = typer.Option(None, help="Write the geometry that was made anew as GeoJSON."),
    json: bool = typer.Option(False, "--json", help="Print as JSON."),
) -> None:
    """Make a decision again on the model as it was recorded then; exit status 1 where a byte differs."""
    settings = start()
    with ready_engine(settings) as engine, engine.connect() as connection:
        found = replay(connection, zone_id, entry)
    if out is not None:
        features = [
            {"type": "Feature", "properties": {"kind": kind}, "geometry": orjson.loads(shapely.to_geojson(shape))}
            for kind, shape in found.geometry.items()
        ]
        out.write_bytes(orjson.dumps({"type": "FeatureCollection", "features": features}))
    if json:
        print_json({"entry": found.entry_id, "holds": found.holds, "same": found.same, "stored": found.stored,
                    "geos": found.geos})  # fmt: skip
    else:
        for kind, same in found.same.items():
            stored = {True: ", as it is stored", False: ", but not as it is stored", None: ""}[found.stored[kind]]
            messages.print(f"{kind}: {'the same bytes' if same else 'NOT the same'}{stored}")
        if found.geos[0] != found.geos[1]:
            messages.print(f"made with GEOS {found.geos[0]}, now with {found.geos[1]}")
    if not found.holds:
        raise typer.Exit(1)
