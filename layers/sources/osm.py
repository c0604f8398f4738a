"""OpenStreetMap extracts: one streamed pass, areas assembled from closed ways and multipolygon relations."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import osmium
import shapely
from osmium import InvalidLocationError
from osmium.filter import KeyFilter
from osmium.geom import WKBFactory
from sqlalchemy import Connection

from cim.crs import CrsTransform
from cim.errors import InvalidFile
from cim.importing import ImportContext
from cim.reports import DatasetDescription, Note, WriteResult
from cim.sources import Source
from layers.sources import osm_tags
from layers.sources.batch import Batch
from layers.sources.filling import Filling
from layers.sources.guess import Request, Target
from layers.sources.intake import Intake
from layers.sources.mapping import LayerMapping, Matched
from layers.sources.transform import describe, transform_for

BATCH_OBJECTS = 20_000
_CRS = "EPSG:4326"
_LICENCE = "ODbL 1.0"
_SOURCE = "© OpenStreetMap contributors"
_KEY = "@id"
_LARGE_BYTES = 200 * 2**20
_TITLES = {"power_lines": "电力线路 (OpenStreetMap)"}
_XML = re.compile(rb"<osm[\s>]")
_AREA_KEYS = ("building", "natural", "waterway", "landuse", "boundary")


@dataclass(frozen=True)
class Found:
    """One object of the file for one layer.

    Attributes
    ----------
    wkb
        Hexadecimal; None where there is no geometry.
    fault
        Reason and detail, where the object cannot be what it claims to be.
    """

    key: str
    layer: str
    tags: dict[str, str]
    wkb: str | None
    fault: tuple[str, str] | None = None


_NO_AREA = (
    "invalid_area",
    "no area can be made of it: its rings do not close or cross, members lie outside of the extract, or it is no "
    "multipolygon",
)
_NO_FOOTPRINT = ("no_footprint", "the building is a single point; draw its footprint")


@dataclass
class PreparedOsm:
    """An extract that is open for reading."""

    path: Path
    name: str
    context: ImportContext
    transform: CrsTransform
    notes: list[Note] = field(default_factory=list)

    @property
    def description(self) -> DatasetDescription:
        """What the file says of itself."""
        return replace(describe("OSM", self.transform), licence=_LICENCE, source=_SOURCE)

    def write(self, connection: Connection, dataset_id: int) -> WriteResult:
        """Read the file once; each object that is of a layer's kind is imported or rejected."""
        filling = Filling(connection, dataset_id, notes=list(self.notes))
        intakes: dict[str, Intake] = {}
        waiting: list[Found] = []
        done = 0
        reading = Reading(self.path)
        for found in reading.objects():
            waiting.append(found)
            if len(waiting) >= BATCH_OBJECTS:
                done += self._flush(filling, intakes, waiting)
                self.context.progress("reading", done, None)
        waiting += reading.unassembled.values()
        self._flush(filling, intakes, waiting)
        self.context.progress("writing", done, None)
        return filling.finish()

    def _flush(self, filling: Filling, intakes: dict[str, Intake], waiting: list[Found]) -> int:
        by_layer: dict[str, list[Found]] = {}
        for found in waiting:
            by_layer.setdefault(found.layer, []).append(found)
        for layer, objects in by_layer.items():
            self._intake(filling, intakes, layer).take(_batch(layer, objects))
        size = len(waiting)
        waiting.clear()
        return size

    def _intake(self, filling: Filling, intakes: dict[str, Intake], layer: str) -> Intake:
        if layer not in intakes:
            request = Request(self.name, layer, [], osm_tags.LAYERS[layer][1])
            kinds = {"name": "string", "voltage": "string", "operator": "string"} if layer == "power_lines" else {}
            intakes[layer] = filling.open(_target(layer), request, self.transform, kinds, crs=_CRS)
        return intakes[layer]


class OsmImporter:
    """Takes PBF and XML extracts."""

    name = "osm"

    def recognise(self, source: Source) -> bool:
        """Tell by the name of the first block, or the root element."""
        head = source.head
        return head[4:16].find(b"OSMHeader") >= 0 or (
            head.lstrip()[:1] == b"<" and _XML.search(head[:2000]) is not None
        )

    def prepare(self, source: Source, context: ImportContext) -> PreparedOsm:
        """Open the file."""
        if context.options.layer is not None:
            raise InvalidFile("an OpenStreetMap extract fills several layers; import it without --layer")
        notes: list[Note] = []
        transform = transform_for(_CRS, None, f"'{source.name}'", notes)
        try:
            osmium.FileProcessor(str(source.path)).header.box()
        except RuntimeError as error:
            raise InvalidFile(f"the file cannot be read as OpenStreetMap data: {error}") from None
        return PreparedOsm(source.path, source.name, context, transform, notes)


class Reading:
    """One pass over a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        #: areas to be, by (key, layer), until they are assembled
        self.unassembled: dict[tuple[str, str], Found] = {}
        #: relations that came assembled: their areas may come before they do
        self._assembled: set[tuple[str, str]] = set()
        self._wkb = WKBFactory()

    def objects(self) -> Iterator[Found]:
        """Yield the objects of the model's layers; raises InvalidFile where the file is broken."""
        # Places of nodes take 16 bytes each; beyond a region's they belong on disk.
        is_large = self.path.stat().st_size > _LARGE_BYTES
        storage = "sparse_file_array" if is_large else "flex_mem"
        processor = (
            osmium.FileProcessor(str(self.path))
            .with_locations(storage)
            .with_areas(KeyFilter(*_AREA_KEYS))
            .with_filter(KeyFilter(*osm_tags.KEYS))
        )
        try:
            for item in processor:
                yield from self._read(item)
        except RuntimeError as error:
            raise InvalidFile(f"the file cannot be read to its end: {error}; download it again") from None

    def _read(self, item: Any) -> Iterator[Found]:
        if item.is_area():
            yield from self._area(item)
        elif item.is_way():
            tags = dict(item.tags)
            key = f"way/{item.id}"
            for layer in osm_tags.layers_of_line(tags):
                yield Found(key, layer, tags, self._shape(self._wkb.create_linestring, item))
            self._expect(key, tags, osm_tags.layers_of_area(tags), is_relation=False, is_closed=item.is_closed())
        elif item.is_relation():
            tags = dict(item.tags)
            layers = osm_tags.layers_of_area(tags)
            if tags.get("type") not in {"multipolygon", "boundary"}:
                layers = [layer for layer in layers if layer == "buildings"]
            self._expect(f"relation/{item.id}", tags, layers, is_relation=True, is_closed=True)
        else:
            yield from self._node(item)

    def _node(self, node: Any) -> Iterator[Found]:
        """Yield a building of which nobody has drawn the outline yet."""
        tags = dict(node.tags)
        if tags.get("building", "no") != "no":
            yield Found(f"node/{node.id}", "buildings", tags, self._shape(self._wkb.create_point, node), _NO_FOOTPRINT)

    def _area(self, area: Any) -> Iterator[Found]:
        tags = dict(area.tags)
        key = f"{'way' if area.from_way() else 'relation'}/{area.orig_id()}"
        for layer in osm_tags.layers_of_area(tags):
            if self.unassembled.pop((key, layer), None) is None:
                self._assembled.add((key, layer))
            yield Found(key, layer, tags, self._shape(self._wkb.create_multipolygon, area))

    def _expect(self, key: str, tags: dict[str, str], layers: list[str], *, is_relation: bool, is_closed: bool) -> None:
        """Remember an area that must come assembled later; open ways are areas only if they claim to be buildings."""
        for layer in layers:
            if (key, layer) in self._assembled:
                self._assembled.remove((key, layer))
            elif layer == "buildings" or is_relation or (is_closed and layer != "admin_areas"):
                self.unassembled[key, layer] = Found(key, layer, tags, None, _NO_AREA)

    @staticmethod
    def _shape(create: Any, item: Any) -> str | None:
        try:
            return str(create(item))
        except (RuntimeError, InvalidLocationError):  # a node is missing from the extract, or all are one
            return None


def _target(layer: str) -> Target:
    table_name, family, level = osm_tags.LAYERS[layer]
    names = ["name", *osm_tags.values(layer, "", _EXAMPLE)]
    mapping = LayerMapping(
        layer=layer,
        geometry=frozenset({family}),
        names=(),
        signature=frozenset(),
        key=(_KEY,),
        columns={name: (name,) for name in names},
        cim_level=level,
    )
    matched = Matched(mapping, {name: name for name in names}, {}, _KEY, None)
    return Target(layer, table_name, matched, _TITLES.get(layer, layer), is_guess=False)


#: Tags with which each layer's values can be read, to learn their names.
_EXAMPLE = {"building": "yes", "highway": "path", "waterway": "stream"}


def _batch(layer: str, objects: list[Found]) -> Batch:
    rows = [osm_tags.values(layer, found.key, found.tags) for found in objects]
    columns = {name: _array([row[name] for row in rows]) for name in rows[0]}
    columns[_KEY] = _array([found.key for found in objects])
    shapes = shapely.from_wkb(_array([found.wkb for found in objects]))
    return Batch(
        layer,
        columns,
        shapes,
        np.fromiter((found.wkb is None and found.fault is None for found in objects), bool, len(objects)),
        np.arange(1, len(objects) + 1),
        extra=[found.tags for found in objects],
        places=[found.key for found in objects],
        faults=[found.fault for found in objects],
    )


def _array(values: list[Any]) -> Any:
    array = np.empty(len(values), object)
    array[:] = values
    return array
