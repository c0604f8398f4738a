"""A briefing of an incident: all that goes onto its pages and into its files, gathered with the caller's eyes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson
import shapely
from sqlalchemy import Connection

from cim.access import Caller
from layers.incidents.replay import replay
from layers.incidents.timeline import MOST as PAGE
from layers.incidents.timeline import Asked, timeline
from layers.queries.inventory import take_inventory
from layers.queries.small_counts import sees_all
from layers.queries.zone import ZoneRequest
from tiles.briefing_gates import Gate, find_gates

MOST_ZONES = 20
MOST_ENTRIES = 5_000
LIST_LIMIT = 50
PEOPLE = ("households", "residents", "legal_entities")
#: Layers whose first objects are named on the page, each with its place.
LISTED = ("cameras", "resources")
PREVENTION = "prevention"


class ZoneFacts(NamedTuple):
    """A zone as it was known, its shape (EPSG:4490), and the inventory of what lies in it."""

    feature: Mapping[str, Any]
    shape: shapely.Geometry
    inventory: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """What kind of zone it is: sealed, controlled, prevention, drawn, or what its author calls it."""
        return str(self.feature["properties"].get("kind"))

    def layer(self, layer_id: str) -> Mapping[str, Any] | None:
        """Return what the inventory says of a layer, None where the caller does not see it."""
        for theme in self.inventory["themes"]:
            for entry in theme["layers"]:
                if entry["id"] == layer_id:
                    found: Mapping[str, Any] = entry
                    return found
        return None

    def filled(self) -> list[Mapping[str, Any]]:
        """Return the layers that have something in the zone."""
        return [entry for theme in self.inventory["themes"] for entry in theme["layers"] if entry["count"]]

    def people(self) -> dict[str, tuple[int, int | None]]:
        """Return name -> least and largest count of people (None: nobody knows).

        Both are the same where all buildings say a number; what is too small to be shown is left out.
        """
        buildings = self.layer("buildings")
        if buildings is None:
            return {}
        ranges, found = buildings.get("ranges", {}), {}
        for name in PEOPLE:
            known = round(buildings["sums"].get(name) or 0)
            high = ranges[name]["high"] if name in ranges else known
            found[name] = (known, None if high is None else round(high))
        return found


class Briefing(NamedTuple):
    """All that a briefing says; ``entries`` are at most ``MOST_ENTRIES``, of ``known['total']``."""

    known: Mapping[str, Any]
    entries: Sequence[Mapping[str, Any]]
    zones: Sequence[ZoneFacts]
    gates: Sequence[Gate]
    is_suppressed: bool

    @property
    def incident(self) -> Mapping[str, Any]:
        """The incident as it was known."""
        found: Mapping[str, Any] = self.known["incident"]
        return found

    def near(self) -> list[ZoneFacts]:
        """Return the zones in which something is done: that of prevention is all the rest of a district."""
        return [zone for zone in self.zones if zone.kind != PREVENTION] or list(self.zones)

    def receipts(self) -> list[Mapping[str, Any]]:
        """Return the receipts of the inventories."""
        return [zone.inventory["receipt"] for zone in self.zones]


def gather(connection: Connection, incident_id: int, caller: Caller, until: datetime | None = None) -> Briefing:
    """Return what a briefing says; what lies in zones as it is now, or as it was recorded at ``until``.

    Raises
    ------
    NotFound, InvalidInput, Busy
    """
    known = replay(connection, incident_id, caller, until)
    moment = datetime.fromisoformat(known["until"])
    zones = [
        _facts(connection, feature, caller, moment if until else None)
        for feature in known["zones"]["features"]
        if feature["geometry"] and not feature["properties"]["is_gone"]
    ][:MOST_ZONES]
    parts = [(zone.feature["id"], zone.kind, zone.shape) for zone in zones]
    gates = find_gates(connection, parts, moment, caller)
    entries = all_entries(connection, incident_id, caller, moment)
    return Briefing(known, entries, zones, gates, not sees_all(caller))


def all_entries(
    connection: Connection, incident_id: int, caller: Caller, until: datetime, *, geometry: bool = False
) -> list[dict[str, Any]]:
    """Return the entries that were known at a moment, the first ``MOST_ENTRIES``."""
    found: list[dict[str, Any]] = []
    after = None
    while len(found) < MOST_ENTRIES:
        page = timeline(connection, incident_id, Asked(until, after, PAGE, geometry), caller)
        found += page["entries"]
        after = page["more"]
        if after is None:
            break
    return found


def _facts(connection: Connection, feature: Mapping[str, Any], caller: Caller, asof: datetime | None) -> ZoneFacts:
    shape = shapely.from_geojson(orjson.dumps(feature["geometry"]))
    return ZoneFacts(feature, shape, take_inventory(connection, ZoneRequest(shape, None, LIST_LIMIT), caller, asof))
