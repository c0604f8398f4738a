"""Pipes as tubes of eight sides around their axes."""

from __future__ import annotations

import numpy as np

from tiles.tiles3d.city.mesh import Floats, Integers, Mesh, unit

SIDES = 8
#: At sharp bends the ring between two lengths of a tube is at most this much wider than the tube.
WIDEST = 2.0
#: Points nearer to the one before are the same.
LEAST_STEP_M = 1e-3


def draw_tubes(axis: Floats, line_of: Integers, radius_m: Floats, features: Integers) -> Mesh:
    """Return tubes, open at their ends.

    Parameters
    ----------
    axis
        n x 3, metres around the tile's origin, line by line.
    line_of
        The line of each point, ascending.
    radius_m, features
        Of each line.
    """
    axis, line_of = _without_repeats(axis, line_of)
    if not len(axis):
        return Mesh(np.empty((0, 3)), np.empty((0, 3)), np.empty(0, np.int64), np.empty((0, 3), np.int64))
    start = np.flatnonzero(line_of[1:] == line_of[:-1])
    steps = unit(axis[start + 1] - axis[start])
    before, after = np.zeros_like(axis), np.zeros_like(axis)
    after[start], before[start + 1] = steps, steps
    before, after = _or(before, after), _or(after, before)
    # a line that turns back has no middle direction
    along = _or(unit(before + after), before)
    aside, upward = _across(along)
    angles = 2 * np.pi * np.arange(SIDES) / SIDES
    outward = np.cos(angles)[:, None] * aside[:, None] + np.sin(angles)[:, None] * upward[:, None]
    # between two lengths the ring lies askew to both: wider where the tube bends, so that neither gets thinner
    bend = unit(after - before)
    wider = 1 / np.maximum((along * before).sum(axis=1), 1 / WIDEST) - 1
    reach = outward + ((outward * bend[:, None]).sum(axis=2) * wider[:, None])[..., None] * bend[:, None]
    positions = axis[:, None] + radius_m[line_of][:, None, None] * reach
    return Mesh(
        positions.reshape(-1, 3),
        outward.reshape(-1, 3),
        np.repeat(features[line_of], SIDES),
        _sides(start),
    )


def _without_repeats(axis: Floats, line_of: Integers) -> tuple[Floats, Integers]:
    step = np.linalg.norm(np.diff(axis, axis=0), axis=1)
    keeps = np.r_[True, (step >= LEAST_STEP_M) | (line_of[1:] != line_of[:-1])][: len(axis)]
    axis, line_of = axis[keeps], line_of[keeps]
    lengths = np.bincount(line_of)
    is_line = lengths[line_of] > 1
    return axis[is_line], line_of[is_line]


def _or(first: Floats, second: Floats) -> Floats:
    """Return the first vectors, the second ones where those are zero."""
    found: Floats = np.where(first.any(axis=1, keepdims=True), first, second)
    return found


def _across(along: Floats) -> tuple[Floats, Floats]:
    """Return two directions square to each of some others and to one another, the first level where it can be."""
    is_upright = np.abs(along[:, 2]) > 0.999
    reference = np.where(is_upright[:, None], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0])
    aside = unit(np.cross(along, reference))
    return aside, np.cross(aside, along)


def _sides(start: Integers) -> Integers:
    """Return two triangles for each side between the rings of points ``start`` and the ones after them."""
    corner = np.arange(SIDES)
    after = (corner + 1) % SIDES
    quads = np.stack([corner, corner + SIDES, after + SIDES, after], axis=1)
    triangles = quads[:, [[0, 1, 2], [0, 2, 3]]].reshape(-1, 3)
    found: Integers = (SIDES * start[:, None, None] + triangles).reshape(-1, 3)
    return found
