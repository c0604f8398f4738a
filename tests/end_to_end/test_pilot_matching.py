"""Matching on the pilot district: how many sources find their building, and how many find a wrong one.

The truth is the building code. As delivered every source has it; so the sources are delivered once more without: the
register by its points and names, and the footprints as another surveyor would have drawn them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from sqlalchemy import Connection, text

from cim.importing import ImportContext, ImportOptions, _write, importers, recognise
from cim.reports import ImportReport
from cim.sources import Source

if TYPE_CHECKING:
    from conftest import Pilot

pytestmark = pytest.mark.slow

GOAL = 0.99
#: A column that no mapping knows: it becomes an attribute, which matching never reads.
TRUTH = "档案记号"


class Outcome(NamedTuple):
    """Pairs of source and building that were found, that are right, and that there are."""

    found: int
    right: int
    real: int

    @property
    def precision(self) -> float:
        return self.right / self.found

    @property
    def recall(self) -> float:
        return self.right / self.real


def outcome(pairs: Mapping[str, str | None], truth: Mapping[str, str]) -> Outcome:
    """Compare source -> building code as matched with the same as it is."""
    found = {key: code for key, code in pairs.items() if code is not None}
    return Outcome(len(found), sum(truth.get(key) == code for key, code in found.items()), len(truth))


def deliver(connection: Connection, pilot: Pilot, path: Path) -> None:
    """Import one file in the connection's transaction, which the caller rolls back."""
    source = Source(path, path.name, path.parent, path)
    context = ImportContext(ImportOptions(layer="buildings"), pilot.settings)
    importer = recognise(source, importers())
    report = ImportReport(path.name, path.name, importer.name, "refused")
    _write(connection, source, importer.prepare(source, context), b"x", context, report)


def by_truth(connection: Connection, dataset: str) -> dict[str, str | None]:
    """Return of each row of a dataset its hidden code and the code of the building that it was matched to."""
    rows = connection.execute(
        text(
            "select s.attributes ->> :truth as truth, b.source_key from cim.building_source s"
            " join cim.dataset d on d.id = s.dataset_id left join cim.building b on b.id = s.building_id"
            " where d.name = :dataset"
        ),
        {"truth": TRUTH, "dataset": dataset},
    )
    return {row.truth: row.source_key for row in rows}


@pytest.fixture(scope="module")
def footprints(pilot: Pilot) -> gpd.GeoDataFrame:
    """The pilot's footprints that are in the model, each code once."""
    layer = gpd.read_file(pilot.folder / "gis" / "buildings.gpkg")
    layer = layer.drop_duplicates("建筑编码")
    return layer[layer.geometry.is_valid].reset_index(drop=True)


def test_register_rows_find_their_building(pilot: Pilot) -> None:
    rows = pilot.rows(
        "select s.source_key, b.code from cim.building_source s join cim.dataset d on d.id = s.dataset_id"
        " left join cim.building b on b.id = s.building_id where d.name = 'buildings.csv'"
    )
    truth = {code: code for code in pd.read_csv(pilot.folder / "registers" / "buildings.csv", dtype=str)["建筑编码"]}
    result = outcome({row.source_key: row.code for row in rows}, truth)
    assert result.precision >= GOAL, result
    assert result.recall >= GOAL, result


def test_models_find_their_building(pilot: Pilot) -> None:
    rows = pilot.rows(
        "select d.name, b.code from cim.building_source s join cim.dataset d on d.id = s.dataset_id"
        " left join cim.building b on b.id = s.building_id where s.kind = 'ifc'"
    )
    home = {f"{entry['ifc']}.ifc": code for code, entry in pilot.truth["buildings"].items() if entry["ifc"]}
    models = [report for report in pilot.reports.values() if report.importer == "ifc"]
    placed = {report.file for report in models if report.status == "imported"}
    # and those that another test has given their place since
    placed |= {row.name for row in rows}
    result = outcome({row.name: row.code for row in rows}, {name: home[name] for name in placed})
    assert result.real >= 3
    assert (result.precision, result.recall) == (1, 1), result


def test_register_rows_without_codes_find_their_building(
    pilot: Pilot, footprints: gpd.GeoDataFrame, tmp_path: Path
) -> None:
    register = pd.read_csv(pilot.folder / "registers" / "buildings.csv", dtype=str)
    register = register[register["建筑编码"].isin(set(footprints["建筑编码"]))]
    path = tmp_path / "nameless.csv"
    register.rename(columns={"建筑编码": TRUTH}).to_csv(path, index=False)
    with pilot.engine.connect() as connection:
        deliver(connection, pilot, path)
        result = outcome(by_truth(connection, path.name), {code: code for code in register["建筑编码"]})
        connection.rollback()
    assert result.real > 11_000
    assert result.precision >= GOAL, result
    assert result.recall >= GOAL, result


def test_footprints_of_another_survey_find_their_building(
    pilot: Pilot, footprints: gpd.GeoDataFrame, tmp_path: Path
) -> None:
    """Every corner 0.3 m off (one sigma), every house 0.7 m, a few hundred houses that are in no other source."""
    random = np.random.default_rng(20260301)
    shapes = footprints.geometry.to_numpy()
    sizes = shapely.get_num_coordinates(shapes)
    moved = shapely.get_coordinates(shapes) + np.repeat(random.normal(0, 0.7, (len(shapes), 2)), sizes, axis=0)
    ends = np.cumsum(sizes)
    corners = random.normal(0, 0.3, moved.shape)
    corners[ends - 1] = corners[ends - sizes]  # rings stay closed
    drawn = shapely.make_valid(shapely.set_coordinates(shapely.force_2d(shapes).copy(), moved + corners))
    layer = gpd.GeoDataFrame({TRUTH: footprints["建筑编码"]}, geometry=drawn, crs=footprints.crs)
    south, west = shapely.total_bounds(shapes)[1], shapely.total_bounds(shapes)[0]
    new = [shapely.box(west + 30 * n, south - 60, west + 30 * n + 12, south - 45) for n in range(150)]
    strangers = gpd.GeoDataFrame({TRUTH: [f"new{n}" for n in range(150)]}, geometry=new, crs=footprints.crs)
    path = tmp_path / "second_survey.gpkg"
    pd.concat([layer, strangers]).to_file(path, layer="建筑", engine="pyogrio")
    with pilot.engine.connect() as connection:
        deliver(connection, pilot, path)
        codes = by_truth(connection, path.name)
        connection.rollback()
    real = set(footprints["建筑编码"])
    known = {key: code for key, code in codes.items() if code in real}
    result = outcome(known, {code: code for code in real})
    assert result.real > 11_000
    assert result.precision >= GOAL, result
    assert result.recall >= GOAL, result
    assert not any(key.startswith("new") for key in known)
