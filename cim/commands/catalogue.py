"""``cim layers`` and ``cim datasets``: what is on the map, what is said of it, and where it came from."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import typer
from rich.table import Table
from sqlalchemy import select

from cim import layer_edit
from cim.commands.session import messages, print_json, ready_engine, results, start
from cim.counts import layer_counts
from cim.errors import CimError
from cim.layer_origin import Origin, describe, origins
from cim.tables import dataset, layer, theme

_commands = typer.Typer(invoke_without_command=True, help="The catalogue: list, add and change layers.")


def register(app: typer.Typer) -> None:
    """Add both commands."""
    app.add_typer(_commands, name="layers")
    app.command("datasets")(datasets)


@_commands.callback()
def layers(context: typer.Context, json: bool = typer.Option(False, "--json", help="Print as JSON.")) -> None:
    """List the layers with what the catalogue says of them."""
    if context.invoked_subcommand:
        return
    settings = start()
    with ready_engine(settings) as engine, engine.connect() as connection:
        counts, known = layer_counts(connection), origins(connection)
        rows = connection.execute(
            select(layer, theme.c.title_zh.label("theme_zh"), theme.c.title_en.label("theme_en"))
            .join(theme)
            .order_by(layer.c.theme_id, layer.c.position, layer.c.id)
        ).all()
    found = [_entry(row, counts.get(row.id, 0), known.get(row.id, Origin())) for row in rows]
    if json:
        print_json(found)
        return
    table = Table(
        "layer", "theme", "title", "objects", "zoom", "CRS", "accuracy", "owner", "licence", "date", "seen by"
    )
    for entry in found:
        accuracy = "ballpark" if entry["is_ballpark"] else f"{entry['accuracy_m']} m" if entry["accuracy_m"] else ""
        zoom = f"{entry['min_zoom']}-{entry['max_zoom']}"
        said = (entry["owner"], entry["licence"], entry["date"], entry["visibility"])
        table.add_row(
            entry["id"], entry["theme"], f"{entry['title_zh']} {entry['title_en']}", str(entry["count"]), zoom,
            ", ".join(entry["crs"]), accuracy, *(value or "" for value in said),
        )  # fmt: skip
    results.print(table)


def _entry(row: Any, count: int, origin: Origin) -> dict[str, Any]:
    return {
        "id": row.id,
        "theme": row.theme_id,
        "theme_title": {"zh": row.theme_zh, "en": row.theme_en},
        "title_zh": row.title_zh,
        "title_en": row.title_en,
        "geometry_type": row.geometry_type,
        "count": count,
        "version": row.version,
        "updated_at": row.updated_at,
        "min_zoom": row.min_zoom,
        "max_zoom": row.max_zoom,
        "fields": row.fields,
        **describe(row, origin),
    }


_THEME = typer.Option(None, help="The theme's id.")
_THEME_TITLE = typer.Option(None, help="Titles of a new theme, 'zh/en'.")
_ZH = typer.Option(None, help="The title in Chinese.")
_EN = typer.Option(None, help="The title in English.")
_OWNER = typer.Option(None, help="Who owns the data.")
_LICENCE = typer.Option(None, help="The licence: its name or address.")
_SOURCE = typer.Option(None, help="Where the data come from.")
_DATE = typer.Option(None, formats=["%Y-%m-%d"], help="The day that the data are of.")
_CRS = typer.Option(None, help="The system that the data were delivered in.")
_ACCURACY = typer.Option(None, help="The accuracy of positions in metres.")
_ZOOM = typer.Option(None, help="Zoom levels, such as 10-16.")
_COLOR = typer.Option(None, help="The colour, such as #5b8ff9.")
_VISIBILITY = typer.Option(None, help="The least role that may see it.")
_FIELD = typer.Option(None, help="A field that may be shown: name:type[:zh[:en]]; may be given several times.")


@_commands.command("add")
def add(
    layer_id: str = typer.Argument(..., help="The new layer's id: small letters, digits and _."),
    geometry: str = typer.Option("mixed", help="polygon, line, point, mixed or none."),
    theme: str | None = _THEME,
    theme_title: str | None = _THEME_TITLE,
    title_zh: str | None = _ZH,
    title_en: str | None = _EN,
    owner: str | None = _OWNER,
    licence: str | None = _LICENCE,
    source: str | None = _SOURCE,
    date: datetime | None = _DATE,
    crs: str | None = _CRS,
    accuracy_m: float | None = _ACCURACY,
    zoom: str | None = _ZOOM,
    color: str | None = _COLOR,
    visibility: str | None = _VISIBILITY,
    field: list[str] | None = _FIELD,
) -> None:
    """Add a layer; 'cim import FILE --layer ID' fills it."""
    said = layer_edit.Said(theme, theme_title, title_zh, title_en, owner, licence, source, date and date.date(), crs,
                           accuracy_m, zoom, color, visibility, tuple(field or ()))  # fmt: skip
    _write(layer_id, said, geometry)


@_commands.command("set")
def set_(
    layer_id: str = typer.Argument(..., help="The layer's id."),
    theme: str | None = _THEME,
    theme_title: str | None = _THEME_TITLE,
    title_zh: str | None = _ZH,
    title_en: str | None = _EN,
    owner: str | None = _OWNER,
    licence: str | None = _LICENCE,
    source: str | None = _SOURCE,
    date: datetime | None = _DATE,
    crs: str | None = _CRS,
    accuracy_m: float | None = _ACCURACY,
    zoom: str | None = _ZOOM,
    color: str | None = _COLOR,
    visibility: str | None = _VISIBILITY,
    field: list[str] | None = _FIELD,
) -> None:
    """Change what the catalogue says of a layer."""
    said = layer_edit.Said(theme, theme_title, title_zh, title_en, owner, licence, source, date and date.date(), crs,
                           accuracy_m, zoom, color, visibility, tuple(field or ()))  # fmt: skip
    _write(layer_id, said, None)


def _write(layer_id: str, said: layer_edit.Said, geometry: str | None) -> None:
    settings = start()
    try:
        with ready_engine(settings) as engine, engine.begin() as connection:
            if geometry is None:
                layer_edit.change_layer(connection, layer_id, said)
            else:
                layer_edit.add_layer(connection, layer_id, geometry, said)
    except CimError as error:
        messages.print(error.detail, markup=False)
        raise typer.Exit(1) from None
    messages.print(f"the layer '{layer_id}' is {'changed' if geometry is None else 'added'}", markup=False)


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
