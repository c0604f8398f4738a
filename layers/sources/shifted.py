"""Files that claim WGS 84 and lie 300 to 1,300 m off what is in the model already, because they are GCJ-02 or BD-09.

A sample of the file is laid on the model as it is, as if it were each of the shifted systems, and (where one of those
fits better) moved by as many metres in other directions. Only where a shifted system fits far better than the file as
it is *and* than all those other moves is it named; where the file as it is stands out in the same way in any theme, it
is right. So points that lie on buildings by chance raise no alarm, however dense the town is. The file is never moved
by this: the import waits and says what to ask for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import Connection

from cim import china_offset
from cim.crs import GEOD, CrsTransform, name_of
from cim.errors import DoubtfulCrs
from layers.sources import likeness
from layers.sources.batch import Values

Floats = NDArray[np.float64]
Move = Callable[[Floats, Floats], tuple[Floats, Floats]]
#: What may be doubted: longitude and latitude, said by a file (or assumed for it) and not by the operator.
CLAIMED = frozenset({"EPSG:4326", "EPSG:4979", "EPSG:4490", "EPSG:4480", "OGC:CRS84"})
SYSTEMS: Mapping[str, Move] = {"GCJ-02": china_offset.wgs84_of_gcj02, "BD-09": china_offset.wgs84_of_bd09}
AS_IT_IS = "as it is"
SAMPLE = 240
#: Directions, and multiples of the shift's length, of the moves that a real fit must excel.
_DIRECTIONS, _LENGTHS = 8, (1.0, 1.6)
#: Metres around a candidate within which another move is the same move.
_SAME_M = 150.0
_METRES_OF_DEGREE = 111_320.0


@dataclass
class Sample:
    """A random sample of all geometries that pass, of at most ``SAMPLE`` of them; the same one every time."""

    shapes: Values = field(default_factory=lambda: np.empty(0, object))
    priorities: Floats = field(default_factory=lambda: np.empty(0))
    random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(1))

    def add(self, shapes: Values) -> None:
        """Offer more geometries, in the stored system."""
        priorities = self.random.random(len(shapes))
        if len(self.priorities) == SAMPLE:
            better = priorities < self.priorities.max()
            shapes, priorities = shapes[better], priorities[better]
        shapes, priorities = np.concatenate([self.shapes, shapes]), np.concatenate([self.priorities, priorities])
        kept = np.argsort(priorities)[:SAMPLE]
        self.shapes, self.priorities = shapes[kept], priorities[kept]


def is_doubtful(transform: CrsTransform | None) -> bool:
    """Tell whether coordinates may be shifted ones without saying so."""
    return transform is not None and not transform.is_asked and name_of(transform.source) in CLAIMED


def refuse_shifted(connection: Connection, samples: Mapping[str, Sequence[Sample]], claimed: str) -> None:
    """Raise DoubtfulCrs where the file's places are shifted ones.

    Parameters
    ----------
    samples
        Layer of the model -> samples of the file's layers that fill it.
    """
    moves = {AS_IT_IS: _stay} | dict(SYSTEMS)
    tests = []
    for layer_id, parts in samples.items():
        shapes = np.concatenate([part.shapes for part in parts])
        shapes = shapes[~(shapely.is_missing(shapes) | shapely.is_empty(shapes))]
        shapes = shapes[_in_china(shapes)] if len(shapes) else shapes
        tests += likeness.comparisons_of(connection, layer_id, shapes)
    found = [(test, test.fits(connection, _moved(test.shapes, moves))) for test in tests]
    suspects = [
        (name, test, fits)
        for test, fits in found
        for name in SYSTEMS
        if test.is_better(fits[name], [fits[other] for other in moves if other != name])
    ]
    if not suspects:
        return
    controls = [_controls(connection, test) for test, _ in found]
    if any(
        test.is_better(fits[AS_IT_IS], [*control, *(fits[name] for name in SYSTEMS)])
        for (test, fits), control in zip(found, controls, strict=True)
    ):
        return
    for name, test, fits in suspects:
        control = controls[[known for known, _ in found].index(test)]
        if test.is_better(fits[name], [fits[AS_IT_IS], *control]):
            raise _error(name, test, fits, max(control), len(control), claimed)


def _error(
    name: str, test: likeness.Comparison, fits: Mapping[str, float], best_control: float, controls: int, claimed: str
) -> DoubtfulCrs:
    at = shapely.get_coordinates(shapely.centroid(test.shapes)).mean(axis=0)
    there = SYSTEMS[name](at[:1], at[1:])
    distance_m = float(GEOD.inv(at[0], at[1], there[0][0], there[1][0])[2])
    percent = {key: f"{100 * value:.0f} %" for key, value in fits.items()}
    error = DoubtfulCrs(
        f"the coordinates are said to be {claimed} and look like {name}, {distance_m:.0f} m off: of {test.what}, "
        f"{percent[name]} {test.verb} if they are {name}, {percent[AS_IT_IS]} as they are, and at most "
        f"{100 * best_control:.0f} % under {controls} other moves of like length; say --crs {name}, or --crs {claimed} "
        "if they are right as they are"
    )
    error.evidence = {
        "claimed": claimed,
        "likely": name,
        "offset_m": round(distance_m, 1),
        "reference": test.reference,
        "sampled": len(test.shapes),
        "agreement": {key: round(value, 4) for key, value in fits.items()},
        "agreement_of_other_moves": round(best_control, 4),
        "other_moves": controls,
    }
    return error


def _stay(longitude: Floats, latitude: Floats) -> tuple[Floats, Floats]:
    return longitude, latitude


def _in_china(shapes: Values) -> NDArray[np.bool_]:
    bounds = shapely.bounds(shapes)
    west, south, east, north = china_offset.EXTENT
    found: NDArray[np.bool_] = (
        (bounds[:, 0] > west) & (bounds[:, 1] > south) & (bounds[:, 2] < east) & (bounds[:, 3] < north)
    )
    return found


def _moved(shapes: Values, moves: Mapping[str, Move]) -> dict[str, Values]:
    return {name: shapely.transform(shapes, _columns(move)) for name, move in moves.items()}


def _columns(move: Move) -> Callable[[Floats], Floats]:
    return lambda points: np.column_stack(move(points[:, 0], points[:, 1]))


def _step(east_deg: float, north_deg: float) -> Move:
    return lambda longitude, latitude: (longitude + east_deg, latitude + north_deg)


def _controls(connection: Connection, test: likeness.Comparison) -> list[float]:
    """Return how well the sample fits after moves of like length that are no system's."""
    at = shapely.get_coordinates(shapely.centroid(test.shapes)).mean(axis=0)
    scale = np.array([np.cos(np.deg2rad(at[1])), 1.0]) * _METRES_OF_DEGREE
    known = [np.zeros(2)]
    known += [(np.concatenate(move(at[:1], at[1:])) - at) * scale for move in SYSTEMS.values()]
    length_m = np.hypot(*known[1])
    moves: dict[str, Move] = {}
    for number in range(_DIRECTIONS * len(_LENGTHS)):
        angle = 2 * np.pi * (number % _DIRECTIONS + 0.5 * (number // _DIRECTIONS)) / _DIRECTIONS
        step_m = length_m * _LENGTHS[number // _DIRECTIONS] * np.array([np.cos(angle), np.sin(angle)])
        if min(np.hypot(*(step_m - other)) for other in known) > _SAME_M:
            moves[str(number)] = _step(*(step_m / scale))
    return list(test.fits(connection, _moved(test.shapes, moves)).values())
