"""Counts of people below five: not in items, not in sums, not by filters, not by the difference of two zones."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from shapely import box
from sqlalchemy import Connection, text

from cim.access import Caller
from cim.errors import Forbidden
from layers.catalogue import get_layer
from layers.queries.inventory import take_inventory
from layers.queries.items import ItemsQuery, list_items
from layers.queries.zone import ZoneRequest

LOW, HIGH = Caller("planner"), Caller("commander")
#: households of houses in a row from west to east
HOUSEHOLDS = (40, 3, 7, 1, 0)


@pytest.fixture
def street(connection: Connection) -> Connection:
    for place, count in enumerate(HOUSEHOLDS):
        connection.execute(
            text(
                "insert into cim.building (layer_id, source_key, code, households, geom) values"
                " ('buildings', :k, :k, :c,"
                " ST_Multi(ST_MakeEnvelope(:west, 22, :west + 0.0005, 22.0005, 4490)))"
            ),
            {"k": f"h{place}", "c": count, "west": 114 + 0.001 * place},
        )
    return connection


def households(connection: Connection, caller: Caller, houses: int) -> float:
    """Sum over a zone that holds the first houses of the street."""
    zone = ZoneRequest(box(113.9999, 21.9999, 114 + 0.001 * houses - 0.0002, 22.001), ("buildings",), 0)
    answer = take_inventory(connection, zone, caller)
    ((layer,),) = [theme["layers"] for theme in answer["themes"]]
    assert layer["count"] == houses
    codes = {note["code"] for note in answer["receipt"]["notes"]}
    assert ("small_counts" in codes) == (caller is LOW)
    return float(layer["sums"]["households"])


def test_differences_of_zones_tell_only_what_is_shown(street: Connection) -> None:
    sums = [households(street, LOW, houses) for houses in range(1, len(HOUSEHOLDS) + 1)]
    assert sums == [40, 40, 47, 47, 47]
    assert [households(street, HIGH, houses) for houses in range(1, 6)] == [40, 43, 50, 51, 51]


def test_items_show_no_small_count(street: Connection) -> None:
    def shown(caller: Caller, **options: Any) -> list[int | None]:
        page = list_items(street, get_layer(street, "buildings", caller), ItemsQuery(**options), caller)
        return [feature["properties"]["households"] for feature in orjson.loads(page.body)]

    assert shown(HIGH) == list(HOUSEHOLDS)
    assert shown(LOW) == [40, None, 7, None, 0]
    assert shown(HIGH, filters={"households": "3"}) == [3]
    assert shown(HIGH, cql="households < 5") == [3, 1, 0]
    wrong = ({"filters": {"households": "3"}}, {"cql": "households < 5"}, {"cql": "code = 'x' OR HOUSEHOLDS = 1"})
    for options in wrong:
        with pytest.raises(Forbidden, match="households"):
            shown(LOW, **options)
