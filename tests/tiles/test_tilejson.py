"""TileJSON documents against the published schema and the layers they describe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from sqlalchemy import Connection

from cim.access import Caller
from cim.errors import InvalidInput, NotFound
from tiles.tilejson import tilejson

ADMIN = Caller("admin")


def test_documents_follow_the_schema(
    connection: Connection, add_rows: Any, footprints: list[Any], shared_data: Path
) -> None:
    schema = json.loads((shared_data / "conformance" / "tilejson" / "schema-3.0.0.json").read_text())
    add_rows("building", "buildings", [{"geom": shape} for shape in footprints])
    for layers in (["buildings"], ["roads"], ["buildings", "cameras", "events"], ["elements"]):
        document = tilejson(connection, layers, "http://127.0.0.1:8000", ADMIN)
        jsonschema.validate(document, schema)
        assert json.loads(json.dumps(document)) == document


def test_it_says_where_the_layer_is_and_what_it_carries(
    connection: Connection, add_rows: Any, footprints: list[Any]
) -> None:
    add_rows("building", "buildings", [{"geom": shape} for shape in footprints])
    document = tilejson(connection, ["buildings", "pipes"], "http://localhost:1", ADMIN)

    assert document["tiles"] == ["http://localhost:1/tiles/buildings,pipes/{z}/{x}/{y}.mvt"]
    west, south, east, north = document["bounds"]
    # ST_Extent is of single precision outwards
    bounds = [shape.bounds for shape in footprints]
    assert west == pytest.approx(min(box[0] for box in bounds), abs=2e-5)
    assert north == pytest.approx(max(box[3] for box in bounds), abs=2e-5)
    assert south < document["center"][1] < north
    assert west < document["center"][0] < east
    assert (document["minzoom"], document["maxzoom"]) == (8, 17)
    buildings, pipes = document["vector_layers"]
    assert set(buildings["fields"]) == {
        "name", "code", "use", "height_m", "base_height_m", "storeys_above", "has_model", "conflicts",
        "count", "area_m2", "floor_area_m2",
    }  # fmt: skip
    assert "owner" not in pipes["fields"]


def test_camera_columns_take_their_tile_names(connection: Connection) -> None:
    (cameras,) = tilejson(connection, ["cameras"], "", ADMIN)["vector_layers"]
    assert "height_m" in cameras["fields"]
    assert "mount_height_m" not in cameras["fields"]


def test_layers_without_tiles_have_no_document(connection: Connection) -> None:
    with pytest.raises(NotFound):
        tilejson(connection, ["units"], "", ADMIN)
    with pytest.raises(NotFound):
        tilejson(connection, ["nothing"], "", ADMIN)
    with pytest.raises(InvalidInput):
        tilejson(connection, [], "", ADMIN)
