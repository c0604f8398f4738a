"""Search by name, code, address and model element; the order of the answers."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, text

from cim.access import Caller
from cim.errors import InvalidInput
from layers.queries.search import search

ADMIN = Caller("admin")


@pytest.fixture
def city(connection: Connection) -> Connection:
    run = connection.execute
    dataset = run(
        text(
            "insert into cim.dataset (name, file_name, format, checksum, size_bytes)"
            " values ('d', 'd', 't', '\\x00', 1) returning id"
        )
    ).scalar_one()
    run(
        text(
            "insert into cim.building (layer_id, dataset_id, source_key, name, code, address, area_code, geom)"
            " select 'buildings', :d, i::text, n, c, a, left(c, 9),"
            " ST_Multi(ST_MakeEnvelope(x, 22, x + 0.001, 22.001, 4490))"
            " from (values (1, '龙岗中心大厦', '4403070010010000001', '龙平大道12号', 114.0),"
            " (2, '大厦', '4403070010010000002', '龙城路1号', 114.1),"
            " (3, '深圳龙岗中心医院', '4403070020010000003', '爱心路1号', 114.2),"
            " (4, 'Tower 100% _A', 'X-1', 'Main Street 5', 114.3),"
            " (5, null, '4403070020010000005', null, 114.4)) v (i, n, c, a, x)"
        ),
        {"d": dataset},
    )
    run(
        text(
            "insert into cim.road (layer_id, dataset_id, source_key, name, class, geom) select 'roads', :d, i::text,"
            " '龙平大道', 'primary', ST_Multi(ST_SetSRID(ST_MakeLine(ST_MakePoint(114 + i * 0.01, 22),"
            " ST_MakePoint(114.01 + i * 0.01, 22)), 4490)) from generate_series(1, 40) i"
        ),
        {"d": dataset},
    )
    run(
        text(
            "with m as (insert into cim.model (layer_id, dataset_id, source_key, name, ifc_schema, status)"
            " values ('models', :d, 'm', 'tower_01', 'IFC4', 'placed') returning id)"
            " insert into cim.element (layer_id, dataset_id, source_key, model_id, name, global_id, ifc_class)"
            " select 'elements', :d, '2O2Fr$t4X7Zf8NOew3FNr2', id, '大厦外墙',"
            " '2O2Fr$t4X7Zf8NOew3FNr2', 'IfcWall' from m"
        ),
        {"d": dataset},
    )
    run(
        text(
            "insert into cim.unit (layer_id, dataset_id, source_key, code, room, building_id)"
            " select 'units', :d, 'U-0001', 'U-0001', '302', id from cim.building where source_key = '2'"
        ),
        {"d": dataset},
    )
    run(
        text(
            "insert into cim.camera (layer_id, dataset_id, source_key, code, name, geom) values ('cameras', :d, 'c',"
            " '44030700001320000001', '龙平大道路口', ST_SetSRID(ST_MakePoint(114.05, 22), 4490))"
        ),
        {"d": dataset},
    )
    return connection


def names(connection: Connection, query: str, **options: object) -> list[str]:
    return [result["name"] for result in search(connection, query, ADMIN, **options)["results"]]  # type: ignore[arg-type]


def test_an_equal_code_comes_first(city: Connection) -> None:
    (first, *_) = search(city, "4403070010010000001", ADMIN)["results"]
    assert (first["name"], first["score"]) == ("龙岗中心大厦", 1.0)
    assert first["center"] == pytest.approx([114.0005, 22.0005])
    assert first["bounds"] == pytest.approx([114.0, 22.0, 114.001, 22.001])
    assert first["detail"] == "龙平大道12号"
    assert first["layer"] == "buildings"
    assert first["layer_title"]["en"] == "Buildings"


def test_a_beginning_comes_before_a_part_and_that_before_likeness(city: Connection) -> None:
    assert names(city, "龙岗中心")[:2] == ["龙岗中心大厦", "深圳龙岗中心医院"]
    assert names(city, "大厦") == ["大厦", "龙岗中心大厦", "大厦外墙"]
    assert names(city, "龙岗中心大夏")[0] == "龙岗中心大厦"
    scores = [result["score"] for result in search(city, "龙岗中心大夏", ADMIN)["results"]]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] <= 0.55


@pytest.mark.parametrize(
    ("query", "first"), [("龙", "龙平大道"), ("医院", "深圳龙岗中心医院"), ("爱心路", "深圳龙岗中心医院")]
)
def test_short_chinese_queries_and_addresses(city: Connection, query: str, first: str) -> None:
    assert first in names(city, query)


def test_pieces_of_one_road_are_one_answer(city: Connection) -> None:
    found = names(city, "龙平大道")
    assert found.count("龙平大道") == 1
    assert found[0] == "龙平大道"
    assert "龙岗中心大厦" in found  # by its address
    assert "龙平大道路口" in found


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("2O2Fr$t4X7Zf8NOew3FNr2", "大厦外墙"),
        ("U-0001", "302"),
        ("44030700001320000001", "龙平大道路口"),
        ("tower_01", "tower_01"),
        ("TOWER", "Tower 100% _A"),
        ("street main", "Tower 100% _A"),
        ("100% _a", "Tower 100% _A"),
        ("4403070020010000005", "4403070020010000005"),
        ("４４０３０７００２００１００００００５", "4403070020010000005"),
    ],
)
def test_what_can_be_found(city: Connection, query: str, name: str) -> None:
    assert names(city, query)[0] == name


def test_a_unit_lies_where_its_building_does(city: Connection) -> None:
    (first, *_) = search(city, "U-0001", ADMIN)["results"]
    assert first["center"] == pytest.approx([114.1005, 22.0005])


@pytest.mark.parametrize("query", ["%", "_", "\\", "'", "%%%", "a'; drop table cim.building; --"])
def test_signs_of_patterns_mean_themselves(city: Connection, query: str) -> None:
    found = names(city, query)
    assert all(query in name for name in found)
    assert len(found) <= 2


def test_limits_layers_and_boxes(city: Connection) -> None:
    assert len(names(city, "龙", limit=1)) == 1
    assert set(names(city, "龙", layers=["cameras"])) == {"龙平大道路口"}
    assert names(city, "龙", layers=["no_such_layer"]) == []
    assert names(city, "大厦", layers=["buildings"], bbox=(114.05, 21, 114.15, 23)) == ["大厦"]


def test_only_what_the_caller_may_see(city: Connection) -> None:
    city.execute(text("update cim.layer set visibility = 'commander' where id = 'cameras'"))
    hidden = search(city, "龙平大道", Caller("viewer"))["results"]
    assert "cameras" not in {result["layer"] for result in hidden}
    near = search(city, "中心", Caller("viewer", "440307002"))["results"]
    assert {result["name"] for result in near} == {"深圳龙岗中心医院"}


@pytest.mark.parametrize(("query", "words"), [("", "empty"), (" \x00 ", "empty"), ("x" * 201, "201 characters")])
def test_texts_that_cannot_be_searched(city: Connection, query: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        search(city, query, ADMIN)
    with pytest.raises(InvalidInput, match="limit"):
        search(city, "x", ADMIN, limit=0)
