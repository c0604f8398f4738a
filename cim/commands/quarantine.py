"""``cim quarantine``: what was rejected, where in the file, and why."""

from __future__ import annotations

import typer
from rich.table import Table
from sqlalchemy import func, select

from cim.commands.session import print_json, ready_engine, results, start
from cim.tables import quarantine as table_


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("quarantine")(quarantine)


def quarantine(
    dataset: str | None = typer.Option(None, help="Only of this dataset."),
    limit: int = typer.Option(200, min=1, help="At most so many rows on the terminal; JSON has all."),
    json: bool = typer.Option(False, "--json", help="Print all rows as JSON."),
) -> None:
    """List rejected rows and waiting models with the reason."""
    settings = start()
    statement = select(table_).order_by(table_.c.id)
    count = select(func.count()).select_from(table_)
    if dataset:
        statement, count = (
            statement.where(table_.c.dataset_name == dataset),
            count.where(table_.c.dataset_name == dataset),
        )
    with ready_engine(settings) as engine, engine.connect() as connection:
        total = connection.execute(count).scalar_one()
        rows = connection.execute(statement if json else statement.limit(limit)).mappings().all()
    if json:
        print_json([dict(row) for row in rows])
        return
    table = Table("dataset", "layer", "where", "reason", "detail")
    for row in rows:
        table.add_row(row["dataset_name"], row["layer_name"] or "", row["place"], row["reason"], row["detail"])
    results.print(table)
    if total > len(rows):
        results.print(f"{len(rows)} of {total}; --limit or --json shows more")
