"""Three zones around cases: what is sealed, what is controlled around it, and the rest of the district.

All geometry is read as it was recorded at one moment, so that the same request for the same moment gives the same
bytes, however often the model has changed since.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import numpy as np
import shapely
from sqlalchemy import Connection

from cim.crs import area_m2
from cim.errors import InvalidInput
from layers.zones.blocks import ThreeZones, blocks_between, blocks_within, gates, three_zones
from layers.zones.case import Case, shape_of
from layers.zones.ground import (
    COMMUNITY,
    STREET,
    Cells,
    District,
    Shapes,
    dividing_lines,
    estate_in,
    find_district,
    read_cells,
    roads_in,
)
from layers.zones.making import GRID_DEG, buffered, settled
from layers.zones.rules import Rules

#: Ground is read so far beyond the distances of the rules, and twice as far as long as a block is not seen whole.
_BEYOND_M = 400.0
_MOST_TRIES = 6
#: Buildings of one estate are looked for so far away.
_ESTATE_M = 1_000.0


class Question(NamedTuple):
    """All that the zones follow from: the log keeps it.

    Attributes
    ----------
    within
        The code of the area that is to be parted, None for the whole district.
    """

    cases: tuple[Case, ...]
    rules: Rules
    moment: datetime
    within: str | None = None


class Demarcated(NamedTuple):
    """The zones (EPSG:4490), the district that they part, and where roads leave the sealed and the controlled one."""

    zones: ThreeZones
    district: District
    sealed_gates: Shapes
    controlled_gates: Shapes


class _Around(NamedTuple):
    """The ground around one case."""

    frame: shapely.Geometry
    blocks: Shapes


def demarcate(connection: Connection, question: Question) -> Demarcated:
    """Return the three zones; nothing is written.

    Raises
    ------
    InvalidInput, NotFound
        Where the model does not hold what the rules go by.
    """
    cells = read_cells(connection, question.moment)
    places = [shape_of(connection, case, question.moment) for case in question.cases]
    district = find_district(connection, question.moment, cells, places[0], question.within)
    sealed, reach = [], []
    for case, place in zip(question.cases, places, strict=True):
        if not shapely.intersects(district.shape, place):
            raise InvalidInput(
                f"the case lies outside of {district.code}, which is to be parted into zones",
                "case_outside", area=district.code,
            )  # fmt: skip
        one, around = _around(connection, question, case, place, cells, district)
        sealed.append(one)
        reach.append(around)
    whole = shapely.union_all(sealed, grid_size=GRID_DEG)
    middle = settled(shapely.intersection(whole, district.shape, grid_size=GRID_DEG))
    if area_m2(middle) <= 0:
        raise InvalidInput(
            "what is to be sealed has no area; name a building, or a rule that seals a block or distance",
            "sealed_without_area",
        )
    zones = three_zones(middle, np.concatenate(reach), district.shape)
    wide = shapely.union_all([zones.sealed, zones.controlled], grid_size=GRID_DEG)
    ways = roads_in(connection, question.moment, shapely.box(*shapely.bounds(wide)))
    return Demarcated(zones, district, gates(zones.sealed, ways), gates(settled(wide), ways))


def _around(
    connection: Connection, question: Question, case: Case, place: shapely.Geometry, cells: Cells, district: District
) -> tuple[shapely.Geometry, Shapes]:
    """Return what is sealed for one case, and the blocks or cells that are controlled around it."""
    rules = question.rules
    needs_blocks = rules.sealed != "building" or rules.controlled in ("distance", "estate")
    seen = rules.sealed_m + rules.controlled_m + (_ESTATE_M if rules.controlled == "estate" else 0.0) + _BEYOND_M
    for _ in range(_MOST_TRIES):
        around = _read(connection, question.moment, place, seen, district, with_blocks=needs_blocks)
        sealed, own = _sealed(rules, place, around.blocks)
        reach = _controlled(connection, question, case, sealed, cells, around)
        if _is_whole(np.concatenate([own, reach]) if needs_blocks else reach, around.frame, district.shape):
            break
        seen *= 2
    return sealed, reach


def _read(
    connection: Connection,
    moment: datetime,
    place: shapely.Geometry,
    distance_m: float,
    district: District,
    *,
    with_blocks: bool,
) -> _Around:
    box = shapely.box(*shapely.bounds(buffered(place, distance_m)))
    frame = shapely.intersection(box, district.shape, grid_size=GRID_DEG)
    if not with_blocks:
        return _Around(frame, np.array([], dtype=object))
    return _Around(frame, blocks_between(dividing_lines(connection, moment, frame), frame))


def _sealed(rules: Rules, place: shapely.Geometry, blocks: Shapes) -> tuple[shapely.Geometry, Shapes]:
    """Return what is sealed, and the blocks of which it is made."""
    if rules.sealed == "building":
        if not shapely.area(place):
            raise InvalidInput(
                f"no building stands at the case; rule '{rules.name}' seals one, choose another rule",
                "rule_needs_building", rule=rules.name,
            )  # fmt: skip
        return place, blocks[:0]
    found = blocks_within(blocks, place, rules.sealed_m)
    if rules.sealed == "block" and shapely.area(place) and len(found):
        # A building over two blocks seals both; its own footprint is sealed in any case.
        found = found[shapely.area(shapely.intersection(found, place)) > 0]
    return shapely.union_all([place, *found], grid_size=GRID_DEG), found


def _controlled(
    connection: Connection, question: Question, case: Case, sealed: shapely.Geometry, cells: Cells, around: _Around
) -> Shapes:
    rules = question.rules
    if rules.controlled == "distance":
        return blocks_within(around.blocks, sealed, rules.controlled_m)
    if rules.controlled == "estate":
        return _estate(connection, question, case, around)
    under = cells.under(sealed)
    if rules.controlled == "cells":
        return cells.shapes[under]
    size = COMMUNITY if rules.controlled == "community" else STREET
    prefixes = sorted({cells.codes[number][:size] for number in under})
    return np.concatenate([cells.of(prefix) for prefix in prefixes]) if prefixes else cells.shapes[:0]


def _estate(connection: Connection, question: Question, case: Case, around: _Around) -> Shapes:
    if case.building_id is None:
        raise InvalidInput(
            "no building stands at the case, and an estate is that of a building; choose another rule",
            "estate_without_building",
        )
    name, homes = estate_in(connection, question.moment, around.frame, case.building_id)
    if not name:
        raise InvalidInput(
            f"the address of building {case.building_id} names no estate; choose a rule that goes by distance or cells",
            "estate_unknown", id=case.building_id,
        )  # fmt: skip
    inside = shapely.point_on_surface(homes)
    tree = shapely.STRtree(around.blocks)
    found: Shapes = around.blocks[np.unique(tree.query(inside, predicate="intersects")[1])]
    return found


def _is_whole(blocks: Shapes, frame: shapely.Geometry, district: shapely.Geometry) -> bool:
    """Tell whether none of the blocks is cut off by the frame, but by the district's own edge."""
    inner = shapely.difference(shapely.boundary(frame), shapely.buffer(shapely.boundary(district), 10 * GRID_DEG))
    if shapely.is_empty(inner) or not len(blocks):
        return True
    shared = shapely.length(shapely.intersection(shapely.boundary(blocks), inner))
    return not bool((shared > 10 * GRID_DEG).any())
