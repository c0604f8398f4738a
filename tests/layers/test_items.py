"""Items of a layer, page by page, as GeoJSON from the database."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from sqlalchemy import Connection, text

from cim.access import Caller
from cim.errors import InvalidInput, NotFound
from layers.catalogue import get_layer
from layers.queries.items import ItemsQuery, get_item, list_items, queryables

ADMIN = Caller("admin")


@pytest.fixture
def city(connection: Connection) -> Connection:
    """25 buildings in a row, one hundredth of a degree apart; every fifth is a school; a generic layer."""
    connection.execute(
        text(
            "insert into cim.building (layer_id, source_key, name, use, height_m, storeys_above, area_code, geom)"
            " select 'buildings', i::text, '楼' || i, case when i % 5 = 0 then '学校' else '住宅' end, i * 1.5, i,"
            " case when i < 10 then '440307001' else '440307002' end,"
            " ST_Multi(ST_MakeEnvelope(114 + i * 0.01, 22, 114 + i * 0.01 + 0.005, 22.005, 4490))"
            " from generate_series(1, 25) i"
        )
    )
    connection.execute(
        text(
            "insert into cim.layer (id, theme_id, title_zh, title_en, table_name, geometry_type, fields)"
            " values ('trees',"
            ' \'other\', \'树木\', \'Trees\', \'feature\', \'point\', \'{"kind": {"type": "string", "title": {"zh": "",'
            ' "en": "Kind"}}, "age": {"type": "integer", "title": {"zh": "", "en": "Age"}}}\')'
        )
    )
    connection.execute(
        text(
            "insert into cim.feature (layer_id, source_key, attributes, geom) select 'trees', i::text,"
            " jsonb_build_object('kind', 'oak', 'age', i, 'secret', 1), ST_SetSRID(ST_MakePoint(114, 22), 4490)"
            " from generate_series(1, 3) i"
        )
    )
    return connection


def page(
    connection: Connection, layer: str = "buildings", caller: Caller = ADMIN, **query: Any
) -> tuple[list[Any], Any]:
    found = list_items(connection, get_layer(connection, layer, ADMIN), ItemsQuery(**query), caller)
    features = orjson.loads(found.body)
    assert len(features) == found.number_returned
    return features, found


def test_pages_follow_one_another_without_gap_or_overlap(city: Connection) -> None:
    seen: list[str] = []
    cursor = None
    sizes = []
    while True:
        features, found = page(city, limit=10, cursor=cursor, count_matched=True)
        sizes.append(len(features))
        seen += [feature["properties"]["name"] for feature in features]
        assert found.number_matched == 25
        cursor = found.next_cursor
        if cursor is None:
            break
    assert sizes == [10, 10, 5]
    assert seen == [f"楼{i}" for i in range(1, 26)]


def test_a_full_last_page_has_no_next(city: Connection) -> None:
    assert page(city, limit=25)[1].next_cursor is None


def test_a_feature_is_geojson_with_the_allowed_properties(city: Connection) -> None:
    feature = page(city, limit=1)[0][0]
    assert feature["type"] == "Feature"
    assert feature["geometry"]["coordinates"][0][0][0] == [114.01, 22]
    assert feature["properties"]["height_m"] == 1.5
    assert feature["properties"]["has_model"] is False
    assert "provenance" not in feature["properties"]
    tree = page(city, "trees", limit=1)[0][0]
    assert tree["properties"] == {"kind": "oak", "age": 1}
    alone = orjson.loads(get_item(city, get_layer(city, "trees", ADMIN), tree["id"], ADMIN))
    assert alone == tree


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"bbox": (114.0, 21.9, 114.1, 22.1)}, 10),
        ({"bbox": (114.0, 21.0, 114.005, 21.5)}, 0),
        ({"bbox": (114.2, 21.9, -170.0, 22.1)}, 6),
        ({"filters": {"use": "学校"}}, 5),
        ({"filters": {"use": "学校", "storeys_above": "10"}}, 1),
        ({"filters": {"height_m": "3"}}, 1),
        ({"filters": {"has_model": "true"}}, 0),
        ({"filters": {"has_model": "false"}, "bbox": (114.0, 21.9, 114.1, 22.1)}, 10),
        ({"filters": {"conflicts": "0"}}, 25),
        ({"filters": {"name": "'; drop table cim.building; --"}}, 0),
    ],
)
def test_boxes_and_filters(city: Connection, query: dict[str, Any], count: int) -> None:
    assert len(page(city, **query)[0]) == count


def test_filters_on_attributes_of_a_generic_layer(city: Connection) -> None:
    assert [f["properties"]["age"] for f in page(city, "trees", filters={"age": "2"})[0]] == [2]
    assert len(page(city, "trees", filters={"kind": "oak"})[0]) == 3


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"filters": {"secret": "1"}}, "secret"),
        ({"filters": {"height_m": "high"}}, "high"),
        ({"filters": {"height_m": "nan"}}, "nan"),
        ({"filters": {"has_model": "yes"}}, "true or false"),
        ({"filters": {"name": "a\x00b"}}, "NUL"),
        ({"limit": 0}, "limit is 0"),
        ({"limit": 10001}, "10000"),
        ({"bbox": (114.0, 91.0, 115.0, 92.0)}, "bbox"),
        ({"bbox": (114.0, float("nan"), 115.0, 92.0)}, "bbox"),
        ({"bbox": (114.0, 23.0, 115.0, 22.0)}, "bbox"),
    ],
)
def test_queries_that_cannot_be_answered(city: Connection, query: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        page(city, **query)


def test_a_caller_sees_its_area_only(city: Connection) -> None:
    assert len(page(city, caller=Caller("viewer", "440307001"))[0]) == 9
    hidden = page(city, filters={"storeys_above": "20"})[0][0]["id"]
    with pytest.raises(NotFound):
        get_item(city, get_layer(city, "buildings", ADMIN), hidden, Caller("viewer", "440307001"))


def test_an_item_of_another_layer_is_not_found(city: Connection) -> None:
    tree = page(city, "trees")[0][0]["id"]
    for number in (tree, 0, 2**70):
        with pytest.raises(NotFound):
            get_item(city, get_layer(city, "buildings", ADMIN), number, ADMIN)


def test_queryables_name_the_fields_and_their_types(city: Connection) -> None:
    schema = queryables(get_layer(city, "buildings", ADMIN))
    assert schema["properties"]["height_m"] == {"title": "Height (m)", "type": "number"}
    assert schema["properties"]["has_model"]["type"] == "boolean"
    assert "geometry" in schema["properties"]
    assert "geometry" not in queryables(get_layer(city, "units", ADMIN))["properties"]


def test_every_standard_layer_can_be_listed(city: Connection) -> None:
    ids = city.execute(text("select id from cim.layer order by id")).scalars().all()
    assert len(ids) > 20
    for layer_id in ids:
        layer = get_layer(city, layer_id, ADMIN)
        if layer.table_name != "none":
            list_items(city, layer, ItemsQuery(limit=5), ADMIN)
            for name, kind in ((n, f["type"]) for n, f in layer.fields.items()):
                value = {"string": "x", "boolean": "true", "datetime": "2025-01-01T00:00:00Z"}.get(kind, "1")
                list_items(city, layer, ItemsQuery(limit=5, filters={name: value}), ADMIN)
