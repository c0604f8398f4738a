"""``cim query``: the objects that a filter finds, on the command line."""

from __future__ import annotations

import csv
import sys
from typing import Any

import orjson
import typer
from rich.table import Table as Shown
from sqlalchemy import Connection, select

from cim.access import Caller
from cim.commands.session import messages, print_json, ready_engine, results, start
from cim.errors import InvalidInput, NotFound
from cim.model_names import is_called
from cim.tables import dataset, model
from layers.catalogue import LayerRow, get_layer
from layers.queries.cql import condition
from layers.queries.visible import field_value, table_of

#: Without --json or --csv a terminal shows no more.
SHOWN = 50


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("query")(query)


def query(
    filter: str = typer.Argument(..., help="CQL2 text: IfcWall and psets.Pset_WallCommon.IsExternal = true"),
    model_name: str = typer.Option(None, "--model", help="Only of this model: its id, name, file or dataset."),
    layer: str = typer.Option("elements", "--layer", help="Which layer is asked."),
    limit: int = typer.Option(None, "--limit", min=1, help="No more than this many."),
    json: bool = typer.Option(False, "--json", help="Print as JSON."),
    as_csv: bool = typer.Option(False, "--csv", help="Print as CSV."),
) -> None:
    """Find objects by class and property; a class finds its kinds as well (IfcWall: IfcWallStandardCase too)."""
    if json and as_csv:
        raise InvalidInput("--json and --csv exclude each other; give one")
    settings = start()
    with ready_engine(settings) as engine, engine.connect() as connection:
        row = get_layer(connection, layer, Caller("admin"))
        rows = find(connection, row, filter, model_name, limit)
    if json:
        print_json(rows)
    elif as_csv:
        _print_csv(rows, row)
    else:
        _print_table(rows)


def find(
    connection: Connection, layer: LayerRow, text: str, model_name: str | None, limit: int | None
) -> list[dict[str, Any]]:
    """Return id and fields of the objects that a filter finds, by id.

    Raises
    ------
    InvalidInput, NotFound
    """
    table = table_of(layer.table_name)
    values = {name: value for name in layer.fields if (value := field_value(table, name)) is not None}
    statement = (
        select(table.c.id, *(value.label(name) for name, value in values.items()))
        .where(table.c.layer_id == layer.id, condition(layer, text))
        .order_by(table.c.id)
        .limit(limit)
    )
    if model_name is not None:
        if "model_id" not in table.c:
            raise InvalidInput(f"the objects of '{layer.id}' belong to no model; leave out --model")
        statement = statement.where(table.c.model_id.in_(model_ids(connection, model_name)))
    return [dict(row) for row in connection.execute(statement).mappings()]


def model_ids(connection: Connection, name: str) -> list[int]:
    """Return the ids of the models that are called by this id, name, dataset or file (raises NotFound)."""
    found = list(
        connection.execute(
            select(model.c.id).outerjoin(dataset, dataset.c.id == model.c.dataset_id).where(is_called(name))
        ).scalars()
    )
    if not found:
        known = connection.execute(select(dataset.c.name).join(model, model.c.dataset_id == dataset.c.id)).scalars()
        raise NotFound(f"there is no model '{name}'; there are: {', '.join(sorted(known)[:20]) or 'none at all'}")
    return found


def _print_csv(rows: list[dict[str, Any]], layer: LayerRow) -> None:
    writer = csv.DictWriter(sys.stdout, ["id", *layer.fields], extrasaction="ignore")
    writer.writeheader()
    writer.writerows(
        {name: orjson.dumps(value).decode() if isinstance(value, dict | list) else value for name, value in row.items()}
        for row in rows
    )


def _print_table(rows: list[dict[str, Any]]) -> None:
    names = [name for name in ("id", "ifc_class", "name", "type_name", "global_id") if rows and name in rows[0]]
    if rows:
        shown = Shown(*names)
        for row in rows[:SHOWN]:
            shown.add_row(*(str(row[name]) if row[name] is not None else "" for name in names))
        results.print(shown)
    more = f"; the first {SHOWN} are shown, --json or --csv print all" if len(rows) > SHOWN else ""
    messages.print(f"{len(rows)} found{more}")
