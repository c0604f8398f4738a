"""The catalogue: seeding, what operators changed, layers that imports add, what callers see."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, select, text, update

from cim.access import Caller
from cim.errors import NotFound
from cim.tables import OBJECT_TABLES, layer, metadata
from layers.catalogue import district_extent, ensure_layer, get_layer, list_layers, list_models, seed

STANDARD = [
    "buildings",
    "units",
    "storeys",
    "spaces",
    "elements",
    "pipes",
    "pipe_nodes",
    "rivers",
    "river_areas",
    "roads",
    "grid_cells",
    "terrain",
    "cameras",
    "sensors",
    "events",
    "parking",
    "resources",
    "zones",
    "models",
    "road_nodes",
    "catchments",
    "water_works",
    "admin_areas",
]
COMPUTED = {"buildings": {"has_model", "conflicts"}}


def test_all_standard_layers_are_there(connection: Connection) -> None:
    assert set(STANDARD) <= set(connection.execute(select(layer.c.id)).scalars())


def test_fields_name_columns_and_legends_are_complete(connection: Connection) -> None:
    for row in connection.execute(select(layer)):
        assert row.table_name in OBJECT_TABLES
        columns = set(metadata.tables[f"cim.{row.table_name}"].c.keys())
        if row.table_name != "feature":
            assert set(row.fields) - columns <= COMPUTED.get(row.id, set()), row.id
        if row.style["legend_field"] is not None:
            assert row.style["legend_field"] in row.fields
        for item in row.style["legend"]:
            assert set(item) == {"label", "color", "value"}
            assert item["color"].startswith("#")


def test_seeding_again_changes_nothing_and_keeps_what_an_operator_changed(connection: Connection) -> None:
    before = connection.execute(select(layer).order_by(layer.c.id)).all()
    seed(connection)
    assert connection.execute(select(layer).order_by(layer.c.id)).all() == before
    connection.execute(update(layer).where(layer.c.id == "roads").values(title_en="Streets", visibility="planner"))
    seed(connection)
    row = connection.execute(select(layer).where(layer.c.id == "roads")).one()
    assert (row.title_en, row.visibility) == ("Streets", "planner")


def test_seeding_brings_a_pristine_row_up_to_date(connection: Connection) -> None:
    import layers.catalogue as catalogue

    entry = next(item for item in catalogue._document()["layer"] if item["id"] == "parking")
    older = catalogue._standard_layer({**entry, "color": "#000000"}, 10)
    connection.execute(update(layer).where(layer.c.id == "parking").values(older))
    seed(connection)
    style = connection.execute(select(layer.c.style).where(layer.c.id == "parking")).scalar_one()
    assert style["color"] == entry["color"]


def test_a_caller_sees_only_layers_of_the_own_rank(connection: Connection) -> None:
    connection.execute(update(layer).where(layer.c.id == "cameras").values(visibility="commander"))
    assert get_layer(connection, "cameras", Caller("commander")).table_name == "camera"
    with pytest.raises(NotFound, match="cameras"):
        get_layer(connection, "cameras", Caller("planner"))
    listed = {entry["id"] for entry in list_layers(connection, Caller("planner"))}
    assert "cameras" not in listed
    assert "buildings" in listed


def test_counts_and_bounds(connection: Connection) -> None:
    assert district_extent(connection) is None
    connection.execute(
        text(
            "insert into parking (layer_id, source_key, geom) select 'parking', n::text,"
            " ST_SetSRID(ST_MakePoint(114 + n / 10.0, 22.5), 4490) from generate_series(1, 3) n"
        )
    )
    entry = next(item for item in list_layers(connection, Caller("viewer")) if item["id"] == "parking")
    assert entry["count"] == 3
    assert entry["bounds"] == pytest.approx([114.1, 22.5, 114.3, 22.5])
    assert entry["tiles"] == "/tiles/parking.json"
    assert entry["fields"]["capacity"] == {"type": "integer", "title": {"zh": "总车位", "en": "Capacity"}}
    assert district_extent(connection) == pytest.approx((114.1, 22.5, 114.3, 22.5))


def test_a_generic_layer_grows(connection: Connection) -> None:
    ensure_layer(connection, "trees", title="行道树", geometry_type="point", field_types={"树种": "string"})
    ensure_layer(connection, "trees", title="x", geometry_type="polygon", field_types={"胸径": "number"})
    row = get_layer(connection, "trees", Caller("viewer"))
    assert (row.title_zh, row.geometry_type, row.table_name) == ("行道树", "mixed", "feature")
    assert set(row.fields) == {"树种", "胸径"}


def test_models_are_listed_with_place(connection: Connection) -> None:
    connection.execute(
        text(
            "insert into model (layer_id, source_key, name, ifc_schema, status, longitude, latitude, height_m, geom)"
            " values ('models', 'm', 'A座', 'IFC4', 'placed', 114.2, 22.7, 40,"
            " ST_SetSRID(ST_Multi(ST_MakeEnvelope(114.2, 22.7, 114.3, 22.8)), 4490))"
        )
    )
    [entry] = list_models(connection, Caller("viewer"))
    assert entry["center"] == [114.2, 22.7, 40.0]
    assert entry["bounds"] == pytest.approx([114.2, 22.7, 114.3, 22.8])
    assert list_models(connection, Caller("viewer", area_code="440307")) == []
