"""Footprints on lots: rectangles and other outlines along the streets, which never touch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

from district.arrays import BoolArray, FloatArray, IntArray, ObjectArray, random_stream
from district.blocks import Blocks, lot_counts
from district.frame import Frame
from district.kinds import KINDS, OUTLINES
from district.plan import Plan

_FILL = 0.93
_OUTLINE_NAMES = tuple(OUTLINES)


@dataclass(frozen=True)
class Lots:
    """Footprints before they get their attributes.

    Attributes
    ----------
    block
        Index of the block.
    column, row
        Place of the lot in its block, from 0.
    kind
        Index in `KINDS`.
    centre
        EPSG:4547 centre, ``(lots, 2)``.
    outline
        EPSG:4547 polygons.
    """

    block: IntArray
    column: IntArray
    row: IntArray
    kind: IntArray
    centre: FloatArray
    outline: ObjectArray

    def pick(self, chosen: BoolArray | IntArray) -> Lots:
        """Keep some."""
        return Lots(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))


def fitting_size(frame: Frame, at: FloatArray, room: FloatArray) -> FloatArray:
    """Say how large a rectangle along the street fits, by its depth.

    Parameters
    ----------
    at
        Frame coordinates of the middle, ``(n, 2)``.
    room
        Extent in the frame, ``(n, 2)``.

    Returns
    -------
    ndarray
        ``(n, 3)``: most length of a flat rectangle, length lost per metre of depth, most depth.
    """
    axes = frame.axes(at[:, 0], at[:, 1])
    return np.column_stack((room[:, 0] * axes.stretch, np.abs(axes.lean) / axes.rise, room[:, 1] * axes.rise))


def outlines(centre: FloatArray, angle_rad: FloatArray, size: FloatArray, shape: IntArray) -> ObjectArray:
    """Draw polygons of unit outlines, stretched to `size`, turned and moved; one array, many shapes."""
    polygons = np.empty(len(centre), dtype=object)
    for number, name in enumerate(_OUTLINE_NAMES):
        own = np.flatnonzero(shape == number)
        if not len(own):
            continue
        unit = np.array(OUTLINES[name])
        x = unit[None, :, 0] * size[own, :1]
        y = unit[None, :, 1] * size[own, 1:]
        c, s = np.cos(angle_rad[own])[:, None], np.sin(angle_rad[own])[:, None]
        ring = np.stack((c * x - s * y, s * x + c * y), axis=-1) + centre[own, None, :]
        polygons[own] = shapely.polygons(np.round(ring, 3))
    return polygons


def make_lots(plan: Plan, blocks: Blocks, kind_of_block: IntArray) -> Lots:
    """Divide the blocks into lots and put a footprint on most of them."""
    rng = random_stream(plan.seed, "lots")
    counts = lot_counts(blocks, kind_of_block)
    total = counts.prod(axis=1)
    block = np.repeat(np.arange(len(total)), total)
    within = np.arange(len(block)) - np.repeat(np.cumsum(total) - total, total)
    filled = rng.uniform(size=len(block)) < _FILL
    block, within = block[filled], within[filled]
    kind = kind_of_block[block]
    column, row = within % counts[block, 0], within // counts[block, 0]
    pitch = blocks.size[block] / counts[block]
    at = blocks.low[block] + (np.column_stack((column, row)) + 0.5) * pitch
    size = _draw_sizes(rng, kind, fitting_size(plan.frame, at, pitch))
    shape = _draw_shapes(rng, kind)
    centre = plan.frame.world(at[:, 0], at[:, 1])
    angle = plan.frame.axes(at[:, 0], at[:, 1]).angle_rad
    lots = Lots(block, column, row, kind, centre, outlines(centre, angle, size, shape))
    return lots.pick(~_overlapping(lots.outline))


def _draw_sizes(rng: np.random.Generator, kind: IntArray, fit: FloatArray) -> FloatArray:
    least = np.array([(k.length_m[0], k.depth_m[0]) for k in KINDS])[kind]
    most = np.array([(k.length_m[1], k.depth_m[1]) for k in KINDS])[kind]
    size: FloatArray = least + rng.uniform(size=(len(kind), 2)) * (most - least)
    size[:, 1] = np.minimum(size[:, 1], fit[:, 2] * 0.92)
    size[:, 0] = np.minimum(size[:, 0], (fit[:, 0] - fit[:, 1] * size[:, 1]) * 0.94)
    return size


def _draw_shapes(rng: np.random.Generator, kind: IntArray) -> IntArray:
    choices = [[_OUTLINE_NAMES.index(name) for name in k.outlines] for k in KINDS]
    widest = max(len(c) for c in choices)
    table = np.array([(c * widest)[:widest] for c in choices])
    lengths = np.array([len(c) for c in choices])
    picked: IntArray = table[kind, (rng.uniform(size=len(kind)) * lengths[kind]).astype(np.int64)]
    return picked


def _overlapping(polygons: ObjectArray) -> BoolArray:
    """Say which polygons meet an earlier one."""
    tree = shapely.STRtree(polygons)
    a, b = tree.query(polygons, predicate="intersects")
    overlapping = np.zeros(len(polygons), dtype=bool)
    overlapping[np.maximum(a, b)[a != b]] = True
    return overlapping
