"""Entities that clients create, also with others inside them (18-088, 10.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import shapely
from sqlalchemy import Connection, Table, func, insert, select

from cim.access import Caller
from cim.errors import Forbidden, InvalidInput
from cim.provenance import touch_layers
from cim.tables import (
    datastream,
    feature_of_interest,
    historical_location,
    historical_place,
    location,
    observed_property,
    procedure,
    sensor,
    thing,
    thing_location,
)
from layers.live.sensors.data_array import read_id
from layers.live.sensors.described import read_fields
from layers.live.sensors.entities import SETS
from layers.live.sensors.observe import LAYER, observe
from layers.live.sensors.own import require_own
from layers.live.sensors.reading import Detail, Readings, latest_us, read_moment, read_times, time_of
from layers.live.sensors.shown import key_text
from layers.live.sources import source_datasets
from layers.sql import statement

SOURCE = "sensorthings"
#: Entities in one body, all in all.
MOST_AT_ONCE = 1_000
MOST_DEEP = 10
TABLES: dict[str, Table] = {
    "Things": thing,
    "Locations": location,
    "Sensors": procedure,
    "ObservedProperties": observed_property,
    "FeaturesOfInterest": feature_of_interest,
    "Datastreams": datastream,
    "HistoricalLocations": historical_location,
}
TIES = {"building": "building_code", "space": "space_global_id", "pipe_node": "pipe_node_key", "river": "river"}


def create(
    connection: Connection, caller: Caller, plural: str, said: Any, within: Mapping[str, int] | None = None
) -> str:
    """Create an entity and return its id as text.

    Parameters
    ----------
    within
        Links that the address says: of ``Things(1)/Datastreams`` it is ``{"Thing": 1}``.

    Raises
    ------
    InvalidInput, Forbidden
        Nothing is created then, as the caller's transaction ends.
    """
    if not isinstance(said, dict):
        raise InvalidInput("the body is not an entity; send a JSON object")
    links = {name: {"@iot.id": number} for name, number in (within or {}).items()}
    return _Creation(connection, caller).make(plural, said | links)


class _Creation:
    def __init__(self, connection: Connection, caller: Caller) -> None:
        self._connection, self._caller = connection, caller
        self._count = self._depth = 0

    def make(self, plural: str, said: Any) -> str:
        """Create one entity with all that is inside."""
        self._count += 1
        if self._count > MOST_AT_ONCE:
            raise InvalidInput(f"the body has more than {MOST_AT_ONCE} entities; send them in several requests")
        if self._depth == MOST_DEEP:
            raise InvalidInput(f"entities are more than {MOST_DEEP} deep inside one another; send them one by one")
        self._depth += 1
        try:
            return self._make(plural, said)
        finally:
            self._depth -= 1

    def _make(self, plural: str, said: Any) -> str:
        if plural == "Observations":
            return self._observation(said)
        if plural == "HistoricalLocations":
            return str(self._history(said))
        maker = {"Things": self._thing, "Locations": self._location, "Datastreams": self._datastream}
        return str(maker[plural](said) if plural in maker else self._plain(plural, said))

    def _insert(self, plural: str, values: Mapping[str, Any]) -> int:
        table = TABLES[plural]
        return int(self._connection.execute(insert(table).values(**values).returning(table.c.id)).scalar_one())

    def _plain(self, plural: str, said: Mapping[str, Any]) -> int:
        fields = read_fields(plural, said, SETS[plural].links)
        if "geom" in fields:
            fields["area_code"] = self._ties({}, fields["geom"])["area_code"]
        number = self._insert(plural, fields)
        for inside in self._many(said, "Datastreams"):
            self.make("Datastreams", inside | {SETS[plural].singular: {"@iot.id": number}})
        return number

    def _location(self, said: Mapping[str, Any]) -> int:
        number = self._plain("Locations", {name: value for name, value in said.items() if name != "Things"})
        for inside in self._many(said, "Things"):
            thing_id = self._ref("Things", inside)
            require_own(self._connection, self._caller, "Things", (thing_id,))
            self._place(thing_id, [number])
        return number

    def _thing(self, said: Mapping[str, Any]) -> int:
        fields = read_fields("Things", said, SETS["Things"].links)
        places = [self._ref("Locations", inside) for inside in self._many(said, "Locations")]
        geom = None
        if places:
            chosen = select(func.ST_AsEWKT(location.c.geom)).where(location.c.id == func.any(places))
            geom = next(iter(self._connection.execute(chosen.where(location.c.geom.is_not(None))).scalars()), None)
        number = self._insert("Things", fields | self._ties(fields.get("properties") or {}, geom))
        self._place(number, places)
        for inside in self._many(said, "Datastreams"):
            self.make("Datastreams", inside | {"Thing": {"@iot.id": number}})
        return number

    def _place(self, number: int, places: list[int]) -> None:
        """Put a thing in its place, from now on."""
        move_thing(self._connection, number, places)

    def _history(self, said: Mapping[str, Any]) -> int:
        time = read_moment(said.get("time"), "time")
        places = [self._ref("Locations", inside) for inside in self._many(said, "Locations")]
        if time is None or not places:
            raise InvalidInput("HistoricalLocations: time, Thing and Locations must be there")
        number = self._insert("HistoricalLocations", {"time": time, "thing_id": self._link(said, "Thing", "Things")})
        rows = [{"historical_location_id": number, "location_id": place} for place in sorted(set(places))]
        self._connection.execute(insert(historical_place), rows)
        return number

    def _datastream(self, said: Mapping[str, Any]) -> int:
        fields = read_fields("Datastreams", said, SETS["Datastreams"].links)
        fields["thing_id"] = self._link(said, "Thing", "Things")
        fields["procedure_id"] = self._link(said, "Sensor", "Sensors")
        fields["observed_property_id"] = self._link(said, "ObservedProperty", "ObservedProperties")
        fields["id"] = self._sensor(fields)
        fields["feature_of_interest_id"] = self._feature(fields["thing_id"])
        number = self._insert("Datastreams", fields)
        for inside in self._many(said, "Observations"):
            self.make("Observations", inside | {"Datastream": {"@iot.id": number}})
        return number

    def _sensor(self, fields: Mapping[str, Any]) -> int:
        """Make the row of the map that a datastream is; it stands where its thing does."""
        kind = select(observed_property.c.name).where(observed_property.c.id == fields["observed_property_id"])
        place = _place_of(fields["thing_id"], func.ST_PointOnSurface(location.c.geom))
        owner = self._connection.execute(select(thing).where(thing.c.id == fields["thing_id"])).one()
        number = self._connection.execute(sensor.c.id.default.next_value().select()).scalar_one()  # type: ignore[union-attr]
        code = (fields.get("properties") or {}).get("code")
        self._connection.execute(
            insert(sensor).values(
                id=number,
                layer_id=LAYER,
                dataset_id=source_datasets(self._connection, {SOURCE})[SOURCE],
                source_key=f"{SOURCE}-{number}",
                code=str(code)[:200] if code else f"{SOURCE}-{number}",
                name=fields["name"],
                kind=kind.scalar_subquery(),
                unit=_text(fields["unit_of_measurement"].get("symbol")),
                area_code=owner.area_code,
                building_id=owner.building_id,
                geom=place.scalar_subquery(),
            )
        )
        touch_layers(self._connection, [LAYER], None, None)
        return int(number)

    def _feature(self, thing_id: int) -> int | None:
        """Return the feature of interest at a thing's place, made where there is none (18-088, 10.2.1.2)."""
        columns = ("name", "description", "encoding_type", "area_code", "geom")
        chosen = _place_of(thing_id, *(location.c[name] for name in columns), location.c.location).limit(1)
        table = feature_of_interest
        done = self._connection.execute(insert(table).from_select([*columns, "feature"], chosen).returning(table.c.id))
        return done.scalar_one_or_none()

    def _observation(self, said: Mapping[str, Any]) -> str:
        if "result" not in said:
            raise InvalidInput("Observations: result must be there")
        us, detail = read_times(said, latest_us())
        if said.get("FeatureOfInterest") is not None:
            feature = self._ref("FeaturesOfInterest", said["FeatureOfInterest"])
            detail = Detail(**{**vars(detail), "feature_of_interest_id": feature})
        readings, number = Readings(), self._link(said, "Datastream", "Datastreams")
        readings.add(number, us, said["result"], detail)
        observe(self._connection, readings, self._caller)
        return key_text((number, time_of(us)))

    def _link(self, said: Mapping[str, Any], name: str, plural: str) -> int:
        if said.get(name) is None:
            raise InvalidInput(f'{name} must be there, as {{"@iot.id": 1}} or as an entity of its own')
        return self._ref(plural, said[name])

    def _ref(self, plural: str, said: Any) -> int:
        """Return the id of an entity that is named, or made where it is written out."""
        if not isinstance(said, dict):
            raise InvalidInput(f'an entity of {plural} is written like {{"@iot.id": 1}} or as a JSON object')
        if "@iot.id" not in said or "name" in said:
            return int(self.make(plural, said))
        number = read_id(said["@iot.id"], plural)
        require_seen(self._connection, self._caller, plural, number)
        return number

    def _many(self, said: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
        found = said.get(name)
        if found is None:
            return []
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise InvalidInput(f"{name} must be a list of entities")
        return found

    def _ties(self, properties: Mapping[str, Any], geom: str | None) -> dict[str, Any]:
        return find_ties(self._connection, self._caller, properties, geom)


def find_ties(
    connection: Connection, caller: Caller, properties: Mapping[str, Any], geom: str | None
) -> dict[str, Any]:
    """Return the objects that a thing is tied to, and its area; raises Forbidden outside of the caller's.

    Parameters
    ----------
    geom
        EWKT.
    """
    said = {name: _text(properties.get(word)) for name, word in TIES.items()}
    shape = None if geom is None else shapely.from_wkt(geom.partition(";")[2])
    said["geom"] = None if shape is None else shapely.to_wkb(shapely.set_srid(shape, 4490), include_srid=True)  # type: ignore[assignment]
    found = dict(connection.execute(statement("sensor_ties"), said).mappings().one())
    area = caller.area_code
    if area is not None and found["area_code"] is not None and not found["area_code"].startswith(area):
        raise Forbidden(f"this place is in {found['area_code']}; the key is for {area}")
    return found | {"area_code": found["area_code"] or area}


def move_thing(connection: Connection, number: int, places: list[int]) -> None:
    """Put a thing at locations instead of where it was; where it was stays in its history."""
    if not places:
        return
    connection.execute(thing_location.delete().where(thing_location.c.thing_id == number))
    rows = [{"thing_id": number, "location_id": place} for place in sorted(set(places))]
    connection.execute(insert(thing_location), rows)
    made = insert(historical_location).values(thing_id=number, time=func.clock_timestamp())
    history = connection.execute(made.returning(historical_location.c.id)).scalar_one()
    connection.execute(
        insert(historical_place),
        [{"historical_location_id": history, "location_id": row["location_id"]} for row in rows],
    )
    place_sensors(connection, number)


def place_sensors(connection: Connection, number: int) -> None:
    """Let the sensors of a thing stand where it does, and belong to the area there."""
    chosen = _place_of(number, func.ST_AsEWKT(func.ST_PointOnSurface(location.c.geom)), location.c.area_code)
    found = connection.execute(chosen).first()
    if found is None:
        return
    point, area = found
    mine = select(datastream.c.id).where(datastream.c.thing_id == number)
    area_now = func.coalesce(area, sensor.c.area_code)
    values = {"geom": point, "area_code": area_now, "recorded_at": func.now()}
    connection.execute(sensor.update().where(sensor.c.id.in_(mine)).values(values))
    connection.execute(
        thing.update().where(thing.c.id == number).values(area_code=func.coalesce(area, thing.c.area_code))
    )
    touch_layers(connection, [LAYER], None, None)


def require_seen(connection: Connection, caller: Caller, plural: str, number: int) -> None:
    """Refuse an entity that is not there or not for this caller; raises InvalidInput."""
    entities = SETS[plural]
    rows = entities.source().alias()
    if connection.execute(select(rows.c.id).where(rows.c.id == number, entities.seen(rows, caller))).first() is None:
        raise InvalidInput(f"{plural}({number}) is not there; create it first")


def _place_of(thing_id: int, *columns: Any) -> Any:
    return (
        select(*columns)
        .select_from(thing_location.join(location))
        .where(thing_location.c.thing_id == thing_id, location.c.geom.is_not(None))
        .order_by(location.c.id)
        .limit(1)
    )


def _text(value: Any) -> str | None:
    return value[:200] if isinstance(value, str) else None
