"""Answers of the SensorThings service: its root, collections, entities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection

from cim.access import Caller
from cim.errors import InvalidInput, NotFound
from layers.live.sensors.address import Address
from layers.live.sensors.entities import SETS
from layers.live.sensors.find import Page, find_property
from layers.live.sensors.options import Options

_SAFE = "/()'"
_BASE = "http://www.opengis.net/spec/iot_sensing/1.1/req/"
REQUIREMENTS = [
    _BASE + name
    for name in (
        "datamodel/thing", "datamodel/location", "datamodel/historical-location", "datamodel/datastream",
        "datamodel/sensor", "datamodel/observed-property", "datamodel/observation", "datamodel/feature-of-interest",
        "resource-path/resource-path-to-entities", "request-data/order", "request-data/expand", "request-data/select",
        "request-data/orderby", "request-data/skip", "request-data/top", "request-data/filter", "request-data/count",
        "request-data/built-in-filter-operations", "request-data/built-in-query-functions", "request-data/pagination",
        "create-update-delete/create-entity", "create-update-delete/deep-insert", "create-update-delete/update-entity",
        "create-update-delete/delete-entity", "create-observations-via-mqtt", "data-array/data-array",
    )
]  # fmt: skip


def conformance(root: str) -> dict[str, Any]:
    """Return the service's root document."""
    sets = [{"name": name, "url": f"{root}/{name}"} for name in SETS]
    return {"value": sets, "serverSettings": {"conformance": REQUIREMENTS}}


def entity(connection: Connection, caller: Caller, address: Address, options: Options, root: str) -> Any:
    """Return an entity, or one of its properties: by itself for ``$value``, else in an object."""
    if address.named is not None:
        found = find_property(connection, caller, address, root)
        return found if address.is_value else {address.named: found}
    shown = Page(connection, caller, root).one(address, options)
    return {"@iot.selfLink": shown["@iot.selfLink"]} if address.is_ref else shown


def collection(
    connection: Connection,
    caller: Caller,
    address: Address,
    options: Options,
    root: str,
    *,
    asked: Sequence[tuple[str, str]],
    path: str,
) -> dict[str, Any]:
    """Return a page of a set, with a link to the next one."""
    if address.named is not None or address.is_value:
        raise NotFound("a property is one of a single entity")
    if options.is_data_array and address.last.entities.plural != "Observations":
        raise InvalidInput("$resultFormat=dataArray is of Observations only")
    shown, count, following = Page(connection, caller, root).many(address, options)
    answer: dict[str, Any] = {} if count is None else {"@iot.count": count}
    if following is not None:
        kept = [(name, value) for name, value in asked if name not in ("$skip", "$skiptoken")]
        words = [f"{name}={quote(value)}" for name, value in kept]
        answer["@iot.nextLink"] = f"{root}/{quote(path, safe=_SAFE)}?{'&'.join([*words, following])}"
    if address.is_ref:
        shown = [{"@iot.selfLink": each["@iot.selfLink"]} for each in shown]
    return answer | {"value": _data_array(shown, options) if options.is_data_array else shown}


def _data_array(shown: Sequence[dict[str, Any]], options: Options) -> list[dict[str, Any]]:
    """Return observations by datastream, as columns (18-088, 12.1)."""
    known = ("@iot.id", "phenomenonTime", "resultTime", "result")
    names = [name for name in known if options.select is None or name.removeprefix("@iot.") in options.select]
    grouped: dict[str, list[list[Any]]] = {}
    for each in shown:
        sensor = str(each["@iot.id"]).partition("-")[0]
        grouped.setdefault(sensor, []).append([each.get(name) for name in names])
    return [
        {
            "Datastream@iot.navigationLink": f"Datastreams({sensor})",
            "components": [name.removeprefix("@iot.") for name in names],
            "dataArray@iot.count": len(lines),
            "dataArray": lines,
        }
        for sensor, lines in grouped.items()
    ]
