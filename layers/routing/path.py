"""A way as it is told: its line, its length, and its steps by the name of the road."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from layers.networks.graph import Metres, Numbers
from layers.routing.graph import RoadGraph
from layers.routing.search import Leg
from layers.routing.travel import Travel

_DECIMALS = 8
#: Degrees from straight on: up to each, the turn to the right or left of it.
_TURNS = ((20.0, "straight"), (60.0, "slight"), (120.0, ""), (160.0, "sharp"), (180.1, "back"))


class Way(NamedTuple):
    """Legs in the order in which they are passed, with metres and seconds of each, and their line (n, 2) in degrees."""

    legs: list[Leg]
    length_m: Metres
    seconds: Metres
    line: Metres


def way_along(graph: RoadGraph, travel: Travel, legs: Sequence[Leg]) -> Way:
    """Return the way along some legs."""
    edge, start, end = _columns(legs)
    share = np.abs(end - start)
    cost = np.where(end > start, travel.along_s[edge], travel.against_s[edge])
    # Less than a centimetre against a one-way road is passed at its end.
    seconds = np.where(np.isfinite(cost), share * np.where(np.isfinite(cost), cost, 0.0), 0.0)
    pieces = [graph.lines.part(*leg) for leg in legs]
    line = graph.degrees(_joined(pieces)) if pieces else np.empty((0, 2))
    return Way(list(legs), share * graph.length_m[edge], seconds, np.round(line, _DECIMALS))


def steps_of(graph: RoadGraph, way: Way) -> list[dict[str, Any]]:
    """Return the way's steps: roads of one name, and of those without a name of one class, are one."""
    steps: list[dict[str, Any]] = []
    before: Metres | None = None
    for _, group in groupby(range(len(way.legs)), key=lambda n: _called(graph, way.legs[n])):
        numbers = list(group)
        name, kind = _called(graph, way.legs[numbers[0]])
        first, last = (graph.lines.part(*leg)
                       for leg in (way.legs[numbers[0]], way.legs[numbers[-1]]))  # fmt: skip
        steps.append({
            "name": name or None,
            "class": kind or None,
            "turn": "depart" if before is None else turn(before, first[1] - first[0]),
            "position": np.round(graph.degrees(first[:1])[0], _DECIMALS).tolist(),
            "distance_m": round(float(way.length_m[numbers].sum()), 1),
            "seconds": round(float(way.seconds[numbers].sum()), 1),
        })  # fmt: skip
        before = last[-1] - last[-2]
    return steps


def turn(before: Metres, after: Metres) -> str:
    """Return how one turns from a direction to another, both (east, north)."""
    cross, dot = before[0] * after[1] - before[1] * after[0], float(before @ after)
    angle = float(np.degrees(np.arctan2(cross, dot)))
    word = next(word for most, word in _TURNS if abs(angle) <= most)
    if word in ("straight", "back"):
        return word
    return f"{word} {'left' if angle > 0 else 'right'}".strip()


def backwards(legs: Sequence[Leg]) -> list[Leg]:
    """Return legs of a search from the aim as they are passed."""
    return [Leg(leg.edge, leg.end, leg.start) for leg in reversed(legs)]


def _called(graph: RoadGraph, leg: Leg) -> tuple[str, str]:
    name = str(graph.name[leg.edge])
    return name, "" if name else str(graph.kind[leg.edge])


def _columns(legs: Sequence[Leg]) -> tuple[Numbers, Metres, Metres]:
    table = np.array([tuple(leg) for leg in legs], np.float64).reshape(-1, 3)
    return table[:, 0].astype(np.int64), table[:, 1], table[:, 2]


def _joined(pieces: list[Metres]) -> Metres:
    """Return the vertices of pieces end to end, none twice."""
    xy = np.concatenate(pieces)
    is_new = np.ones(len(xy), bool)
    is_new[1:] = np.abs(np.diff(xy, axis=0)).max(axis=1) > 1e-6
    return np.asarray(xy[is_new] if is_new.sum() > 1 else xy[:2], np.float64)
