"""``cim layers``, ``cim datasets`` and ``cim history``: what is on the map, where it came from and what it was."""

from __future__ import annotations

import typer
from rich.table import Table
from sqlalchemy import select

from cim.commands import history
from cim.commands.session import print_json, ready_engine, results, start
from cim.counts import layer_counts
from cim.tables import dataset, layer


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("layers")(layers)
    app.command("datasets")(datasets)
    app.command("history")(history.history)


def layers(json: bool = typer.Option(False, "--json", help="Print as JSON.")) -> None:
    """List the layers with their counts and versions."""
    settings = start()
    with ready_engine(settings) as engine, engine.connect() as connection:
        counts = layer_counts(connection)
        rows = connection.execute(select(layer).order_by(layer.c.theme_id, layer.c.position, layer.c.id)).all()
    if json:
        print_json(
            [
                {
                    "id": row.id,
                    "theme": row.theme_id,
                    "title_zh": row.title_zh,
                    "title_en": row.title_en,
                    "geometry_type": row.geometry_type,
                    "count": counts.get(row.id, 0),
                    "version": row.version,
                    "updated_at": row.updated_at,
                    "visibility": row.visibility,
                }
                for row in rows
            ]
        )
        return
    table = Table("layer", "theme", "title", "objects", "version", "seen by")
    for row in rows:
        table.add_row(
            row.id,
            row.theme_id,
            f"{row.title_zh} {row.title_en}",
            str(counts.get(row.id, 0)),
            str(row.version),
            row.visibility,
        )
    results.print(table)


def datasets(json: bool = typer.Option(False, "--json", help="Print as JSON.")) -> None:
    """List the datasets: file, CRS, accuracy, date, what was read and what was left out."""
    settings = start()
    with ready_engine(settings) as engine, engine.connect() as connection:
        rows = connection.execute(select(dataset).order_by(dataset.c.id)).mappings().all()
    if json:
        print_json(
            [{key: value.hex() if isinstance(value, bytes) else value for key, value in row.items()} for row in rows]
        )
        return
    table = Table("dataset", "format", "CRS", "accuracy", "rows", "quarantined", "recorded")
    for row in rows:
        accuracy = (
            "ballpark" if row["is_ballpark"] else f"{row['accuracy_m']} m" if row["accuracy_m"] is not None else ""
        )
        read = sum(counts["read"] for counts in row["report"].get("layers", {}).values())
        table.add_row(
            row["name"],
            row["format"],
            row["crs"] or "",
            accuracy,
            str(read),
            str(row["report"].get("quarantined", 0)),
            f"{row['recorded_at']:%Y-%m-%d %H:%M}",
        )
    results.print(table)
