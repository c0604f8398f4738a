"""Checking, mending and moving the geometries of a batch, all at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from cim.crs import CrsTransform
from cim.errors import InvalidInput
from layers.sources.batch import is_none

Geometries = NDArray[np.object_]

FAMILIES = {0: "point", 1: "line", 2: "line", 3: "polygon", 4: "point", 5: "line", 6: "polygon", 7: "mixed"}
_DIMENSION = {"point": 0, "line": 1, "polygon": 2}
#: A projected system is used somewhat beyond its area; further out its coordinates are a fault.
_MARGIN = 1.0


@dataclass
class Checked:
    """Geometries ready for the model.

    Attributes
    ----------
    geometries
        In the stored CRS (longitude, latitude); None where rejected.
    reasons, details
        A short code and a sentence where a row is rejected, else ''.
    repairs
        Kind of repair -> the rows that it was made in: self_crossing, ring_order, duplicate_points, unclosed_ring.
    """

    geometries: Geometries
    reasons: Geometries
    details: Geometries
    repairs: dict[str, NDArray[np.bool_]]

    @classmethod
    def of(cls, geometries: Geometries) -> Checked:
        """Return geometries of which nothing bad is known yet."""
        empty = np.full(len(geometries), "", object)
        return cls(geometries.copy(), empty, empty.copy(), {})

    @property
    def repaired(self) -> NDArray[np.bool_]:
        """Tell which rows were repaired in any way."""
        found = np.zeros(len(self.geometries), bool)
        for rows in self.repairs.values():
            found |= rows
        return found

    def reject(self, which: NDArray[np.bool_], reason: str, detail: str) -> None:
        """Reject rows that were not rejected before."""
        new = which & (self.reasons == "")
        self.reasons[new] = reason
        self.details[new] = detail
        self.geometries[new] = None

    def forgive(self, reason: str) -> None:
        """Take back one reason for rejecting."""
        which = self.reasons == reason
        self.reasons[which] = self.details[which] = ""


class Parsed(NamedTuple):
    """Geometries that were read, which of them could not be, and which were read by closing their rings."""

    geometries: Geometries
    unreadable: NDArray[np.bool_]
    closed: NDArray[np.bool_]


def from_wkb(values: Geometries) -> Parsed:
    """Read WKB; rings whose last point is not their first are closed."""
    present = ~is_none(values)
    geometries: Geometries = shapely.from_wkb(values, on_invalid="ignore")
    unreadable = present & shapely.is_missing(geometries)
    closed = np.zeros(len(values), bool)
    if unreadable.any():
        rows = np.flatnonzero(unreadable)
        geometries[rows] = [_closed(value) for value in values[rows]]
        closed[rows] = ~shapely.is_missing(geometries[rows])
    return Parsed(geometries, unreadable & ~closed, closed)


def _closed(value: Any) -> shapely.Geometry | None:
    try:
        found: shapely.Geometry | None = shapely.from_wkb(value, on_invalid="fix")
    except (shapely.errors.ShapelyError, TypeError):
        return None
    return found


def check(
    geometries: Geometries,
    families: frozenset[str],
    transform: CrsTransform | None,
    *,
    closed: NDArray[np.bool_] | None = None,
    is_order_ruled: bool = False,
    may_collapse: bool = False,
) -> Checked:
    """Check geometries in the file's CRS, mend polygons, and move all to the stored CRS.

    Parameters
    ----------
    families
        Kinds that the target takes: point, line, polygon, or mixed for all.
    transform
        From the file's CRS to the stored one; None where they are the same already.
    closed
        Rows whose rings the reader has closed.
    is_order_ruled
        The format wants outer rings counter-clockwise (RFC 7946, 3.1.6); elsewhere only a hole that runs like its
        outer ring is a fault.
    may_collapse
        Lines without length are taken.
    """
    checked = Checked.of(geometries)
    missing = shapely.is_missing(geometries) | shapely.is_empty(geometries)
    checked.reject(missing, "missing_geometry", "the row has no geometry; deliver it, or drop the row")
    _reject_coordinates(checked, transform)
    if closed is not None:
        checked.repairs["unclosed_ring"] = closed & (checked.reasons == "")
    _drop_duplicates(checked)
    _repair(checked, may_collapse)
    _order_rings(checked, is_order_ruled)
    _match_family(checked, families)
    if transform is not None:
        _move(checked, transform)
    for rows in checked.repairs.values():
        rows &= checked.reasons == ""
    return checked


def plausible_bounds(crs: CRS) -> tuple[float, float, float, float]:
    """Return min x, min y, max x, max y within which coordinates of a system can be meant."""
    if crs.is_geographic:
        return -180.0, -90.0, 180.0, 90.0
    area = crs.area_of_use
    if area is None:
        return -1e8, -1e8, 1e8, 1e8
    from cim.crs import transform_between

    west, east = area.west, area.east if area.east > area.west else area.east + 360
    edge_x = np.tile(np.linspace(west, east, 9), 9)
    edge_y = np.repeat(np.linspace(area.south, area.north, 9), 9)
    x, y = transform_between("EPSG:4326", crs.to_wkt()).transformer.transform(edge_x, edge_y)
    x, y = x[np.isfinite(x)], y[np.isfinite(y)]
    width, height = float(np.ptp(x)) * _MARGIN, float(np.ptp(y)) * _MARGIN
    return float(x.min() - width), float(y.min() - height), float(x.max() + width), float(y.max() + height)


def outside(
    x: NDArray[np.float64], y: NDArray[np.float64], bounds: tuple[float, float, float, float]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which points lie outside of the bounds, and which of those would lie inside with x and y swapped."""
    west, south, east, north = bounds
    out = ~((x >= west) & (x <= east) & (y >= south) & (y <= north))
    swapped = out & (y >= west) & (y <= east) & (x >= south) & (x <= north)
    return out, swapped


def family_of(geometry_type: str | None) -> str:
    """Return the family of a type's name as GDAL writes it, such as 'MultiLineString Z'."""
    word = (geometry_type or "").split(" ")[0].removeprefix("Multi").removeprefix("2.5D")
    return {"Point": "point", "LineString": "line", "Polygon": "polygon", "": "none"}.get(word, "mixed")


def families(geometries: Geometries) -> Geometries:
    """Return the family of each geometry; 'none' for missing ones."""
    lookup = np.array([*(FAMILIES[number] for number in range(8)), "none"], object)
    result: Geometries = lookup[shapely.get_type_id(geometries)]
    return result


def _reject_coordinates(checked: Checked, transform: CrsTransform | None) -> None:
    coordinates, index = shapely.get_coordinates(checked.geometries, return_index=True)
    size = len(checked.geometries)
    not_finite = np.zeros(size, bool)
    not_finite[index[~np.isfinite(coordinates).all(axis=1)]] = True
    checked.reject(not_finite, "not_finite", "a coordinate is not a number; mend it at the source")
    bounds = plausible_bounds(transform.source) if transform is not None else (-180.0, -90.0, 180.0, 90.0)
    out, swapped = outside(coordinates[:, 0], coordinates[:, 1], bounds)
    for points, reason, hint in (
        (out & swapped, "swapped_axes", "x and y (or longitude and latitude) look swapped"),
        (out, "out_of_range", "no place on earth in this coordinate system; is its CRS the declared one?"),
    ):
        rows, first = np.unique(index[points], return_index=True)
        for row, (x, y) in zip(rows, coordinates[points][first], strict=True):
            if checked.reasons[row] == "":
                checked.reasons[row] = reason
                checked.details[row] = f"the coordinates ({x:.10g}, {y:.10g}) are out of range: {hint}"
                checked.geometries[row] = None


def _drop_duplicates(checked: Checked) -> None:
    """Take out points that repeat the one before them."""
    kept = (checked.reasons == "") & (shapely.length(checked.geometries) > 0)
    rows = np.flatnonzero(kept)
    slim = shapely.remove_repeated_points(checked.geometries[rows], 0.0)
    before = shapely.get_num_coordinates(checked.geometries[rows])
    fewer = (shapely.get_num_coordinates(slim) < before) & ~shapely.is_empty(slim)
    checked.geometries[rows[fewer]] = slim[fewer]
    checked.repairs["duplicate_points"] = np.zeros(len(checked.geometries), bool)
    checked.repairs["duplicate_points"][rows[fewer]] = True


def _order_rings(checked: Checked, is_order_ruled: bool) -> None:
    """Turn outer rings counter-clockwise and holes clockwise (OGC 06-103r4, 6.1.11.1)."""
    rows = np.flatnonzero((checked.reasons == "") & np.isin(shapely.get_type_id(checked.geometries), (3, 6)))
    parts, of_part = shapely.get_parts(checked.geometries[rows], return_index=True)
    rings, of_ring = shapely.get_rings(parts, return_index=True)
    if not len(rings):
        return
    is_outer = np.r_[True, of_ring[1:] != of_ring[:-1]]
    turns_left = shapely.is_ccw(rings)
    outer_turns_left = turns_left[is_outer][of_ring]
    wrong = ~is_outer & (turns_left == outer_turns_left)
    if is_order_ruled:
        wrong |= is_outer & ~turns_left
    faulty = rows[np.unique(of_part[of_ring[wrong]])]
    turned = rows[np.unique(of_part[of_ring[turns_left != is_outer]])]
    checked.geometries[turned] = shapely.orient_polygons(checked.geometries[turned])
    checked.repairs["ring_order"] = np.zeros(len(checked.geometries), bool)
    checked.repairs["ring_order"][faulty] = True


def _repair(checked: Checked, may_collapse: bool) -> None:
    """Mend invalid polygons by their structure: a bow tie becomes its two wings, a doubled-back ring its outline."""
    kept = checked.reasons == ""
    broken = kept & ~shapely.is_valid(checked.geometries)
    if not broken.any():
        return
    is_area = np.isin(shapely.get_type_id(checked.geometries), (3, 6))
    areas = broken & is_area
    mended = shapely.make_valid(checked.geometries[areas], method="structure", keep_collapsed=False)
    mended = np.fromiter((polygons_of(geometry) for geometry in mended), object, len(mended))
    checked.geometries[areas] = mended
    checked.repairs["self_crossing"] = np.zeros(len(checked.geometries), bool)
    checked.repairs["self_crossing"][areas] = ~shapely.is_empty(mended)
    collapsed = areas & shapely.is_empty(checked.geometries)
    checked.reject(collapsed, "invalid_geometry", "the polygon has no area, even after repair")
    if may_collapse:
        return
    collapsed_lines = broken & ~is_area & (shapely.length(checked.geometries) == 0)
    checked.reject(collapsed_lines, "invalid_geometry", "the line has no length: all its points are one")


def polygons_of(geometry: shapely.Geometry) -> shapely.Geometry:
    """Return the polygons of a geometry as one, empty if it has none."""
    parts = shapely.get_parts(geometry)
    while any(shapely.get_type_id(parts) > 3):
        parts = shapely.get_parts(parts)
    polygons = parts[shapely.get_type_id(parts) == 3]
    found: shapely.Geometry = polygons[0] if len(polygons) == 1 else shapely.multipolygons(polygons)
    return found


def _match_family(checked: Checked, wanted: frozenset[str]) -> None:
    if "mixed" in wanted:
        return
    found = families(checked.geometries)
    singles = np.isin(shapely.get_type_id(checked.geometries), (4, 7)) & (
        shapely.get_num_geometries(checked.geometries) == 1
    )
    # A collection or multipoint of one part is that part.
    checked.geometries[singles] = shapely.get_geometry(checked.geometries[singles], 0)
    found[singles] = families(checked.geometries[singles])
    several = (shapely.get_type_id(checked.geometries) == 4) & (checked.reasons == "")
    checked.reject(several, "wrong_geometry_type", "the row holds several points and the layer takes one a row")
    wrong = ~np.isin(found, list(wanted)) & (checked.reasons == "")
    for kind in set(found[wrong]):
        checked.reject(
            wrong & (found == kind),
            "wrong_geometry_type",
            f"the row is a {kind} and the layer takes {' or '.join(sorted(wanted))}",
        )


def _move(checked: Checked, transform: CrsTransform) -> None:
    kept = np.flatnonzero(checked.reasons == "")
    try:
        checked.geometries[kept] = transform.geometries(checked.geometries[kept])
    except InvalidInput:
        # Rare: find the rows that PROJ cannot move, one by one.
        for row in kept:
            where = np.arange(len(checked.geometries)) == row
            try:
                checked.geometries[row] = transform.geometries(checked.geometries[[row]])[0]
            except InvalidInput as error:
                checked.reject(where, "out_of_range", error.detail)
