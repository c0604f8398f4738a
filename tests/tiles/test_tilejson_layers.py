"""TileJSON of every layer of a database of real files: the published schema, and what the specification says beside."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import mapbox_vector_tile
import pytest
import shapely
from sqlalchemy import Connection, Engine, func, select

from cim.access import Caller
from cim.tables import metadata
from layers.catalogue import get_layer, list_layers
from tests.command import cim
from tiles.contours import contours_json
from tiles.mvt import MAX_LAYERS, build_tile
from tiles.terrain import terrain_json
from tiles.tile import tile_matrix_set
from tiles.tilejson import tilejson

ADMIN = Caller("admin")
BASE = "https://map.example.org"
#: A small state, the city's districts, a water network, and heights.
FILES = ("osm/monaco-2021.osm.pbf", "shenzhen/sz_districts_wgs84.json", "pipes/Net3.inp", "dem/N43E007.hgt.zip")


@pytest.fixture
def real(engine: Engine, tmp_path: Path, database_url: str, shared_data: Path) -> Engine:
    """A database of real files."""
    paths = [str(shared_data / name) for name in FILES if (shared_data / name).exists()]
    for path in paths:
        more = ("--crs", "EPSG:32614") if path.endswith(".inp") else ()
        done = cim(tmp_path / "home", database_url, "import", path, *more)
        assert done.returncode in (0, 3), (path, done.stdout, done.stderr)
    return engine


@pytest.mark.slow
def test_documents_of_all_layers_follow_the_specification(real: Engine, shared_data: Path) -> None:
    schema = json.loads((shared_data / "conformance" / "tilejson" / "schema-3.0.0.json").read_text())
    with real.connect() as connection:
        served = [row for row in list_layers(connection, ADMIN) if row["tiles"]]
        documents = {row["id"]: tilejson(connection, [row["id"]], BASE, ADMIN) for row in served}
        all_together = tilejson(connection, [row["id"] for row in served][:MAX_LAYERS], BASE, ADMIN)
        ground, lines = terrain_json(connection, BASE), contours_json(connection, BASE)
        shown = {row["id"]: fields_shown(connection, row["id"]) for row in served if row["count"]}
    assert len(documents) > 12
    assert len(shown) > 5
    for document in (*documents.values(), all_together, ground, lines):
        jsonschema.validate(document, schema)
        check_beyond_schema(document)
    for name, (told, found) in shown.items():
        assert found, name
        assert found <= set(told), (name, found - set(told))
    assert [each["id"] for each in all_together["vector_layers"]] == list(documents)[:MAX_LAYERS]
    assert (ground["encoding"], ground["bounds"]) == ("mapbox", lines["bounds"])


def check_beyond_schema(document: dict[str, Any]) -> None:
    """Check what TileJSON 3.0.0 says in words only (sections 3.1 to 3.19)."""
    assert document["tilejson"] == "3.0.0"
    assert re.fullmatch(r"\d+\.\d+\.\d+", document.get("version", "1.0.0"))
    assert document.get("scheme", "xyz") in ("xyz", "tms")
    assert document["tiles"]
    for template in document["tiles"]:
        assert template.startswith(BASE + "/")
        assert all(template.count(part) == 1 for part in ("{z}", "{x}", "{y}"))
    lowest, highest = document["minzoom"], document["maxzoom"]
    assert 0 <= lowest <= highest <= 30
    west, south, east, north = document["bounds"]
    assert -180 <= west < east <= 180
    assert -90 < south < north < 90
    if "center" in document:
        lon, lat, zoom = document["center"]
        assert west <= lon <= east
        assert south <= lat <= north
        assert lowest <= zoom <= highest
    for layer in document["vector_layers"]:
        assert lowest <= layer["minzoom"] <= layer["maxzoom"] <= highest
        assert all(isinstance(said, str) for said in layer["fields"].values())


def fields_shown(connection: Connection, name: str) -> tuple[list[str], set[str]]:
    """Return the fields that a layer's document names, and those that its nearest tile around an object has."""
    row = get_layer(connection, name, ADMIN)
    table = metadata.tables[f"cim.{row.table_name}"]
    shape = shapely.from_wkb(
        bytes(
            connection.execute(
                select(func.ST_AsBinary(func.ST_PointOnSurface(table.c.geom)))
                .where(table.c.layer_id == name, table.c.geom.is_not(None))
                .order_by(table.c.id)
                .limit(1)
            ).scalar_one()
        )
    )
    tile = tile_matrix_set().tile(shape.x, shape.y, row.max_zoom)
    body = build_tile(connection, [name], tile.z, tile.x, tile.y, ADMIN)
    features = mapbox_vector_tile.decode(body)[name]["features"] if body else []
    [layer] = tilejson(connection, [name], BASE, ADMIN)["vector_layers"]
    return list(layer["fields"]), {key for feature in features for key in feature["properties"]}
