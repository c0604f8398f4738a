"""TileJSON 3.0 of one layer or of several together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, func, select

from cim.access import Caller
from layers.catalogue import LayerRow
from tiles.fields import field_titles
from tiles.mvt import check_layer_ids, get_table, get_tile_layer
from tiles.overview import SUMMED, policy_of

WORLD = (-180.0, -85.051129, 180.0, 85.051129)

Bounds = tuple[float, float, float, float]


def tilejson(connection: Connection, layer_ids: Sequence[str], base_url: str, caller: Caller) -> dict[str, Any]:
    """Return the TileJSON document of one or more layers.

    Parameters
    ----------
    base_url
        Scheme and authority of the service without a slash at the end; empty for addresses relative to the root.

    Raises
    ------
    InvalidInput, NotFound
        As for the tiles themselves.
    """
    rows = [get_tile_layer(connection, layer_id, caller) for layer_id in check_layer_ids(layer_ids)]
    bounds = joined_bounds([layer_bounds(connection, row) for row in rows])
    west, south, east, north = bounds
    lowest, highest = zoom_range(rows)
    ids = ",".join(row.id for row in rows)
    return {
        "tilejson": "3.0.0",
        "name": ids,
        "description": "; ".join(f"{row.title_zh} / {row.title_en}" for row in rows),
        "version": f"1.{max(row.version for row in rows)}.0",
        "scheme": "xyz",
        "tiles": [f"{base_url}/tiles/{ids}/{{z}}/{{x}}/{{y}}.mvt"],
        "minzoom": lowest,
        "maxzoom": highest,
        "bounds": list(bounds),
        "center": [(west + east) / 2, (south + north) / 2, min(max(lowest, 14), highest)],
        "vector_layers": [vector_layer(row) for row in rows],
    }


def vector_layer(row: LayerRow) -> dict[str, Any]:
    """Return what TileJSON says of one layer."""
    return {
        "id": row.id,
        "description": f"{row.title_zh} / {row.title_en}",
        "minzoom": row.min_zoom,
        "maxzoom": row.max_zoom,
        "fields": field_titles(get_table(row), row.fields) | _summed_titles(row),
    }


def _summed_titles(row: LayerRow) -> dict[str, str]:
    """Return what the tiles of small scales carry beside, where they hold sums instead of objects."""
    policy = policy_of(row.overview)
    if policy is None or policy.kind not in SUMMED:
        return {}
    named = {name: row.fields.get(name, {}).get("title", {"zh": name, "en": name}) for name in policy.sums}
    sums = {name: f"number: {title['zh']} / {title['en']}" for name, title in named.items()}
    return sums | {"count": "integer: 对象数 / Number of objects"}


def zoom_range(rows: Sequence[LayerRow]) -> tuple[int, int]:
    """Return the least and the greatest zoom at which a client should ask for tiles."""
    return min(row.min_zoom for row in rows), max(row.max_zoom for row in rows)


def layer_bounds(connection: Connection, row: LayerRow) -> Bounds | None:
    """Return west, south, east, north (degrees) of a layer's objects, or None where it has none."""
    table = get_table(row)
    box = select(func.ST_Extent(table.c.geom).label("box")).where(table.c.layer_id == row.id).subquery()
    sides = [getattr(func, f"ST_{side}")(box.c.box) for side in ("XMin", "YMin", "XMax", "YMax")]
    west, south, east, north = connection.execute(select(*sides)).one()
    return None if west is None else (west, south, east, north)


def joined_bounds(boxes: Sequence[Bounds | None]) -> Bounds:
    """Return the bounds around all boxes; the whole world where there is none."""
    known = [box for box in boxes if box is not None]
    if not known:
        return WORLD
    wests, souths, easts, norths = zip(*known, strict=True)
    return min(wests), max(min(souths), WORLD[1]), max(easts), min(max(norths), WORLD[3])
