"""The geometry of a whole file: which products have any, how they are shared out, and what came back."""

from __future__ import annotations

import tempfile
import weakref
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bim_import.geometry_messages import Instance, Line, NewMesh
from bim_import.geometry_pool import Outcome, Task

#: Representations that are lines, texts or boxes about a product, not its body.
_NO_BODY = {
    "Axis",
    "FootPrint",
    "Annotation",
    "Box",
    "Profile",
    "Plan",
    "Reference",
    "CoG",
    "Lighting",
    "Clearance",
    "Survey",
    "FlowPath",
}
_NO_SURFACE = {
    "Curve",
    "Curve2D",
    "Curve3D",
    "GeometricCurveSet",
    "Annotation2D",
    "BoundingBox",
    "Point",
    "PointCloud",
    "LightSource",
    "Segment",
}
#: Every batch costs the kernel a look at the whole file; a few for each worker share the work out well enough.
BATCHES = 16
LEAST_BATCH_SHAPES = 4
BATCH_PRODUCTS = 1000
#: How much harder it is to cut a clipped solid than a plain one, roughly.
_CLIPPED = 10


class MeshInfo(NamedTuple):
    """A mesh without its vertices, and where in the store those are."""

    offset: int
    position_bytes: int
    triangle_bytes: int
    parts: list[list[int]]
    bounds: list[float]
    volume_m3: float


class StoredMesh(NamedTuple):
    """A mesh that the database holds."""

    volume_m3: float


class MeshStore:
    """Meshes by hash; their bytes lie in a temporary file (or in the database), so that memory holds none of them."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="cim-meshes-")  # noqa: SIM115 - lives as long as this store
        self._infos: dict[bytes, MeshInfo] = {}
        self._stored: dict[bytes, StoredMesh] = {}
        self._end = 0
        weakref.finalize(self, self._file.close)

    def __len__(self) -> int:
        return len(self._infos.keys() | self._stored.keys())

    def __contains__(self, mesh_hash: bytes) -> bool:
        return mesh_hash in self._infos or mesh_hash in self._stored

    def __getitem__(self, mesh_hash: bytes) -> MeshInfo | StoredMesh:
        return self._infos.get(mesh_hash) or self._stored[mesh_hash]

    def add_stored(self, mesh_hash: bytes, info: StoredMesh) -> None:
        """Note a mesh that the database holds."""
        self._stored[mesh_hash] = info

    def add(self, message: NewMesh) -> None:
        """Keep a mesh, once."""
        mesh = message.mesh
        if mesh.hash in self._infos:
            return
        self._infos[mesh.hash] = MeshInfo(
            self._end, len(mesh.positions), len(mesh.triangles), mesh.parts, mesh.bounds, mesh.volume_m3
        )
        self._file.seek(self._end)
        self._file.write(mesh.positions)
        self._file.write(mesh.triangles)
        self._end += len(mesh.positions) + len(mesh.triangles)

    def read(self, hashes: Iterable[bytes]) -> Iterator[tuple[bytes, bytes, bytes, MeshInfo]]:
        """Yield hash, positions, triangles and the rest of each mesh."""
        for mesh_hash in hashes:
            info = self._infos[mesh_hash]
            self._file.seek(info.offset)
            yield mesh_hash, self._file.read(info.position_bytes), self._file.read(info.triangle_bytes), info

    def hashes(self) -> list[bytes]:
        """Return the hashes of the meshes that were computed now."""
        return list(self._infos)

    def stored_hashes(self) -> list[bytes]:
        """Return the hashes of the meshes that the database has to hold."""
        return [mesh_hash for mesh_hash in self._stored if mesh_hash not in self._infos]


@dataclass
class Geometry:
    """Meshes, instances by product (STEP id), and the outcome of each product.

    Attributes
    ----------
    recalled
        Products that were not computed, for the database knew their shapes.
    """

    meshes: MeshStore = field(default_factory=MeshStore)
    instances: dict[int, Instance] = field(default_factory=dict)
    lines: dict[int, Line] = field(default_factory=dict)
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    recalled: set[int] = field(default_factory=set)

    def receive(self, message: NewMesh | Instance | Line) -> None:
        """Take one result."""
        if isinstance(message, NewMesh):
            self.meshes.add(message)
        elif isinstance(message, Line):
            self.lines[message.product] = message
        else:
            self.instances[message.product] = message

    def status(self, product: int) -> tuple[str, str | None]:
        """Return the geometry status of a product and the kernel that made it."""
        outcome = self.outcomes.get(product)
        return (outcome.status, outcome.kernel) if outcome else ("none", None)


def with_body(products: Iterable[Any]) -> list[Any]:
    """Return the products that have a representation with surfaces or solids; imaginary boundaries are not drawn."""
    return [product for product in products if not product.is_a("IfcVirtualElement") and _body(product) is not None]


def _body(product: Any) -> Any | None:
    shape = product.Representation
    if shape is None:
        return None
    for representation in shape.Representations:
        if representation.RepresentationIdentifier in _NO_BODY or not representation.Items:
            continue
        if representation.RepresentationType not in _NO_SURFACE:
            return representation
    return None


def same_forms(products: Iterable[Any], forms: Mapping[int, bytes]) -> tuple[list[Any], dict[int, list[int]]]:
    """Return the products to compute, and for some of them the products (STEP ids) that are copies of them.

    Parameters
    ----------
    forms
        STEP id -> key; products with the same key have the same mesh, and those without one are all computed.
    """
    leaders: list[Any] = []
    first: dict[bytes, int] = {}
    copies: dict[int, list[int]] = defaultdict(list)
    for product in products:
        number = product.id()
        form = forms.get(number)
        leader = first.setdefault(form, number) if form is not None else number
        if leader == number:
            leaders.append(product)
        else:
            copies[leader].append(number)
    return leaders, dict(copies)


def plan(products: Sequence[Any]) -> list[Task]:
    """Share products out into tasks of about the same work; the tasks with the hardest shapes come first.

    Those that are drawn from one type stay together, for they are computed once.
    """
    groups: dict[int, list[int]] = defaultdict(list)
    work: dict[int, int] = {}
    for product in products:
        body, openings = _body(product), len(getattr(product, "HasOpenings", ()))
        item = body.Items[0] if body is not None else None
        shared = item is not None and item.is_a("IfcMappedItem") and not openings
        key = item.MappingSource.id() if shared and item is not None else -product.id()
        groups[key].append(product.id())
        # What is cut takes longer than what is not, and what is cut out of something clipped the longest.
        work[key] = openings * (_CLIPPED if body is not None and body.RepresentationType == "Clipping" else 1)
    hardest_first = sorted(groups, key=lambda key: -work[key])
    count = -(-len(groups) // max(LEAST_BATCH_SHAPES, len(groups) // BATCHES))
    shares = [[number for key in hardest_first[first::count] for number in groups[key]] for first in range(count)]
    return [
        Task(tuple(share[start : start + BATCH_PRODUCTS]))
        for share in shares
        for start in range(0, len(share), BATCH_PRODUCTS)
    ]
