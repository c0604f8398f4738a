"""``cim quarantine``: what was rejected, where in the file, why; out to mend it, and back in."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import typer
from rich.table import Table
from sqlalchemy import Engine, Select, func, select

from cim.commands.importing import line_of, table_of
from cim.commands.outcome import exit_status
from cim.commands.progress import shown_progress
from cim.commands.session import messages, print_json, ready_engine, results, start
from cim.errors import CimError
from cim.importing import ImportContext, ImportOptions
from cim.tables import dataset as dataset_table
from cim.tables import quarantine as table_
from cim.tables import repair

_commands = typer.Typer(invoke_without_command=True, help="Rejected rows and waiting models: list, export, mend.")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.add_typer(_commands, name="quarantine")


@_commands.callback()
def quarantine(
    context: typer.Context,
    dataset: str | None = typer.Option(None, help="Only of this dataset."),
    export: Path | None = typer.Option(
        None, dir_okay=False, help="Write the open rows to a .geojson or .csv file, to be edited and mended."
    ),
    all_: bool = typer.Option(False, "--all", help="Rows that were mended, too."),
    limit: int = typer.Option(200, min=1, help="At most so many rows on the terminal; JSON has all."),
    json: bool = typer.Option(False, "--json", help="Print all rows as JSON."),
) -> None:
    """List rejected rows and waiting models with the reason, or write them to a file."""
    if context.invoked_subcommand:
        return
    settings = start()
    with ready_engine(settings) as engine:
        if export is not None:
            with engine.connect() as connection:
                count = _load("export")(connection, dataset, export)
            messages.print(f"{count} rows written; edit the file and say 'cim quarantine mend {export.name}'")
            return
        _list(engine, dataset, all_, limit, json)


def _list(engine: Engine, dataset: str | None, all_: bool, limit: int, json: bool) -> None:
    statement: Select[Any] = select(table_).order_by(table_.c.id)
    if dataset:
        statement = statement.where(table_.c.dataset_name == dataset)
    if not all_:
        statement = statement.where(~table_.c.is_resolved)
    with engine.connect() as connection:
        total = connection.execute(select(func.count()).select_from(statement.order_by(None).subquery())).scalar_one()
        rows = connection.execute(statement if json else statement.limit(limit)).mappings().all()
    if json:
        print_json([dict(row) for row in rows])
        return
    table = Table("id", "dataset", "layer", "where", "reason", "detail", "state")
    for row in rows:
        state = "mended" if row["is_resolved"] else "waits"
        place = (row["layer_name"] or "", row["place"], row["reason"], row["detail"], state)
        table.add_row(str(row["id"]), row["dataset_name"], *place)
    results.print(table)
    if total > len(rows):
        results.print(f"{len(rows)} of {total}; --limit or --json shows more")


@_commands.command("mend")
def mend(
    file: Path = typer.Argument(..., exists=True, dir_okay=False, help="A file of --export, edited."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Check everything, keep nothing."),
    json: bool = typer.Option(False, "--json", help="Print the reports as JSON."),
) -> None:
    """Take mended rows into their datasets; what is still bad waits on.

    Exit status as of 'cim import': 0 when all changed rows are in, 3 when some wait on, 1 when the file is refused.
    """
    settings = start()
    with ready_engine(settings) as engine, shown_progress() as progress:
        try:
            reports = _load("mend")(engine, file, ImportContext(ImportOptions(dry_run=dry_run), settings, progress))
        except CimError as error:
            messages.print(f"refused: {error.detail}", markup=False)
            raise typer.Exit(1) from None
    for report in reports:
        messages.print(line_of(report), markup=False)
    if json:
        print_json([report.as_dict() for report in reports])
    elif reports:
        results.print(table_of(reports))
    raise typer.Exit(exit_status(reports))


@_commands.command("repairs")
def repairs(
    dataset: str | None = typer.Option(None, help="Only of this dataset."),
    limit: int = typer.Option(200, min=1, help="At most so many rows on the terminal; JSON has all."),
    json: bool = typer.Option(False, "--json", help="Print all rows as JSON."),
) -> None:
    """List rows that were repaired to be taken: which, where in the file, and what was done."""
    settings = start()
    statement = (
        select(
            dataset_table.c.name.label("dataset"),
            repair.c.layer_id,
            repair.c.layer_name,
            repair.c.place,
            repair.c.source_key,
            repair.c.kind,
        )
        .join(dataset_table)
        .order_by(repair.c.id)
    )
    if dataset:
        statement = statement.where(dataset_table.c.name == dataset)
    with ready_engine(settings) as engine, engine.connect() as connection:
        rows = connection.execute(statement if json else statement.limit(limit)).mappings().all()
    if json:
        print_json([dict(row) for row in rows])
        return
    table = Table("dataset", "layer", "where", "key", "repair")
    for row in rows:
        table.add_row(row["dataset"], row["layer_id"], row["place"], row["source_key"], row["kind"])
    results.print(table)


def _load(name: str) -> Any:
    [found] = entry_points(group="cim.quarantine", name=name)
    return found.load()
