"""The IFC models' sites on the plan, and the placements of those that do not know their own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from district.bim.program import PLANTED_FAULTS
from district.bim.site import ModelSite
from district.buildings import Buildings
from district.scales import METRIC_CRS
from district.truth import Expectation, Fault

_EXPECT: dict[str, tuple[str, Expectation]] = {
    "mm_missing_scale": ("lengths in millimetres, IfcMapConversion without the scale 0.001", "report"),
    "georeferenced_twice": ("EPSG:4547 coordinates in the placements and a full IfcMapConversion", "report"),
    "storeys_disagree": ("two storeys more than the footprint and the register say", "conflict"),
    "height_disagrees": ("a quarter higher than the footprint and the register say", "conflict"),
    "no_place": ("no georeferencing; ifc/placements.csv has its place", "refuse"),
}


def model_sites(buildings: Buildings) -> list[ModelSite]:
    """Say where every model of the district stands."""
    models, rows = buildings.models, buildings.table.iloc[buildings.model_rows]
    places = zip(
        models.program,
        rows["建筑编码"],
        models.corner.tolist(),
        rows["基底标高"].tolist(),
        np.round(np.rad2deg(models.rotation_rad), 6).tolist(),
        rows["地址"],
        strict=True,
    )
    return [
        ModelSite(program, code, e, n, base, rotation, address, PLANTED_FAULTS.get(program.slug))
        for program, code, (e, n), base, rotation, address in places
    ]


def placements(sites: list[ModelSite]) -> pd.DataFrame:
    """Make the table for ``--place``: metres in EPSG:4547, degrees counter-clockwise from grid east."""
    rows = [
        (f"{s.program.slug}.ifc", METRIC_CRS, s.easting_m, s.northing_m, s.base_height_m, s.rotation_deg)
        for s in sites
        if s.fault == "no_place"
    ]
    return pd.DataFrame(rows, columns=["file", "crs", "easting", "northing", "height", "rotation"])


def model_faults(sites: list[ModelSite]) -> list[Fault]:
    """Say what is wrong with the models."""
    return [
        Fault(site.fault, f"ifc/{site.program.slug}.ifc", None, site.program.slug, *_EXPECT[site.fault])
        for site in sites
        if site.fault
    ]


def known_buildings(buildings: Buildings, sites: list[ModelSite], faults: list[Fault]) -> dict[str, dict[str, Any]]:
    """Give what the footprint layer says of the buildings with a model or a planted disagreement, by code."""
    slugs: dict[str, str] = {site.building_code: site.program.slug for site in sites}
    wanted = {*slugs, *(fault.key for fault in faults if fault.expect == "conflict")}
    rows = buildings.table[buildings.table["建筑编码"].isin(wanted)]
    values = zip(rows["建筑编码"], rows["地上层数"].tolist(), rows["高度"].tolist(), strict=True)
    return {
        code: {"ifc": slugs.get(code), "storeys_above": storeys, "height_m": height} for code, storeys, height in values
    }
