"""What was believed at an earlier moment is still answered after a correction, a removal and an addition."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from shapely import box
from sqlalchemy import Connection, Engine, text

from cim.access import Caller
from cim.errors import InvalidInput, NotFound
from layers.catalogue import get_layer
from layers.queries.inventory import take_inventory
from layers.queries.items import ItemsQuery, get_item, list_items
from layers.queries.objects import get_object
from layers.queries.zone import ZoneRequest

ADMIN = Caller("admin")
BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
ZONE = ZoneRequest(box(114.0, 22.0, 114.01, 22.01), None, 100)


def square(west: float) -> str:
    return f"SRID=4490;MULTIPOLYGON((({west} 22,{west + 0.001} 22,{west + 0.001} 22.001,{west} 22.001,{west} 22)))"


@pytest.fixture
def moments(engine: Engine) -> dict[str, datetime]:
    """Three houses: one corrected, one removed, one that comes later; the moments between the changes."""
    found = {}

    def commit(name: str, *statements: str) -> None:
        with engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement), {"far": square(114.5), "a": square(114.0), "b": square(114.005)})
            found[name] = connection.execute(text("select now() + interval '1 microsecond'")).scalar_one()

    commit(
        "first",
        "insert into cim.building (layer_id, source_key, code, height_m, storeys_above, households, attributes, geom)"
        " values ('buildings', 'A', 'A', 54, 18, 40, '{\"k\": 1}', :a), ('buildings', 'B', 'B', 9, 3, 6, '{}', :b)",
        "insert into cim.unit (layer_id, source_key, building_id, area_m2)"
        " select 'units', 'u' || n, (select id from cim.building where code = 'B'), 80 from generate_series(1, 6) n",
    )
    # the correction also moves the house away
    commit("corrected", "update cim.building set height_m = 61, recorded_at = now(), geom = :far where code = 'A'")
    commit("removed", "delete from cim.unit", "delete from cim.building where code = 'B'")
    commit("added", "insert into cim.building (layer_id, source_key, code, height_m, geom)"
           " values ('buildings', 'C', 'C', 30, :a)")  # fmt: skip
    return found


def id_of(connection: Connection, code: str) -> int:
    statement = "select id from cim.building where code = :c union select id from cim.object_history"
    return int(
        connection.execute(
            text(statement + " where record ->> 'code' = :c and table_name = 'building' limit 1"), {"c": code}
        ).scalar_one()
    )


def heights(connection: Connection, asof: datetime | None, **options: Any) -> dict[str, float]:
    page = list_items(connection, get_layer(connection, "buildings", ADMIN), ItemsQuery(asof=asof, **options), ADMIN)
    properties = [feature["properties"] for feature in orjson.loads(page.body)]
    assert len(properties) == page.number_returned
    return {entry["code"]: entry["height_m"] for entry in properties}


def test_items_of_every_moment(connection: Connection, moments: dict[str, datetime]) -> None:
    assert heights(connection, BEGIN) == {}
    assert heights(connection, moments["first"]) == {"A": 54, "B": 9}
    assert heights(connection, moments["corrected"]) == {"A": 61, "B": 9}
    assert heights(connection, moments["removed"]) == {"A": 61}
    assert heights(connection, moments["added"]) == heights(connection, None) == {"A": 61, "C": 30}


def test_items_of_a_moment_are_filtered_and_paged_as_any(connection: Connection, moments: dict[str, datetime]) -> None:
    first = moments["first"]
    assert heights(connection, first, bbox=(114.0, 22.0, 114.002, 22.002)) == {"A": 54}
    assert heights(connection, moments["corrected"], bbox=(114.0, 22.0, 114.002, 22.002)) == {}
    assert heights(connection, first, filters={"height_m": "9"}) == {"B": 9}
    layer = get_layer(connection, "buildings", ADMIN)
    page = list_items(connection, layer, ItemsQuery(asof=first, limit=1, count_matched=True), ADMIN)
    assert (page.number_matched, page.next_cursor) == (2, id_of(connection, "A"))
    assert heights(connection, first, cursor=page.next_cursor) == {"B": 9}
    with pytest.raises(InvalidInput, match="CQL2"):
        heights(connection, first, cql="height_m > 3")


def test_an_object_is_answered_as_it_was_believed(connection: Connection, moments: dict[str, datetime]) -> None:
    corrected, removed = id_of(connection, "A"), id_of(connection, "B")
    assert get_object(connection, corrected, ADMIN)["attributes"]["height_m"] == 61
    then = get_object(connection, corrected, ADMIN, moments["first"])
    assert (then["attributes"]["height_m"], then["bounds"][0]) == (54, 114.0)
    # the geometry is the very same, not a copy of fewer digits
    assert then["geometry"]["coordinates"][0][0][2] == [114.001, 22.001]
    assert then["extra"] == {"k": 1}
    assert get_object(connection, removed, ADMIN, moments["corrected"])["attributes"]["height_m"] == 9
    for asof in (None, moments["removed"], BEGIN):
        with pytest.raises(NotFound, match=str(removed)):
            get_object(connection, removed, ADMIN, asof)
    layer = get_layer(connection, "buildings", ADMIN)
    assert orjson.loads(get_item(connection, layer, removed, ADMIN, moments["first"]))["properties"]["code"] == "B"


def test_the_inventory_of_every_moment(connection: Connection, moments: dict[str, datetime]) -> None:
    def tally(asof: datetime | None) -> tuple[int, float, int, int]:
        answer = take_inventory(connection, ZONE, ADMIN, asof)
        layers = {entry["id"]: entry for theme in answer["themes"] for entry in theme["layers"]}
        house, units = layers["buildings"], layers["units"]
        assert len(house["items"]) == house["count"]
        return house["count"], house["sums"].get("households", 0), units["count"], int(units["sums"].get("area_m2", 0))

    assert tally(BEGIN) == (0, 0, 0, 0)
    assert tally(moments["first"]) == (2, 46, 6, 480)
    assert tally(moments["corrected"]) == (1, 6, 6, 480)
    assert tally(moments["removed"]) == (0, 0, 0, 0)
    assert tally(moments["added"]) == tally(None) == (1, 0, 0, 0)
    answer = take_inventory(connection, ZONE, ADMIN, moments["first"])
    assert answer["receipt"]["parameters"]["asof"] == moments["first"].isoformat()


def test_a_finely_drawn_zone_is_asked_of_the_past_too(connection: Connection, moments: dict[str, datetime]) -> None:
    from shapely import Point

    round_zone = Point(114.0005, 22.0005).buffer(0.003, quad_segs=1000)
    answer = take_inventory(connection, ZoneRequest(round_zone, ("buildings",), 10), ADMIN, moments["first"])
    ((layer,),) = [theme["layers"] for theme in answer["themes"]]
    assert (layer["count"], layer["items"][0]["name"]) == (1, "A")


def test_valid_time_is_another_question(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "insert into cim.building (layer_id, source_key, code, height_m, valid_from, valid_to, geom) values"
                " ('buildings', '1', 'old', 1, '1990-01-01Z', '2010-01-01Z', :g),"
                " ('buildings', '2', 'new', 2, '2010-01-01Z', null, :g), ('buildings', '3', 'always', 3, null, null,"
                " :g)"
            ),
            {"g": square(114.0)},
        )
    year = timedelta(days=365)
    ends = datetime(2010, 1, 1, tzinfo=UTC)
    with engine.connect() as connection:
        for interval, expected in (
            ((ends - year, ends - year), {"old", "always"}),
            # the old one ends as the new one begins: at no instant are both there
            ((ends, ends), {"new", "always"}),
            ((ends - year, ends + year), {"old", "new", "always"}),
            ((None, ends - year), {"old", "always"}),
            ((ends, None), {"new", "always"}),
        ):
            assert set(heights(connection, None, valid=interval)) == expected, interval
            assert set(heights(connection, datetime.now(UTC) + year, valid=interval)) == expected, interval


def test_the_planner_finds_the_past_by_index(engine: Engine) -> None:
    """10,000 corrected points: the past of a small place reads no more of history than it needs."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "insert into cim.camera (layer_id, source_key, geom) select 'cameras', n::text,"
                " ST_SetSRID(ST_Point(114 + n / 1e5, 22 + n / 1e5), 4490) from generate_series(1, 10000) n"
            )
        )
        moment = connection.execute(text("select now() + interval '1 microsecond'")).scalar_one()
    with engine.begin() as connection:
        connection.execute(text("update cim.camera set name = 'x', recorded_at = now()"))
    with engine.begin() as connection:
        connection.execute(text("analyze cim.object_history"))
        count, bounds = connection.execute(
            text("select count(*), count(bounds) from cim.object_history where layer_id = 'cameras'")
        ).one()
        assert (count, bounds) == (10_000, 10_000)
    with engine.connect() as connection:
        layer = get_layer(connection, "cameras", ADMIN)
        query = ItemsQuery(asof=moment, bbox=(114.0, 22.0, 114.0005, 22.0005), limit=1000)
        found = orjson.loads(list_items(connection, layer, query, ADMIN).body)
        assert len(found) == 50
        plan = "\n".join(
            connection.execute(
                text(
                    "explain select id from cim.object_history where layer_id = 'cameras' and recorded_to > now()"
                    " and bounds && ST_MakeEnvelope(114, 22, 114.0005, 22.0005, 4490)"
                )
            ).scalars()
        )
        assert "Index" in plan
