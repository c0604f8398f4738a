"""Drains in a storm: the owner's SWMM model, run with its own rain or another, and where it floods."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, Row, Table, Text, cast, func, select

from cim import encoding
from cim.access import Caller
from cim.errors import InvalidInput
from cim.tables import dataset, pipe, pipe_node
from layers.networks.named import require_network
from layers.networks.not_available import NotAvailable
from layers.queries.note import note
from layers.queries.receipt import make_receipt
from layers.queries.visible import in_area, visible_layers
from layers.said import fields_of
from layers.sources.inp_original import read_original
from layers.sources.swmm import FORMAT
from layers.water.apart import EngineFailure, run_apart
from layers.water.asked import LIMIT, MAX_LIMIT, Rain, parse_rain
from layers.water.drainage_model import AFTER_HOURS, runnable, text_of

#: Seconds that the engine may take.
LIMIT_S = 120.0
FIELDS = frozenset({"rain", "dataset", "limit"})
_HEAD_BYTES = 65_536
_DECIMALS = 9
_IMPORT = "import the SWMM model of the network (INP); the service keeps the file"
_IMPORT_AGAIN = "import the same file (INP) again, as it was imported before; the service keeps it then"
_NOTES = (
    note("engine", "one-dimensional flow in the pipes; what leaves a node stays there or is lost, and does not run "
         "over the ground"),
    note("peak_depth", "peak depths are above the node's invert, metres"),
    note("surcharged", "a pipe is surcharged while both of its ends are full"),
)  # fmt: skip


class DrainageRequest(NamedTuple):
    """What is asked: another rain than the model's own, which dataset where there are several; a bound of lists."""

    network: str
    rain: Rain | None = None
    dataset_id: int | None = None
    limit: int = LIMIT


def parse_drainage(network: str, body: Any) -> DrainageRequest:
    """Read a request for a run of drains.

    Raises
    ------
    InvalidInput
        Naming the field, its value and what would be right.
    """
    body = fields_of(body, sorted(FIELDS), '{} for the model\'s own rain, or {"rain": {...}}')
    rain = None if body.get("rain") is None else parse_rain(body["rain"], with_runoff=False)
    number, limit = body.get("dataset"), body.get("limit", LIMIT)
    for name, value, most in (("dataset", number if number is not None else 1, 2**63 - 1), ("limit", limit, MAX_LIMIT)):
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            raise InvalidInput(
                f"{name} is {str(value)[:40]!r}; a whole number from 1 to {most} is right",
                "whole_number_wrong", field=name, given=str(value)[:40], least=1, most=most,
            )  # fmt: skip
    return DrainageRequest(network, rain, number, limit)


def drainage(connection: Connection, files: Path, request: DrainageRequest, caller: Caller) -> dict[str, Any]:
    """Return which nodes flood and which pipes are surcharged, and a receipt; else why it cannot be computed.

    Raises
    ------
    NotFound, InvalidInput, Busy, TooLarge
    """
    require_network(connection, request.network, caller)
    try:
        owner = _owner(connection, request, caller)
        found = run_model(files, owner.checksum, request.rain)
    except NotAvailable as reason:
        return {"network": request.network, "state": "not_available", "reason": reason.detail,
                "reason_code": reason.code, "reason_values": reason.values, "remedy": reason.remedy}  # fmt: skip
    except EngineFailure as error:
        return {"network": request.network, "state": "not_available", "reason": error.detail,
                "reason_code": "engine", "reason_values": {"said": error.detail},
                "remedy": "look at the model with SWMM's own program, and import it again"}  # fmt: skip
    nodes = _placed(connection, pipe_node, owner.id, request.network, found["nodes"], caller)
    pipes = _placed(connection, pipe, owner.id, request.network, found["links"], caller)
    rain = request.rain
    answer = {
        "network": request.network,
        "state": "computed",
        "dataset": {"id": owner.id, "name": owner.name},
        "engine": f"SWMM {found['version']} by pyswmm",
        "rain": None if rain is None else {"mm": rain.mm, "hours": rain.hours},
        "simulated_hours": round(found["hours"], 3),
        "continuity": {name: found[f"{name}_error_percent"] for name in ("runoff", "routing")},
        "nodes": _nodes(nodes, request.limit),
        "pipes": _pipes(pipes, request.limit),
    }
    return answer | {"receipt": _receipt(connection, request, owner, answer, caller)}


def run_model(files: Path, checksum: bytes, rain: Rain | None) -> dict[str, Any]:
    """Return what the engine finds: ``nodes`` and ``links`` by the model's ids, in metres, hours and cubic metres.

    Raises
    ------
    NotAvailable, EngineFailure, Busy, TooLarge
    """
    content = read_original(files, checksum)
    if content is None:
        raise NotAvailable("the file of the model was not kept", _IMPORT_AGAIN, "file_not_kept")
    text = runnable(text_of(content, lambda body: encoding.of_text(body[:_HEAD_BYTES])), rain)
    with tempfile.TemporaryDirectory(prefix="cim-drainage-") as name:
        folder = Path(name)
        (folder / "model.inp").write_text(text, "utf-8")
        run_apart("layers.water.drainage_engine", folder, LIMIT_S, "run the model outside of the service")
        found: dict[str, Any] = json.loads((folder / "found.json").read_text("utf-8"))
        return found


def _owner(connection: Connection, request: DrainageRequest, caller: Caller) -> Any:
    """Return the dataset whose model is run; raises NotAvailable, InvalidInput."""
    layers = [entry.id for entry in visible_layers(connection, caller) if entry.table is pipe_node]
    has_nodes = select(pipe_node.c.id).where(
        pipe_node.c.dataset_id == dataset.c.id, pipe_node.c.network == request.network,
        pipe_node.c.layer_id.in_(layers), in_area(pipe_node, caller),
    )  # fmt: skip
    rows = connection.execute(
        select(dataset.c.id, dataset.c.name, dataset.c.checksum)
        .where(dataset.c.format == FORMAT, has_nodes.exists())
        .order_by(dataset.c.id)
    ).all()
    named = [row for row in rows if request.dataset_id in (None, row.id)]
    if not named:
        wanted = "" if request.dataset_id is None else f" in the dataset {request.dataset_id}"
        raise NotAvailable(f"the network '{request.network[:60]}' has no SWMM model{wanted}", _IMPORT, "no_model")
    if len(named) > 1:
        said = ", ".join(f"{row.id} ({row.name})" for row in named[:10])
        raise InvalidInput(
            f"the network has several SWMM models; say 'dataset', one of {said}", "several_models", choices=said
        )
    return named[0]


class _Placed(NamedTuple):
    """What the engine says of some objects that are on the map, with them; and how many are not."""

    found: list[dict[str, Any]]
    elsewhere: int


def _placed(
    connection: Connection, table: Table, dataset_id: int, network: str, found: Sequence[dict[str, Any]], caller: Caller
) -> _Placed:
    rows = connection.execute(
        select(table.c.id, table.c.source_key, table.c.name, table.c.kind,
               cast(func.ST_AsGeoJSON(func.ST_Force2D(table.c.geom), _DECIMALS, 0), Text).label("geometry"))
        .where(table.c.dataset_id == dataset_id, table.c.network == network, in_area(table, caller))
    )  # fmt: skip
    by_key = {row.source_key: row for row in rows}
    placed = [entry | {"row": by_key[entry["id"]]} for entry in found if entry["id"] in by_key]
    return _Placed(placed, len(found) - len(placed))


def _nodes(placed: _Placed, limit: int) -> dict[str, Any]:
    flooded = sorted((entry for entry in placed.found if entry["hours"] > 0 or entry["volume_m3"] > 0),
                     key=lambda entry: (-entry["volume_m3"], entry["id"]))  # fmt: skip
    return {
        "count": len(placed.found),
        "elsewhere": placed.elsewhere,
        "flooded": len(flooded),
        "volume_m3": round(sum(entry["volume_m3"] for entry in flooded), 3),
        "features": {"type": "FeatureCollection", "features": [_feature(entry) for entry in flooded[:limit]]},
        "truncated": len(flooded) > limit,
    }


def _pipes(placed: _Placed, limit: int) -> dict[str, Any]:
    full = sorted((entry for entry in placed.found if entry["surcharged_hours"] > 0),
                  key=lambda entry: (-entry["surcharged_hours"], entry["id"]))  # fmt: skip
    return {
        "count": len(placed.found),
        "elsewhere": placed.elsewhere,
        "surcharged": len(full),
        "features": {"type": "FeatureCollection", "features": [_feature(entry) for entry in full[:limit]]},
        "truncated": len(full) > limit,
    }


def _feature(entry: dict[str, Any]) -> dict[str, Any]:
    row = entry["row"]
    said = {name: value for name, value in entry.items() if name not in {"id", "row"}}
    return {
        "type": "Feature",
        "id": row.id,
        "geometry": None if row.geometry is None else orjson.loads(row.geometry),
        "properties": {"source_key": row.source_key, "name": row.name, "kind": row.kind} | said,
    }


def _receipt(
    connection: Connection, request: DrainageRequest, owner: Row[Any], answer: dict[str, Any], caller: Caller
) -> dict[str, Any]:
    layers = visible_layers(connection, caller, ["pipes", "pipe_nodes"])
    counts = {"pipes": answer["pipes"]["count"], "pipe_nodes": answer["nodes"]["count"]}
    parameters = {
        "network": request.network, "dataset": owner.id, "checksum": owner.checksum.hex(), "rain": answer["rain"],
        "engine": answer["engine"], "limit": request.limit, "area": caller.area_code,
    }  # fmt: skip
    notes = [*_NOTES]
    if request.rain is not None:
        message = f"an even rain from the model's start on all of its gauges, and {AFTER_HOURS:g} hours after it"
        notes.append(note("rain", message, after_hours=AFTER_HOURS))
    elsewhere = answer["nodes"]["elsewhere"]
    if elsewhere:
        notes.append(note("elsewhere", f"{elsewhere} nodes of the model are not on your map", nodes=elsewhere))
    return make_receipt(connection, layers, counts, {owner.id}, parameters, notes)
