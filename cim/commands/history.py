"""``cim history``: the versions of a dataset, and its objects as they were at a time."""

from __future__ import annotations

from datetime import UTC, datetime

import typer
from rich.table import Table

from cim.commands.session import print_json, ready_engine, results, start
from cim.errors import InvalidInput, NotFound
from cim.provenance import find_dataset
from cim.versions import objects_as_of, table_of, versions_of


def history(
    dataset: str = typer.Argument(..., help="The dataset's name, as 'cim datasets' lists it."),
    layer: str = typer.Option("elements", help="The layer whose objects are looked at."),
    at: str | None = typer.Option(None, help="A time (RFC 3339): list the objects as the city knew them then."),
    json: bool = typer.Option(False, "--json", help="Print as JSON, with all fields."),
) -> None:
    """List when a dataset's objects changed, or the objects as they were at a time."""
    settings = start()
    moment = parse_time(at) if at else None
    with ready_engine(settings) as engine, engine.connect() as connection:
        if find_dataset(connection, dataset) is None:
            raise NotFound(f"there is no dataset '{dataset}'; 'cim datasets' lists them")
        table = table_of(connection, layer)
        if table is None:
            raise NotFound(f"there is no layer of objects '{layer}'; 'cim layers' lists them")
        statement = objects_as_of(table, layer, dataset, moment) if moment else versions_of(table, layer, dataset)
        rows = [dict(row) for row in connection.execute(statement).mappings()]
    if json:
        print_json(rows)
        return
    columns = ("id", "source_key", "recorded_from") if moment else ("at", "began", "ended")
    shown = Table(*columns, *(["name"] if moment else []))
    for row in rows:
        name = [row["record"].get("name") or ""] if moment else []
        shown.add_row(*(str(row[column]) for column in columns), *name)
    results.print(shown)


def parse_time(text: str) -> datetime:
    """Return a time; one without an offset is UTC.

    Raises
    ------
    InvalidInput
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"'{text}' is no time; write it like 2026-03-01T12:00:00+08:00") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
