"""Positions in Cursor on Target XML (MITRE's event schema 2.0), as body terminals and drones send them."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from lxml import etree

from cim.errors import InvalidInput
from layers.live.tracks.days import KEPT
from layers.live.tracks.incoming import Position, read_position

MOST_BYTES = 64 * 1024
#: What is written where a height or an error is not known.
UNKNOWN = 9_999_999.0
EARLIEST_YEAR, LATEST_YEAR = 1970, 9000
_REQUIRED = ("uid", "type", "time", "stale")


def read_cot(body: bytes, *, now: datetime | None = None) -> Position:
    """Return the position of an event; its ``hae`` is a height above the ellipsoid.

    Raises
    ------
    InvalidInput
        For what is no event, or one that is no position: a chat, an alarm, a route.
    """
    event = _root(body)
    missing = [name for name in _REQUIRED if not event.get(name)]
    if missing:
        raise InvalidInput(f"the event lacks {', '.join(missing)}; Cursor on Target requires it")
    kind = kind_of(event.get("type", ""))
    point = event.find("point")
    if point is None or point.get("lat") is None or point.get("lon") is None:
        raise InvalidInput("the event has no <point> with lat and lon")
    contact, track = event.find("detail/contact"), event.find("detail/track")
    time, stale = _moment(event, "time"), _moment(event, "stale")
    said = {
        "code": event.get("uid"),
        "time": time,
        # Some send what holds for a year; others what was stale before it was sent.
        "stale_at": min(max(stale, time), time + KEPT),
        "longitude": _figure(point, "lon"),
        "latitude": _figure(point, "lat"),
        "ellipsoid_height_m": _figure(point, "hae"),
        "accuracy_m": _figure(point, "ce"),
        "speed_m_s": _figure(track, "speed"),
        "heading_deg": _figure(track, "course"),
        "name": None if contact is None else contact.get("callsign"),
        "kind": kind,
        "attributes": {name: event.get(key) for name, key in (("cot_type", "type"), ("how", "how")) if event.get(key)},
    }
    return read_position({name: value for name, value in said.items() if value is not None}, now=now)


def kind_of(cot_type: str) -> str:
    """Return the kind of unit of a type such as ``a-f-G-U-C``; raises InvalidInput for what is no unit."""
    atoms = cot_type.split("-")
    if len(atoms) < 3 or atoms[0] != "a":
        raise InvalidInput(f"type is '{cot_type[:60]}'; positions have types of units, which begin with a-")
    dimension, function = atoms[2], atoms[3:]
    if dimension == "A":
        return "drone" if "Q" in function else "vehicle"
    if dimension in ("S", "U"):
        return "vessel"
    if function[:2] == ["E", "V"]:
        return "vehicle"
    return "person" if function[:1] == ["U"] else "terminal"


def _root(body: bytes) -> etree._Element:
    if len(body) > MOST_BYTES:
        raise InvalidInput(f"the event has more than {MOST_BYTES // 1024} kB")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, remove_comments=True)
    try:
        event = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise InvalidInput(f"this is no XML: {str(error)[:200]}") from None
    # The tree knows it in every encoding.
    if event.getroottree().docinfo.internalDTD is not None:
        raise InvalidInput("the event has a document type or entities, which are not read; send it without")
    if event.tag != "event":
        raise InvalidInput("this is no Cursor on Target event; its root is <event> without a namespace")
    return event


def _moment(event: etree._Element, name: str) -> datetime:
    text = event.get(name, "")
    try:
        found = datetime.fromisoformat(text[:40])
    except ValueError:
        raise InvalidInput(f"{name} is '{text[:60]}'; write it like 2026-03-01T00:00:00.000Z") from None
    # The schema says UTC; some leave the Z out.
    # Nothing can be added at the end of the calendar; what is stale in the year 9999 is only compared.
    if name == "time" and not EARLIEST_YEAR <= found.year <= LATEST_YEAR:
        raise InvalidInput(f"time is '{text[:60]}', which is not a time of now or before; check the clock")
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _figure(element: etree._Element | None, name: str) -> float | None:
    text = None if element is None else element.get(name)
    if not text:
        return None
    try:
        found = float(text)
    except ValueError:
        raise InvalidInput(f"{name} is '{text[:40]}', which is no number") from None
    return None if math.isnan(found) or abs(found) >= UNKNOWN else found
