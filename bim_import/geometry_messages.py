"""What the importer and its geometry workers say to each other."""

from __future__ import annotations

from typing import NamedTuple

from bim_import.mesh import Mesh


class Open(NamedTuple):
    """Order: parse this file; ``offset_m`` (x, y, z in model metres) is taken off all placements.

    Without an offset the file is parsed ahead: the next order for it says the offset.
    """

    path: str
    offset_m: tuple[float, float, float] | None


class Work(NamedTuple):
    """Order: compute these products (STEP ids) with this kernel; outlines are wanted of those in ``outlined``.

    ``copies`` says of some of them which other products have the same mesh; results of these come before those of the
    product itself.
    """

    batch: int
    products: list[int]
    kernel: str
    outlined: frozenset[int]
    copies: dict[int, list[int]]


class Instance(NamedTuple):
    """Result: where one product's mesh is drawn, and what that looks like from above.

    Attributes
    ----------
    placement
        12 numbers, upper 3 x 4 of a row-major matrix, mesh -> model metres.
    materials
        Red, green, blue, alpha of 0 to 1 for each part of the mesh.
    rectangle
        4 x 2 corners of the smallest rectangle around it from above, model metres.
    outline
        WKB of the area it covers from above, model metres, where that was asked for.
    """

    batch: int
    product: int
    mesh_hash: bytes
    placement: list[float]
    materials: list[list[float]]
    rectangle: list[list[float]]
    min_z_m: float
    max_z_m: float
    outline: bytes | None


class Line(NamedTuple):
    """Result: the line of an alignment.

    Attributes
    ----------
    points
        n x 3 float64, model metres.
    length_m
        Along the curve, in the horizontal plane.
    gap_m
        The largest distance between the end of a segment and the start of the next.
    """

    batch: int
    product: int
    points: bytes
    length_m: float
    gap_m: float


class Empty(NamedTuple):
    """Result: the kernel gave this product no triangle."""

    batch: int
    product: int


class NewMesh(NamedTuple):
    """Result: a mesh that this worker has not sent before for this file."""

    mesh: Mesh


class Done(NamedTuple):
    """Result: the batch is through (products not named before it gave nothing at all)."""

    batch: int


class Opened(NamedTuple):
    """Result: the file is parsed."""


class Broken(NamedTuple):
    """Result: this program has a fault (a kernel's faults are not told this way)."""

    traceback: str
