"""``cim status``: the deployment at a glance."""

from __future__ import annotations

import typer
from rich.table import Table
from sqlalchemy import func, select

from cim import jobs, schema
from cim.commands.session import print_json, ready_engine, results, start
from cim.counts import layer_counts
from cim.tables import dataset, quarantine


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("status")(status)


def status(json: bool = typer.Option(False, "--json", help="Print as JSON.")) -> None:
    """Show the database's revision, the number of objects, datasets, quarantined rows and queued jobs."""
    settings = start()
    with ready_engine(settings) as engine, engine.connect() as connection:
        body = {
            "database": "external" if settings.database_url else "private",
            "revision": schema.current_revision(connection),
            "objects": sum(layer_counts(connection).values()),
            "datasets": connection.execute(select(func.count()).select_from(dataset)).scalar_one(),
            "quarantined": connection.execute(select(func.count()).select_from(quarantine)).scalar_one(),
            "jobs": jobs.counts(connection),
        }
    if json:
        print_json(body)
        return
    table = Table(show_header=False)
    for name, value in body.items():
        shown = ", ".join(f"{n} {state}" for state, n in value.items()) if isinstance(value, dict) else str(value)
        table.add_row(name, shown or "none")
    results.print(table)
