"""A decision to demarcate: the three zones of a group written and logged, and made anew when a case is added."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import uuid4

import orjson
import shapely
from sqlalchemy import Connection, func, insert, update

from cim.access import OPEN_CALLER, Caller
from cim.crs import area_m2
from cim.provenance import touch_layers
from cim.tables import zone
from layers.queries.note import note
from layers.queries.receipt import make_receipt
from layers.queries.visible import visible_layers
from layers.queries.zone import shape_digest
from layers.zones.case import find_case, shape_of
from layers.zones.demarcate import Demarcated, Question, demarcate
from layers.zones.group import ACTION, LAYER, Group, group_around
from layers.zones.inhabitants import Counts, count_inhabitants
from layers.zones.log import append
from layers.zones.making import common_area
from layers.zones.moment import settled_moment
from layers.zones.request import STANDARD, Request
from layers.zones.rules import rules_for

TITLES = {"sealed": "封控区", "controlled": "管控区", "prevention": "防范区"}
#: Layers that the zones follow from.
READ = ("buildings", "units", "grid_cells", "admin_areas", "roads", "rivers")
_NOTES = (
    note("membership", "a building counts in the zone in which its middle lies", "middle"),
    note("gates", "a gate is a place where a road or path leaves a zone"),
    note("residents", "high adds for each building without a number as much as the largest one has"),
)
#: What no gate at all means: not that nobody can leave.
_NO_GATES = {
    "sealed": note("no_gates", "no mapped roads or paths cross the border of the sealed zone", "sealed"),
    "controlled": note("no_gates", "no mapped roads or paths lead out of both closed zones", "controlled"),
}


class Decision(NamedTuple):
    """What was asked and what came of it; ``group`` is the one that is made anew, None for a new one."""

    request: Request
    question: Question
    found: Demarcated
    counts: Counts
    group: Group | None

    @property
    def gates(self) -> dict[str, Any]:
        """Zone -> places where roads leave it; nobody stands on the border of the prevention zone."""
        return {"sealed": self.found.sealed_gates, "controlled": self.found.controlled_gates}

    def told(self) -> dict[str, Any]:
        """Return what the zones follow from, and their digests, as the log holds it."""
        return self.asked() | {
            "moment": self.question.moment.isoformat(),
            "geos": shapely.geos_version_string,
        }

    def asked(self) -> dict[str, Any]:
        """Return the same but for the moment: asked again on the same data, it is the same."""
        return {
            "cases": [case.told() for case in self.question.cases],
            "rules": self.question.rules.told(),
            "within": self.question.within,
            "geometry": digests(self.found.zones._asdict()),
        }


def decide(connection: Connection, request: Request, caller: Caller) -> dict[str, Any]:
    """Make the zones for a case and log the decision, in the caller's transaction; returns what was decided.

    A case inside the sealed or controlled zone of a group is added to its cases, and its zones are made anew.

    Raises
    ------
    Forbidden, NotFound, InvalidInput, Conflict
    """
    caller.require("demarcate")
    case = find_case(connection, request.way, request.at, caller)
    moment = settled_moment(connection)
    group = None if request.is_apart else group_around(connection, shape_of(connection, case, moment), caller)
    cases = (*group.question.cases, case) if group else (case,)
    rules = request.rules or (group.question.rules if group else rules_for(STANDARD, {}))
    within = group.question.within if group else caller.area_code
    question = Question(tuple(dict.fromkeys(cases)), rules, moment, within)
    found = demarcate(connection, question)
    counts = count_inhabitants(connection, found.zones, found.district.shape, question.cases, caller)
    decision = Decision(request, question, found, counts, group)
    written = None if request.is_dry else _write(connection, decision)
    return _answer(connection, decision, written, caller)


def digests(zones: Mapping[str, shapely.Geometry]) -> dict[str, str]:
    """Return zone -> SHA-256 of its geometry's WKB."""
    return {kind: shape_digest(shape) for kind, shape in zones.items()}


class _Written(NamedTuple):
    group: str
    ids: dict[str, int]
    digest: str


def _write(connection: Connection, decision: Decision) -> _Written:
    key = decision.group.key if decision.group else uuid4().hex
    by = decision.request.by
    ids = {kind: _put(connection, decision, key, kind, shape) for kind, shape in decision.found.zones._asdict().items()}
    versions = {layer.id: layer.version for layer in visible_layers(connection, OPEN_CALLER, READ)}
    entry = decision.told() | {
        "group": key, "zones": ids, "counts": decision.counts, "note": decision.request.note, "layers": versions,
    }  # fmt: skip
    digest = append(connection, ids["sealed"], ACTION, by, entry)
    for kind in ("controlled", "prevention"):
        append(connection, ids[kind], ACTION, by, {"group": key, "decision": digest, "decided_on": ids["sealed"]})
    touch_layers(connection, [LAYER], None, None)
    return _Written(key, ids, digest)


def _put(connection: Connection, decision: Decision, key: str, kind: str, shape: shapely.Geometry) -> int:
    district = decision.found.district.code
    values = {
        "kind": kind,
        "area_code": district if kind == "prevention" else common_area(connection, shape) or district,
        "attributes": {"group": key, "rule": decision.question.rules.name, "note": decision.request.note,
                       "source": ACTION, "cases": len(decision.question.cases)},
        "geom": f"SRID=4490;{shapely.to_wkt(shape, rounding_precision=-1)}",
    }  # fmt: skip
    if decision.group is not None:
        was = decision.group.zones[kind]
        again = {"version": was.version + 1, "recorded_at": func.now()}
        connection.execute(update(zone).where(zone.c.id == was.id).values(values | again))
        return int(was.id)
    request = decision.request
    fresh = {"layer_id": LAYER, "source_key": uuid4().hex, "author": request.by, "name": _name(kind, request)}
    return int(connection.execute(insert(zone).values(values | fresh).returning(zone.c.id)).scalar_one())


def _name(kind: str, request: Request) -> str:
    return f"{request.name} {TITLES[kind]}" if request.name else TITLES[kind]


def _answer(connection: Connection, decision: Decision, written: _Written | None, caller: Caller) -> dict[str, Any]:
    group, question = decision.group, decision.question
    in_all = sum(one["buildings"] for one in decision.counts.values())
    places = [(kind, place) for kind, found in decision.gates.items() for place in found]
    notes = [*_NOTES, *(_NO_GATES[kind] for kind, found in decision.gates.items() if not len(found))]
    return {
        "group": written.group if written else (group.key if group else None),
        "extended": group is not None,
        "zones": [_feature(decision, kind, shape, written) for kind, shape in decision.found.zones._asdict().items()],
        "gates": {
            "type": "FeatureCollection",
            "features": [
                {"type": "Feature", "geometry": _geojson(place), "properties": {"zone": kind}} for kind, place in places
            ],
        },
        "rule": question.rules.told(),
        "cases": [case.told() for case in question.cases],
        "district": {"code": decision.found.district.code, "source": decision.found.district.source},
        "moment": question.moment.isoformat(),
        "log": {"zone": written.ids["sealed"], "hash": written.digest} if written else None,
        "receipt": make_receipt(
            connection, visible_layers(connection, caller, READ), {"buildings": in_all}, (), decision.asked(), notes
        ),
    }


def _feature(decision: Decision, kind: str, shape: shapely.Geometry, written: _Written | None) -> dict[str, Any]:
    group = decision.group
    name = group.zones[kind].name if group else _name(kind, decision.request)
    properties = {"kind": kind, "name": name, "area_m2": round(area_m2(shape), 1),
                  "gates": len(decision.gates[kind]) if kind in decision.gates else None,
                  **decision.counts[kind]}  # fmt: skip
    return {"type": "Feature", "id": written.ids[kind] if written else None, "geometry": _geojson(shape),
            "properties": properties}  # fmt: skip


def _geojson(shape: shapely.Geometry) -> Any:
    return orjson.loads(shapely.to_geojson(shape))
