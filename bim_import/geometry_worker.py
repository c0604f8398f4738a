"""A process of its own that turns products of one IFC file into meshes, so that a kernel may crash or hang in it.

Started as ``python -m bim_import.geometry_worker FILE_DESCRIPTOR``; speaks the messages of
:mod:`bim_import.geometry_messages` over a socket pair. It ends when the importer closes its side or dies.
"""

from __future__ import annotations

import ctypes
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import ifcopenshell
import ifcopenshell.geom
import ifcopenshell.util.shape
import ifcopenshell.util.unit
import numpy as np
import shapely
from numpy.typing import NDArray

from bim_import.geometry_messages import Broken, Done, Empty, Instance, Line, NewMesh, Open, Opened, Work
from bim_import.ground_shape import is_upright, move, outline, rectangle
from bim_import.mesh import Floats, Mesh, make_mesh, used_materials
from bim_import.object_placement import ObjectPlacements

_PR_SET_PDEATHSIG = 1
LOT_MESSAGES = 200
LOT_SECONDS = 0.2
#: Of placements (a turn by 1e-9 moves what is 100 m away by 0.1 micrometres) and of positions in metres.
PLACEMENT_DECIMALS, POSITION_DECIMALS = 9, 6


class _Shape(NamedTuple):
    """What is computed once for all products that share a representation."""

    mesh: Mesh
    origin: Floats
    materials: list[list[float]]
    rectangle: Floats
    triangles: NDArray[Any]
    vertices: Floats


def main() -> None:
    """Serve orders until the other side is gone."""
    # Dies with the importer, also when that is killed in the middle of a boolean operation.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    with Connection(int(sys.argv[1])) as connection:
        serve(connection)


def serve(connection: Connection) -> None:
    """Carry out orders as they come."""
    session: _Session | None = None
    while True:
        try:
            order = connection.recv()
        except (EOFError, OSError):
            return
        if isinstance(order, Open):
            if session is None or not session.is_ahead_of(order):
                session = _Session(order)
            session.offset_m = order.offset_m
            connection.send([Opened()])
        elif session is not None:
            try:
                _send_in_lots(connection, session.compute(order))
            except Exception:
                connection.send([Broken(traceback.format_exc())])
                return


def _send_in_lots(connection: Connection, messages: Iterable[NamedTuple]) -> None:
    """Send results a few times a second: a message each would keep the importer busy with waking up."""
    lot: list[NamedTuple] = []
    sent_at = time.monotonic()
    for message in messages:
        lot.append(message)
        if len(lot) >= LOT_MESSAGES or time.monotonic() - sent_at > LOT_SECONDS:
            connection.send(lot)
            lot, sent_at = [], time.monotonic()
    if lot:
        connection.send(lot)


class _Session:
    """One file, and the meshes already sent."""

    def __init__(self, order: Open) -> None:
        self._file = ifcopenshell.open(order.path)
        self._path = order.path
        self.offset_m = order.offset_m
        self._sent: set[bytes] = set()

    def is_ahead_of(self, order: Open) -> bool:
        """Tell whether the file was parsed ahead of this order."""
        return self.offset_m is None and order.offset_m is not None and self._path == order.path

    @property
    def _offset(self) -> Floats:
        return np.asarray(self.offset_m or (0.0, 0.0, 0.0))

    def compute(self, order: Work) -> Iterator[NamedTuple]:
        """Yield the results of a batch, its meshes before their instances."""
        first: Any = self._file.by_id(order.products[0])
        if first.is_a() == "IfcAlignment":
            yield from self._lines(order)
            yield Done(order.batch)
            return
        shapes: dict[str, _Shape | None] = {}
        for element in _iterate(self._file, order):
            key = str(element.geometry.id)
            if key not in shapes:
                shapes[key] = _shape(element.geometry)
            shape = shapes[key]
            if shape is None:
                yield Empty(order.batch, element.id)
                continue
            if shape.mesh.hash not in self._sent:
                self._sent.add(shape.mesh.hash)
                yield NewMesh(shape.mesh)
            matrix = np.array(ifcopenshell.util.shape.get_shape_matrix(element), dtype=np.float64)
            # Itself last: whatever happens on the way, it is then computed again, and its copies with it.
            yield from self._copies(order, element.id, matrix, shape)
            yield from self._instances(order, [element.id], matrix[None], shape)
        yield Done(order.batch)

    def _copies(self, order: Work, product: int, matrix: Floats, shape: _Shape) -> Iterator[Instance]:
        """Yield the copies of a product: the kernel's matrix may say more than where the product stands."""
        copies = order.copies.get(product, [])
        if not copies:
            return
        own = np.linalg.inv(self._placements.of([self._file.by_id(product)])[0]) @ matrix
        for start in range(0, len(copies), LOT_MESSAGES):
            lot = copies[start : start + LOT_MESSAGES]
            placed = self._placements.of([self._file.by_id(copy) for copy in lot])
            yield from self._instances(order, lot, placed @ own, shape)

    @cached_property
    def _placements(self) -> ObjectPlacements:
        return ObjectPlacements(self._metres_per_unit)

    @cached_property
    def _metres_per_unit(self) -> float:
        return float(ifcopenshell.util.unit.calculate_unit_scale(self._file))

    def _lines(self, order: Work) -> Iterator[NamedTuple]:
        """Yield the lines of alignments, which come in batches of their own."""
        from bim_import.alignment_curve import evaluate  # needed by few files

        for product in order.products:
            try:
                curve = evaluate(self._file, self._file.by_id(product), self._metres_per_unit)
            except (RuntimeError, ValueError, AttributeError, TypeError):
                continue  # of a layout that makes no sense the library may say anything
            if curve is None:
                yield Empty(order.batch, product)
            else:
                points = np.ascontiguousarray(curve.points - self._offset)
                yield Line(order.batch, product, points.tobytes(), curve.length_m, curve.gap_m)

    def _instances(self, order: Work, products: list[int], matrices: Floats, shape: _Shape) -> Iterator[Instance]:
        """Yield products that have one shape; ``matrices`` is n x 4 x 4."""
        moved = matrices[:, :3].copy()
        moved[:, :, 3] -= self._offset
        placements = moved.copy()
        placements[:, :, 3] += moved[:, :, :3] @ shape.origin
        heights = moved[:, 2, :3] @ shape.vertices.T + moved[:, 2, 3:]
        lows, highs = (_same(end, POSITION_DECIMALS) for end in (heights.min(axis=1), heights.max(axis=1)))
        rows = _same(placements.reshape(-1, 12), PLACEMENT_DECIMALS)
        for product, matrix, placement, low, high in zip(products, moved, rows, lows, highs, strict=True):
            corners, area = _from_above(matrix, shape, product in order.outlined)
            yield Instance(
                order.batch,
                product,
                shape.mesh.hash,
                placement,
                shape.materials,
                _same(corners, POSITION_DECIMALS),
                low,
                high,
                area,
            )


def _from_above(matrix: Floats, shape: _Shape, is_outlined: bool) -> tuple[Floats, bytes | None]:
    """Return the corners of the rectangle around a placed shape, and its outline (WKB) where that is asked for."""
    upright = is_upright(matrix)
    if upright and not is_outlined:
        return move(matrix, shape.rectangle), None
    above = move(matrix, shape.vertices[:, :2]) if upright else _turned(matrix, shape.vertices)
    corners = move(matrix, shape.rectangle) if upright else rectangle(above)
    return corners, shapely.to_wkb(outline(above, shape.triangles)) if is_outlined else None


def _same(numbers: Floats, decimals: int) -> list[Any]:
    """Return numbers that are the same whether the kernel placed a product or it is the copy of another."""
    rounded: list[Any] = (numbers.round(decimals) + 0.0).tolist()  # and no negative zero
    return rounded


def _turned(matrix: Floats, vertices: Floats) -> Floats:
    turned: Floats = vertices @ matrix[:2, :3].T + matrix[:2, 3]
    return turned


def _iterate(file: Any, order: Work) -> Iterator[Any]:
    library: Any = ifcopenshell.geom
    settings = library.settings()
    settings.set("use-world-coords", False)
    settings.set("no-normals", True)
    products = [file.by_id(product) for product in order.products]
    iterator = library.iterator(settings, file, 1, include=products, geometry_library=order.kernel)
    has_more = _step(iterator.initialize)
    while has_more:
        yield iterator.get()
        has_more = _step(iterator.next)


def _step(advance: Callable[[], Any]) -> bool:
    """Go on to the next product; where the kernel throws, the rest of the batch is left to the next kernel."""
    try:
        return bool(advance())
    except RuntimeError:
        return False


def _shape(geometry: Any) -> _Shape | None:
    vertices = np.frombuffer(geometry.verts_buffer, dtype=np.float64).reshape(-1, 3)
    triangles = np.frombuffer(geometry.faces_buffer, dtype=np.int32).reshape(-1, 3)
    if len(triangles) == 0 or not np.isfinite(vertices).all():
        return None
    material_of = np.frombuffer(geometry.material_ids_buffer, dtype=np.int32)
    mesh, origin = make_mesh(vertices, triangles, material_of)
    colours = np.frombuffer(geometry.colors_buffer, dtype=np.float64).reshape(-1, 4)
    materials = [_colour(colours, index) for index in used_materials(material_of)]
    return _Shape(mesh, origin, materials, rectangle(vertices[:, :2]), triangles, vertices)


def _colour(colours: Floats, index: int) -> list[float]:
    if not 0 <= index < len(colours):
        return [0.8, 0.8, 0.8, 1.0]
    return [round(float(value), 4) for value in np.clip(np.nan_to_num(colours[index], nan=1.0), 0.0, 1.0)]


if __name__ == "__main__":
    main()
