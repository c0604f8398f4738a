"""All that lies in a zone: counts, sums, groups and a first list of every layer, by theme, with a receipt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

import orjson
import shapely
from sqlalchemy import Connection, Row

from cim.access import Caller
from cim.crs import area_m2
from cim.errors import NotFound
from layers.queries.core import core_of
from layers.queries.coverage import count_range, covered_shares
from layers.queries.hits import groupings, statement_for
from layers.queries.membership import DIVIDE_ABOVE, Manner
from layers.queries.note import Note, note
from layers.queries.prepared import plan_for_all_values, run
from layers.queries.ranges import summed_range
from layers.queries.receipt import make_receipt
from layers.queries.small_counts import PERSONAL, sees_all, small_counts_note
from layers.queries.visible import VisibleLayer, visible_layers
from layers.queries.zone import ZoneRequest, shape_digest

NOTES = (
    note("membership", "an object counts when it intersects the zone; touching is enough", "touching"),
    note("clipped", "lengths and areas are of the part inside the zone, geodesic, in metres"),
    note("units", "units count with their building"),
)
#: Zones up to this number of vertices are repeated in the receipt; of larger ones it holds the hash only.
REPEAT_VERTICES = 1000


def take_inventory(
    connection: Connection, request: ZoneRequest, caller: Caller, asof: datetime | None = None
) -> dict[str, Any]:
    """Return everything inside a zone that the caller may see; counts are never capped.

    Parameters
    ----------
    asof
        What was recorded at this moment; now where it is None.

    Raises
    ------
    NotFound
        A layer that was asked for does not exist or may not be seen.
    """
    layers = _asked(connection, request, caller)
    found = _find(connection, request, layers, caller, asof)
    counts = {layer_id: int(row._mapping["count"]) for layer_id, row in found.items()}
    datasets = {number for row in found.values() for number in row.datasets or () if number is not None}
    units = _units_inside(connection, request, layers, found, caller, asof)
    shares = covered_shares(connection, layers, request.geometry)
    themes = [
        {
            "id": theme_id,
            "title": group[0].theme_title,
            "layers": [_layer_as_json(entry, found.get(entry.id), request, units, shares) for entry in group],
        }
        for theme_id, group in ((key, list(rows)) for key, rows in groupby(layers, key=lambda e: e.theme_id))
    ]
    return {
        "area_m2": round(area_m2(request.geometry), 1),
        "themes": themes,
        "total": sum(counts.values()),
        "receipt": make_receipt(
            connection, layers, counts, datasets, _parameters(request, caller, asof), _notes(caller, asof, shares)
        ),
    }


def _asked(connection: Connection, request: ZoneRequest, caller: Caller) -> list[VisibleLayer]:
    layers = visible_layers(connection, caller, request.layers)
    missing = set(request.layers or ()) - {entry.id for entry in layers}
    if missing:
        raise NotFound(
            f"there is no layer '{min(missing)}' to take stock of; /api/layers lists those that you may see",
            "no_such_layer", layer=min(missing),
        )  # fmt: skip
    return layers


def _notes(caller: Caller, asof: datetime | None, shares: Mapping[str, float]) -> list[Note]:
    notes = list(NOTES)
    if shares:
        said = ", ".join(f"{name} {share:.0%}" for name, share in sorted(shares.items()))
        message = f"the data of these layers reaches a part of the zone only: {said}"
        notes.append(note("partial", message, shares={name: round(share, 4) for name, share in shares.items()}))
    if not sees_all(caller):
        notes.append(small_counts_note())
    if asof is not None:
        at = asof.isoformat()
        notes.append(note("asof", f"as recorded on {at}; layer versions are those of now", at=at))
    return notes


def _find(
    connection: Connection,
    request: ZoneRequest,
    layers: Sequence[VisibleLayer],
    caller: Caller,
    asof: datetime | None,
) -> dict[str, Row[Any]]:
    kinds = groupings(layers)
    if not kinds:
        return {}
    is_divided = bool(shapely.get_num_coordinates(request.geometry) > DIVIDE_ABOVE)
    prepared = statement_for(
        kinds, Manner(is_divided, caller.area_code is not None, asof is not None, not sees_all(caller))
    )
    core = None if is_divided else core_of(request.geometry)
    parameters: dict[str, Any] = {
        "zone": shapely.to_wkb(request.geometry),
        "core": None if core is None else shapely.to_wkb(core),
        "list_limit": request.list_limit,
    }
    if caller.area_code is not None:
        parameters["area"] = caller.area_code
    if asof is not None:
        parameters["asof"] = asof
    plan_for_all_values(connection)
    return {row.layer_id: row for row in run(connection, prepared, parameters)}


def _units_inside(
    connection: Connection,
    request: ZoneRequest,
    layers: Sequence[VisibleLayer],
    found: Mapping[str, Row[Any]],
    caller: Caller,
    asof: datetime | None,
) -> int | None:
    """Return the number of units in the buildings inside, or None where units may not be seen or no building is."""
    if "buildings" not in found:
        return None
    if any(entry.id == "units" for entry in layers):
        return int(found["units"]._mapping["count"]) if "units" in found else 0
    alone = visible_layers(connection, caller, ["units"])
    if not alone:
        return None
    row = _find(connection, request._replace(list_limit=0), alone, caller, asof).get("units")
    return int(row._mapping["count"]) if row else 0


def _layer_as_json(
    entry: VisibleLayer, row: Row[Any] | None, request: ZoneRequest, units: int | None, shares: Mapping[str, float]
) -> dict[str, Any]:
    count = int(row._mapping["count"]) if row else 0
    said = dict(row.sums) if row else {}
    ranges = _ranges(entry, count, said)
    if entry.id in shares:
        ranges["count"] = count_range(count, shares[entry.id])
    sums = {name: round(float(value), 2) for name, value in said.items()}
    if entry.id == "buildings" and units is not None:
        sums["units"] = units
    items = _column(row, "items") or []
    return {
        "id": entry.id,
        "title": entry.title,
        "count": count,
        "sums": sums,
        **({"ranges": ranges} if ranges else {}),
        "groups": {"field": entry.legend_field, "values": (_column(row, "groups") or [])}
        if entry.legend_field
        else None,
        "items": items,
        "more": _more(entry, request) if count > len(items) else None,
    }


def _ranges(entry: VisibleLayer, count: int, said: dict[str, Any]) -> dict[str, Any]:
    """Take the numbers of those that say something out of the sums; returns the ranges of sums that rest on a part."""
    found = {}
    for name in PERSONAL.get(entry.table.name, ()):
        known, most = int(said.pop(f"known_{name}", None) or 0), said.pop(f"most_{name}", None)
        if known < count:
            found[name] = summed_range(said.get(name), known, count, most)
    return found


def _column(row: Row[Any] | None, name: str) -> Any:
    return None if row is None else row._mapping[name]


def _more(entry: VisibleLayer, request: ZoneRequest) -> str:
    bounds = ",".join(f"{value:.7f}" for value in shapely.bounds(request.geometry).tolist())
    return f"/ogc/collections/{entry.id}/items?bbox={bounds}"


def _parameters(request: ZoneRequest, caller: Caller, asof: datetime | None) -> dict[str, Any]:
    count = int(shapely.get_num_coordinates(request.geometry))
    parameters: dict[str, Any] = {
        "zone_hash": shape_digest(request.geometry),
        "zone_vertices": count,
        "bounds": shapely.bounds(request.geometry).tolist(),
        "layers": list(request.layers) if request.layers is not None else None,
        "list_limit": request.list_limit,
        "area": caller.area_code,
    }
    if asof is not None:
        parameters["asof"] = asof.isoformat()
    if count <= REPEAT_VERTICES:
        parameters["zone"] = orjson.loads(shapely.to_geojson(request.geometry))
    return parameters
