"""One object with its attributes, provenance and links; what a caller may not see does not exist."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, text

from cim.access import Caller
from cim.errors import NotFound
from layers.queries.objects import get_object

ADMIN = Caller("admin")


def add(connection: Connection, statement: str, **values: Any) -> int:
    return int(connection.execute(text(statement), values).scalar_one())


@pytest.fixture
def ids(connection: Connection) -> dict[str, int]:
    """A building in a grid cell with a model, a storey, an element; a camera; a tree of a generic layer."""
    found: dict[str, int] = {}
    found["dataset"] = add(
        connection,
        "insert into cim.dataset (name, file_name, format, checksum, size_bytes, crs, accuracy_m, is_ballpark, owner)"
        " values ('plan', 'plan.gpkg', 'GPKG', '\\x00', 1, 'EPSG:4547', 0.5, false, '规划局') returning id",
    )
    common = {"d": found["dataset"]}
    found["cell"] = add(
        connection,
        "insert into cim.grid_cell (layer_id, dataset_id, source_key, code, name, grid, geom) values ('grid_cells', :d,"
        " 'g', '440307001001001', '一格', '社区网格', ST_Multi(ST_MakeEnvelope(114, 22, 115, 23, 4490))) returning id",
        **common,
    )
    found["building"] = add(
        connection,
        "insert into cim.building (layer_id, dataset_id, source_key, code, name, height_m, use, cim_level, area_code,"
        " attributes, provenance, geom) values ('buildings', :d, 'b', 'B1', '中心大厦', 54, '办公', 4, '440307001',"
        ' \'{"paint": "red"}\', cast(:p as jsonb), '
        " ST_Multi(ST_MakeEnvelope(114.1, 22.1, 114.2, 22.2, 4490))) returning id",
        p='{"height_m": {"source_id": 5, "dataset": "plan", "kind": "footprint", "rule": "only"},'
        ' "datasets": ["plan"]}',
        **common,
    )
    found["model"] = add(
        connection,
        "insert into cim.model (layer_id, dataset_id, source_key, name, ifc_schema, status, building_id)"
        " values ('models', :d, 'm', 'tower', 'IFC4', 'placed', :b) returning id",
        b=found["building"],
        **common,
    )
    found["storey"] = add(
        connection,
        "insert into cim.storey (layer_id, dataset_id, source_key, name, number, model_id, building_id)"
        " values ('storeys', :d, 's', '3F', 3, :m, :b) returning id",
        m=found["model"],
        b=found["building"],
        **common,
    )
    found["element"] = add(
        connection,
        "insert into cim.element (layer_id, dataset_id, source_key, name, global_id, ifc_class, psets, model_id,"
        " storey_id, building_id) values ('elements', :d, 'e', '墙', '2O2Fr$t4X7Zf8NOew3FNr2', 'IfcWall',"
        ' \'{"Pset_WallCommon": {"LoadBearing": false}}\', :m, :s, :b) returning id',
        m=found["model"],
        s=found["storey"],
        b=found["building"],
        **common,
    )
    connection.execute(
        text(
            "insert into cim.layer (id, theme_id, title_zh, title_en, table_name, geometry_type, fields)"
            " values ('trees', 'other', '树木', 'Trees', 'feature', 'point',"
            ' \'{"kind": {"type": "string", "title": {"zh": "树种", "en": "Kind"}}}\')'
        )
    )
    found["tree"] = add(
        connection,
        "insert into cim.feature (layer_id, dataset_id, source_key, name, attributes, geom) values ('trees', :d, 't',"
        ' \'大树\', \'{"kind": "榕树", "secret": 1}\', ST_SetSRID(ST_MakePoint(114.15, 22.15), 4490)) returning id',
        **common,
    )
    return found


def test_a_building_shows_fields_and_their_sources(connection: Connection, ids: dict[str, int]) -> None:
    answer = get_object(connection, ids["building"], ADMIN)
    assert (answer["id"], answer["layer"], answer["name"]) == (ids["building"], "buildings", "中心大厦")
    assert answer["attributes"]["height_m"] == 54
    assert answer["attributes"]["has_model"] is True
    assert answer["attributes"]["conflicts"] == 0
    assert answer["extra"] == {"paint": "red"}
    assert answer["cim_level"] == 4
    assert answer["geometry"]["type"] == "MultiPolygon"
    assert answer["bounds"] == pytest.approx([114.1, 22.1, 114.2, 22.2])
    assert answer["fields"] == {
        "height_m": {"value": 54, "source_id": 5, "dataset": "plan", "kind": "footprint", "rule": "only"}
    }
    dataset = answer["provenance"]["dataset"]
    assert (dataset["name"], dataset["crs"], dataset["accuracy_m"], dataset["ballpark"]) == (
        "plan",
        "EPSG:4547",
        0.5,
        False,
    )
    links = {link["rel"]: link for link in answer["links"]}
    assert links["dossier"]["href"] == f"/buildings/{ids['building']}/dossier"
    assert links["model"]["href"] == f"/objects/{ids['model']}"
    assert links["grid_cell"]["title"] == "一格"
    assert links["layer"]["href"] == "/ogc/collections/buildings"


def test_an_element_leads_to_its_storey_model_and_building(connection: Connection, ids: dict[str, int]) -> None:
    answer = get_object(connection, ids["element"], ADMIN)
    assert answer["attributes"]["global_id"] == "2O2Fr$t4X7Zf8NOew3FNr2"
    assert answer["extra"]["psets"] == {"Pset_WallCommon": {"LoadBearing": False}}
    assert answer["geometry"] is None
    assert answer["bounds"] is None
    links = {link["rel"]: (link["href"], link["title"]) for link in answer["links"]}
    assert links["storey"] == (f"/objects/{ids['storey']}", "3F")
    assert links["building"] == (f"/objects/{ids['building']}", "中心大厦")
    assert "fields" not in answer


def test_a_generic_object_shows_what_the_layer_allows_and_no_more(connection: Connection, ids: dict[str, int]) -> None:
    answer = get_object(connection, ids["tree"], ADMIN)
    assert answer["attributes"] == {"kind": "榕树"}
    assert answer["extra"] == {}
    assert answer["geometry"] == {"type": "Point", "coordinates": [114.15, 22.15]}


@pytest.mark.parametrize("number", [0, -1, 10**9, 2**63, 10**30])
def test_an_id_that_nothing_has(connection: Connection, number: int) -> None:
    with pytest.raises(NotFound, match=str(number)):
        get_object(connection, number, ADMIN)


def test_what_may_not_be_seen_does_not_exist(connection: Connection, ids: dict[str, int]) -> None:
    connection.execute(text("update cim.layer set visibility = 'commander' where id in ('trees', 'storeys')"))
    with pytest.raises(NotFound):
        get_object(connection, ids["tree"], Caller("planner"))
    assert get_object(connection, ids["tree"], Caller("commander"))["id"] == ids["tree"]
    hidden = get_object(connection, ids["element"], Caller("viewer"))
    assert "storey" not in {link["rel"] for link in hidden["links"]}
    assert get_object(connection, ids["building"], Caller("viewer", "440307"))["id"] == ids["building"]
    with pytest.raises(NotFound):
        get_object(connection, ids["building"], Caller("viewer", "440306"))


def test_every_table_of_objects_can_be_shown(connection: Connection, ids: dict[str, int]) -> None:
    add_all = {
        "camera": ("cameras", ""),
        "sensor": ("sensors", ""),
        "parking": ("parking", ""),
        "resource": ("resources", ""),
        "river": ("rivers", ""),
        "river_area": ("river_areas", ""),
        "catchment": ("catchments", ""),
        "water_work": ("water_works", ""),
        "road": ("roads", ""),
        "road_node": ("road_nodes", ""),
        "zone": ("zones", ""),
        "unit": ("units", ""),
        "space": ("spaces", ""),
        "pipe": ("pipes", "network"),
        "pipe_node": ("pipe_nodes", "network"),
        "event": ("events", "source"),
    }
    for table, (layer, needed) in add_all.items():
        extra = f", {needed}" if needed else ""
        number = add(
            connection,
            f"insert into cim.{table} (layer_id, dataset_id, source_key{extra}) "
            f"values (:l, :d, 'k'{', :n' * bool(needed)}) returning id",
            l=layer,
            d=ids["dataset"],
            **({"n": "x"} if needed else {}),
        )
        assert get_object(connection, number, ADMIN)["layer"] == layer
