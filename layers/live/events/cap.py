"""Alerts in the Common Alerting Protocol (CAP 1.0 to 1.2): read as events, and events written as alerts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import shapely
from lxml import etree
from shapely.geometry.base import BaseGeometry

from cim.errors import InvalidInput
from layers.live.events.incoming import MOST_VERTICES, Incoming, read_incoming
from layers.live.events.types import WARNING

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
_NAMESPACES = (NAMESPACE, "urn:oasis:names:tc:emergency:cap:1.1", "http://www.incident.com/cap/1.0")
STATUSES = ("Actual", "Exercise", "System", "Test", "Draft")
MESSAGES = ("Alert", "Update", "Cancel", "Ack", "Error")
SCOPES = ("Public", "Restricted", "Private")
#: Of the standard's words the severity of an event; what is unknown is 3.
SEVERITY = {"Extreme": 1, "Severe": 2, "Moderate": 3, "Minor": 4, "Unknown": 3}
_WORDS = {1: "Extreme", 2: "Severe", 3: "Moderate", 4: "Minor"}
_REQUIRED = ("identifier", "sender", "sent", "status", "msgType")
_TOLD = ("urgency", "certainty", "headline", "instruction", "effective", "onset", "expires", "web", "contact")
_KM_A_DEGREE = 111.2
_CORNERS = 48
MOST_BYTES = 1024 * 1024
MOST_RADIUS_KM = 2000
#: An alert that says nothing else ends after this.
_LASTS = timedelta(hours=24)


def read_cap(body: bytes) -> Incoming:
    """Return the event of an alert: its first information block, its area that of all blocks.

    Raises
    ------
    InvalidInput
        For what is no alert, or one that is not in force: a test, a draft, an acknowledgement.
    """
    alert = _root(body)
    head = {name: _text(alert, name) for name in (*_REQUIRED, "scope", "references", "note")}
    missing = [name for name in _REQUIRED if not head[name]]
    # CAP 1.0 did not know of it
    if not head["scope"] and "cap/1.0" not in str(etree.QName(alert).namespace):
        missing.append("scope")
    if missing:
        raise InvalidInput(f"the alert lacks {', '.join(missing)}; the standard requires it")
    _check_words(head)
    blocks = [block for block in alert if _local(block) == "info"]
    first = _chosen(blocks)
    names = () if first is None else ("event", "severity", "description", *_TOLD)
    said = {name: _text(first, name) for name in names}
    area = _area(blocks)
    place = _spot(blocks) if area is None else None
    return read_incoming({
        "source": f"CAP {head['sender']}"[:60],
        "source_key": str(head["identifier"])[:120],
        "type": WARNING,
        "title": (said.get("headline") or said.get("event") or head["identifier"] or "")[:300],
        "description": (said.get("description") or head["note"] or "")[:10_000] or None,
        "severity": SEVERITY.get(said.get("severity") or "Unknown", 3),
        "occurred_at": _time(said.get("onset") or head["sent"]),
        "area": area,
        "longitude": place[0] if place else None,
        "latitude": place[1] if place else None,
        "attributes": {name: value for name, value in {
            "status": head["status"], "msgType": head["msgType"], "references": head["references"],
            "event": said.get("event"), "areas": _descriptions(blocks),
            **{name: said.get(name) for name in _TOLD},
        }.items() if value},
    })  # fmt: skip


def _root(body: bytes) -> etree._Element:
    if len(body) > MOST_BYTES:
        raise InvalidInput(f"the alert has more than {MOST_BYTES // 1024} kB")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, remove_comments=True)
    try:
        alert = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise InvalidInput(f"this is no XML: {str(error)[:200]}") from None
    # The tree knows it in every encoding.
    if alert.getroottree().docinfo.internalDTD is not None:
        raise InvalidInput("the alert has a document type or entities, which are not read; send it without")
    if _local(alert) != "alert" or etree.QName(alert).namespace not in _NAMESPACES:
        raise InvalidInput("this is no CAP alert; its root is <alert> in a namespace of CAP 1.0, 1.1 or 1.2")
    return alert


def _check_words(head: Mapping[str, str | None]) -> None:
    for name, words in (("status", STATUSES), ("msgType", MESSAGES), ("scope", SCOPES)):
        if head[name] and head[name] not in words:
            raise InvalidInput(f"{name} is '{str(head[name])[:40]}'; use one of {', '.join(words)}")
    if head["status"] not in ("Actual", "Exercise"):
        raise InvalidInput(f"the alert's status is '{head['status']}'; only Actual and Exercise are taken in")
    if head["msgType"] not in ("Alert", "Update", "Cancel"):
        raise InvalidInput(f"the message is an '{head['msgType']}', which is no event; send Alert, Update or Cancel")


def _chosen(blocks: Iterable[etree._Element]) -> etree._Element | None:
    """Return the Chinese block, or else the first."""
    found = list(blocks)
    chinese = [block for block in found if (_text(block, "language") or "").lower().startswith("zh")]
    return (chinese or found or [None])[0]


def _area(blocks: Iterable[etree._Element]) -> BaseGeometry | None:
    shapes = [shape for block in blocks for area in _named(block, "area") for shape in _shapes(area)]
    if not shapes:
        return None
    if shapely.get_num_coordinates(shapes).sum() > MOST_VERTICES:
        raise InvalidInput(f"the alert's areas have more than {MOST_VERTICES} vertices; send simpler ones")
    joined = shapely.union_all(shapely.make_valid(shapes))
    parts = [part for part in shapely.get_parts(joined) if part.geom_type == "Polygon"]
    return shapely.MultiPolygon(parts) if parts else None


def _shapes(area: etree._Element) -> Iterator[BaseGeometry]:
    for ring in _named(area, "polygon"):
        points = [_pair(pair) for pair in (ring.text or "").split()]
        if len(points) < 4 or points[0] != points[-1]:
            raise InvalidInput("a polygon of the alert is not closed; its last point must be its first, of at least 4")
        yield shapely.Polygon(points)
    for circle in _named(area, "circle"):
        centre, _, radius = (circle.text or "").strip().partition(" ")
        lon, lat = _pair(centre)
        yield from _circle(lon, lat, _figure(radius))


def _spot(blocks: Iterable[etree._Element]) -> tuple[float, float] | None:
    """Return the place of a circle without radius, with which alerts say a point."""
    circles = [circle for block in blocks for area in _named(block, "area") for circle in _named(area, "circle")]
    return _pair((circles[0].text or "").strip().partition(" ")[0]) if circles else None


def _circle(lon: float, lat: float, radius_km: float) -> Iterator[BaseGeometry]:
    if radius_km > MOST_RADIUS_KM:
        raise InvalidInput(f"a circle of the alert has a radius of {radius_km:g} km; {MOST_RADIUS_KM} are the most")
    if radius_km <= 0:
        return  # a circle of no radius says a point, which has no area
    turns = np.linspace(0, 2 * math.pi, _CORNERS, endpoint=False)
    north = lat + radius_km / _KM_A_DEGREE * np.sin(turns)
    east = lon + radius_km / _KM_A_DEGREE * np.cos(turns) / max(0.01, math.cos(math.radians(lat)))
    yield shapely.Polygon(np.column_stack([east, north]))


def _pair(text: str) -> tuple[float, float]:
    """Return longitude and latitude of 'latitude,longitude'."""
    lat, comma, lon = text.partition(",")
    if not comma:
        raise InvalidInput(f"'{text[:40]}' is no place of an alert; it is written latitude,longitude")
    latitude, longitude = _figure(lat), _figure(lon)
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise InvalidInput(f"'{text[:40]}' is no place on earth; it is written latitude,longitude")
    return longitude, latitude


def _figure(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise InvalidInput(f"'{text[:40]}' in the alert's area is no number")
    return found


def _time(text: str | None) -> str | None:
    return None if text is None else text.strip()


def _descriptions(blocks: Iterable[etree._Element]) -> list[str]:
    return [text[:200] for block in blocks for area in _named(block, "area") if (text := _text(area, "areaDesc"))][:20]


def _named(parent: etree._Element, name: str) -> Iterator[etree._Element]:
    return (child for child in parent if _local(child) == name)


def _text(parent: etree._Element, name: str) -> str | None:
    for child in _named(parent, name):
        return (child.text or "").strip() or None
    return None


def _local(element: etree._Element) -> str:
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


def write_cap(
    event: Mapping[str, Any], area: BaseGeometry | None, *, sender: str, now: datetime | None = None
) -> bytes:
    """Return an event as an alert, with its area, or a circle of 100 m around its place.

    Parameters
    ----------
    event
        As it is answered (``layers.live.events.read``).
    sender
        Who sends it, without blanks and commas: the address of the service.
    """
    sent = _stamp(now or datetime.now(UTC))
    alert = etree.Element(f"{{{NAMESPACE}}}alert", nsmap={None: NAMESPACE})
    _add(alert, identifier=f"cim-event-{event['id']}-{event['state']}", sender=sender, sent=sent, status="Actual",
         msgType="Cancel" if event["state"] in ("close", "evaluate") else "Alert", scope="Restricted",
         restriction="city operation")  # fmt: skip
    # A register may know an event and not its time.
    onset = _stamp(event["occurred_at"]) if event["occurred_at"] else None
    info = etree.SubElement(alert, f"{{{NAMESPACE}}}info")
    _add(info, language="zh-CN", category="Safety", event=event["type"] or event["title"], urgency="Immediate",
         severity=_WORDS.get(event["severity"], "Unknown"), certainty="Observed", onset=onset,
         expires=_stamp((now or datetime.now(UTC)) + _LASTS), headline=event["title"],
         description=event["description"])  # fmt: skip
    place = etree.SubElement(info, f"{{{NAMESPACE}}}area")
    _add(place, areaDesc=event["address"] or event["grid_cell_code"] or event["title"] or "-")
    for ring in _rings(area):
        _add(place, polygon=" ".join(f"{lat:.6f},{lon:.6f}" for lon, lat in ring))
    if area is None and event["longitude"] is not None:
        _add(place, circle=f"{event['latitude']:.6f},{event['longitude']:.6f} 0.1")
    return bytes(etree.tostring(alert, xml_declaration=True, encoding="UTF-8"))


def _rings(area: BaseGeometry | None) -> Iterator[Any]:
    for part in [] if area is None else shapely.get_parts(area):
        yield shapely.get_coordinates(part.exterior)


def _add(parent: etree._Element, **children: str | None) -> None:
    for name, text in children.items():
        if text:
            # XML has no control characters, and a source may.
            clean = "".join(letter for letter in text if letter >= " " or letter in "\n\t")
            etree.SubElement(parent, f"{{{NAMESPACE}}}{name}").text = clean


def _stamp(moment: datetime) -> str:
    """Return a time as the standard writes it: with a zone in figures, never Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S-00:00")
