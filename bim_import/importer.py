"""IFC files into the model: header, place, content, geometry, then rows in one transaction."""

from __future__ import annotations

import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection

from bim_import.building_record import footprint, ground_storey
from bim_import.content import Content, sort_content
from bim_import.content_hash import ContentHash
from bim_import.extent import middle_m
from bim_import.geometry import Geometry, plan, same_forms, with_body
from bim_import.geometry_messages import Instance, Line, NewMesh, Open
from bim_import.geometry_pool import GeometryLimits, GeometryPool, Task
from bim_import.georeference import Georeference, check_given, local_offset, place_by_file, place_given
from bim_import.header import looks_like_ifc, read_header
from bim_import.mapping import map_rows
from bim_import.mesh import Floats
from bim_import.originals import Original, originals_folder
from bim_import.originals import keep as keep_original
from bim_import.originals import sweep as sweep_originals
from bim_import.outlines import is_outlined
from bim_import.placements import GivenPlace, find_place, read_placements
from bim_import.properties import Properties, PropertyReader
from bim_import.readable import readable_copy
from bim_import.reader import OpenModel, open_model
from bim_import.relations import Relations
from bim_import.rows import ModelRows
from bim_import.shape_cache import keep, recall
from bim_import.shape_key import ShapeKeys
from bim_import.spatial import Storey, Tree, read_storeys
from bim_import.statement import read_statement
from bim_import.unchanged import UnchangedModel, find_unchanged, fingerprint
from bim_import.writing import write_rows
from cim import crs as systems
from cim.importing import ImportContext, ImportOptions
from cim.reports import DatasetDescription, Note, WriteResult
from cim.sources import Source


@dataclass
class PreparedModel:
    """A model that only has to be written."""

    description: DatasetDescription
    rows: ModelRows
    geometry: Geometry
    keys: dict[int, bytes]
    original: Original | None
    notes: list[Note]
    is_repeatable = True

    def write(self, connection: Connection, dataset_id: int) -> WriteResult:
        """Write it in the caller's transaction."""
        written = write_rows(connection, self.rows, self.geometry.meshes, dataset_id)
        keep(connection, self.keys, self.geometry)
        if self.original is not None:
            keep_original(self.original, self.rows.model["attributes"]["original"])
        notes = list(self.notes)
        if written.renamed:
            notes.append(
                Note(
                    "renamed",
                    f"{written.renamed} objects have other GlobalIds and were found again; they keep their ids",
                )
            )
        return WriteResult(written.layers, notes=notes, bounds=self.rows.bounds)


class IfcImporter:
    """Imports IFC-SPF; one importer keeps its geometry workers from file to file."""

    name = "ifc"
    is_apart = True

    def __init__(self, limits: GeometryLimits | None = None) -> None:
        self._limits = limits
        self._pool: GeometryPool | None = None

    def recognise(self, source: Source) -> bool:
        """Tell whether a file is IFC or claims to be by its name."""
        return looks_like_ifc(source.head, source.path.name)

    def pool(self, workers: int) -> GeometryPool:
        """Return the worker processes."""
        if self._pool is None or self._pool.size != workers:
            if self._pool is not None:
                self._pool.close()
            self._pool = GeometryPool(workers, self._limits)
        return self._pool

    def prepare(self, source: Source, context: ImportContext) -> PreparedModel | UnchangedModel:
        """Read and compute all that is new in a file.

        Raises
        ------
        InvalidFile
            If it is not readable IFC.
        UnplacedModel
            If neither it nor ``--place`` says reliably where it stands.
        """
        header = read_header(source.path)
        with tempfile.TemporaryDirectory(prefix="cim-ifc-") as folder:
            readable = readable_copy(source.path, header, Path(folder))
            context.progress("reading", 0, None)
            text = _Text(readable.path, header.original_schema, context.options)
            unchanged = _unchanged(text, source, context)
            if unchanged is not None:
                return unchanged
            workers = context.options.workers
            # Of a new version little has to be computed.
            self.pool(workers).open_ahead(str(readable.path), workers if context.earlier is None else 1)
            return self._prepare(open_model(readable.path, header, readable.notes), text, source, context)

    def keep(self, connection: Connection, source: Source, context: ImportContext) -> list[Note]:
        """Remove the kept files of versions that are no more."""
        sweep_originals(connection, originals_folder(context.settings.files))
        return []

    def _prepare(self, model: OpenModel, text: _Text, source: Source, context: ImportContext) -> PreparedModel:
        content = sort_content(model.file)
        tree = Tree(model.file)
        bodies = with_body([*content.elements, *content.spaces])
        middle = middle_m(model.file, bodies or model.file.by_type("IfcProduct"), model.metres_per_unit)
        given = _given_place(source, context)
        statement = read_statement(model.file, source.path.name, middle, model.metres_per_unit)
        # Whatever is wrong with the place is said before the geometry, which may take minutes.
        place = None
        if given is None:
            place = place_by_file(statement, context.options.crs, context.settings.metric_crs)
        else:
            check_given(given[0], middle)
        storeys = read_storeys(model.file, tree, model.metres_per_unit)
        shapes = _Shapes(model, text, content, bodies, local_offset(middle))
        geometry = _recalled(shapes, context)
        unknown = [product for product in bodies if product.id() not in geometry.outcomes]
        leaders, copies = same_forms(unknown, shapes.forms_of(unknown))
        with ThreadPoolExecutor(1) as thread:
            # The kernels work in other processes; properties are read meanwhile.
            future = thread.submit(_read_properties, model, content, shapes.relations)
            hashed = thread.submit(lambda: (shapes.keys, text.mark))
            self._compute(Open(str(model.path), shapes.offset_m), shapes, leaders, copies, geometry, context)
            properties = future.result()
            hashed.result()
        notes = [*model.notes, *content.notes]
        if given is not None:
            place = place_given(given[0], statement, _anchor(given[0], storeys, content, tree, geometry))
            notes.append(_place_note(*given))
        assert place is not None
        rows = map_rows(model, content, tree, storeys, properties, place, geometry)
        if not any(outcome.status == "timed_out" for outcome in geometry.outcomes.values()):
            rows.model["attributes"]["fingerprint"] = text.mark
        notes += [*place.notes, *rows.notes, *_notes(content, geometry)]
        original = Original(source.path, originals_folder(context.settings.files))
        rows.model["attributes"]["original"] = original.describe()
        kept = None if context.options.dry_run else original
        return PreparedModel(_describe(model, place), rows, geometry, shapes.keys, kept, notes)

    def _compute(
        self,
        order: Open,
        shapes: _Shapes,
        leaders: list[Any],
        copies: dict[int, list[int]],
        geometry: Geometry,
        context: ImportContext,
    ) -> None:
        """Compute what is not known yet."""
        total = len(shapes.bodies)

        def receive(message: NewMesh | Instance | Line) -> None:
            geometry.receive(message)
            if isinstance(message, Instance):
                context.progress("geometry", len(geometry.instances), total)

        tasks = [*plan(leaders), *shapes.lines]
        pool = self.pool(context.options.workers)
        geometry.outcomes |= pool.compute(order, tasks, shapes.outlined, receive, copies)


class _Text:
    """What a file says, hashed when somebody asks."""

    def __init__(self, path: Path, schema: str, options: ImportOptions) -> None:
        self._path, self._schema, self._options = path, schema, options

    @cached_property
    def content(self) -> ContentHash:
        """Statement by statement."""
        return ContentHash(self._path.read_bytes())

    @cached_property
    def mark(self) -> str | None:
        """As a whole, with the options of the import."""
        return fingerprint(self.content, self._schema, self._options)


def _unchanged(text: _Text, source: Source, context: ImportContext) -> UnchangedModel | None:
    if context.earlier is None:
        return None
    with context.earlier.connect() as connection:
        return find_unchanged(connection, context.options.dataset or source.name, text.mark)


class _Shapes:
    """The products of a file that have a body, and what tells whether their shapes are known."""

    def __init__(
        self, model: OpenModel, text: _Text, content: Content, bodies: list[Any], offset_m: tuple[float, float, float]
    ) -> None:
        self._model, self._text, self.bodies, self.offset_m = model, text, bodies, offset_m
        self.relations = Relations(model.file)
        products = [*content.elements, *content.spaces]
        self.outlined = frozenset(product.id() for product in products if is_outlined(product))
        #: Alignments are evaluated each time: that is quick, and each of them may be the one that fails.
        self.lines = [Task((alignment.id(),)) for alignment in content.alignments]

    @cached_property
    def _keys(self) -> ShapeKeys:
        return ShapeKeys(self._model.file, self._text.content, self.relations, self.offset_m)

    @cached_property
    def keys(self) -> dict[int, bytes]:
        """STEP id -> key of the shape where it stands."""
        return self._keys.of(self.bodies, self.outlined)

    def forms_of(self, products: list[Any]) -> dict[int, bytes]:
        """Return STEP id -> key of the shape wherever it stands."""
        return self._keys.forms(products)


def _recalled(shapes: _Shapes, context: ImportContext) -> Geometry:
    """Return what the database knows of an earlier version's shapes."""
    geometry = Geometry()
    if context.earlier is not None:
        with context.earlier.connect() as connection:
            recall(connection, shapes.keys, geometry)
    return geometry


def _read_properties(model: OpenModel, content: Content, relations: Relations) -> dict[int, Properties]:
    reader = PropertyReader(model.file, model.metres_per_unit, relations)
    return {product.id(): reader.read(product) for product in content.described()}


def _given_place(source: Source, context: ImportContext) -> tuple[GivenPlace, bool] | None:
    if context.options.place is None:
        return None
    return find_place(read_placements(context.options.place), [source.path.name, source.name])


def _anchor(place: GivenPlace, storeys: list[Storey], content: Content, tree: Tree, geometry: Geometry) -> Floats:
    """Return the point of the model (model metres, offset taken off) that stands at the given place."""
    if place.anchor == "origin":
        return np.zeros(3)
    ground = ground_storey(storeys)
    by_storey: dict[int, list[object]] = {}
    for product in [*content.elements, *content.spaces]:
        storey = tree.nearest(product.id(), "IfcBuildingStorey")
        if storey is not None:
            by_storey.setdefault(storey, []).append(product)
    area = footprint(ground, by_storey, content.elements, geometry)
    if area.is_empty:
        return np.zeros(3)
    west, south, east, north = area.bounds
    x, y = {
        "centre": ((west + east) / 2, (south + north) / 2),
        "lower_left": (west, south),
        "upper_left": (west, north),
    }[place.anchor]
    return np.array([x, y, ground.z_m if ground is not None else 0.0])


def _place_note(place: GivenPlace, is_exact: bool) -> Note:
    code = "placed" if is_exact else "placed_by_similar_name"
    how = f"{place.anchor} at {place.easting}, {place.northing}"
    if place.control_points:
        how = f"{len(place.control_points)} control points"
    return Note(code, f"placed by --place, row '{place.file}' ({how})")


def _notes(content: Content, geometry: Geometry) -> list[Note]:
    counts = content.counts
    parts = ", ".join(f"{counts[word]} {word}" for word in sorted(counts) if word != "products")
    notes = [Note("products", f"{counts['products']} products: {parts}")]
    bad = Counter(outcome.status for outcome in geometry.outcomes.values() if outcome.status != "ok")
    for status, number in sorted(bad.items()):
        names = [content.keys[product] for product, one in geometry.outcomes.items() if one.status == status]
        notes.append(Note(f"geometry_{status}", f"{number} products without a mesh ({status}): {', '.join(names[:5])}"))
    return notes


def _describe(model: OpenModel, place: Georeference) -> DatasetDescription:
    transform = systems.to_geographic(place.crs)
    return DatasetDescription(
        format=f"IFC ({model.header.original_schema})",
        crs=place.crs_name,
        vertical_crs=place.vertical_datum,
        transform=transform.description,
        accuracy_m=transform.accuracy_m,
        is_ballpark=transform.is_ballpark,
    )
