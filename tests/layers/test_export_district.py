"""Layers of a whole neighbourhood go out and come back into an empty model."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from cim.importing import ImportContext, ImportOptions, import_paths, importers
from cim.settings import Settings
from district.make import make_district
from district.scales import SCALES
from tests.layers.test_export import Export, assert_same, bring, export, other, rows_of

__all__ = ["export", "other"]

#: What an import of merged records cannot say: which of them a model describes, and until when they stood.
DERIVED = ("cim_level", "valid_from", "valid_to")
LAYERS = {
    "buildings": "gpkg",
    "units": "parquet",
    "road_nodes": "parquet",
    "roads": "fgb",
    "pipes": "gpkg",
    "pipe_nodes": "geojson",
    "cameras": "geojsonl",
    "grid_cells": "fgb",
    "sensors": "geojson",
    "events": "parquet",
    "rivers": "gpkg",
    "admin_areas": "gpkg",
}


@pytest.mark.slow
def test_a_neighbourhood_comes_back(
    export: Export, engine: Engine, other: Engine, settings: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "district"
    make_district(folder, SCALES["sample"], 7, only="gis")
    known = [importer for importer in importers() if importer.name != "ifc"]
    list(import_paths(engine, [folder], ImportContext(ImportOptions(), settings), known))
    # Rivers take their heights from the ground.
    bring(other, settings, *sorted(folder.rglob("*.tif")))
    # Merging is what makes keys of several datasets one layer; each dataset goes out by itself.
    for layer_id, ending in LAYERS.items():
        before = rows_of(engine, layer_id)
        assert before, layer_id
        parts = export(layer_id, tmp_path / f"{layer_id}.{ending}", by_dataset=True)
        assert sum(part.rows for part in parts) == count(engine, layer_id)
        for part in parts:
            bring(other, settings, Path(part.file), dataset=f"{layer_id} {part.datasets[0]}")
        after = rows_of(other, layer_id)
        if layer_id == "buildings":
            for row in (*before.values(), *after.values()):
                for name in DERIVED:
                    del row[name]
        assert_same(before, after)


def count(engine: Engine, layer_id: str) -> int:
    """Return how many objects a layer has."""
    with engine.connect() as connection:
        table = connection.execute(
            text("SELECT table_name FROM cim.layer WHERE id = :id"), {"id": layer_id}
        ).scalar_one()
        only = " AND origin = 'source'" if table in {"pipe_node", "road_node"} else ""
        return int(
            connection.execute(
                text(f"SELECT count(*) FROM cim.{table} WHERE layer_id = :id{only}"), {"id": layer_id}
            ).scalar_one()
        )
