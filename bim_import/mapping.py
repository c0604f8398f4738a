"""From an open model, its place and its geometry to rows."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from typing import Any

import orjson
import shapely

from bim_import.alignments import alignment_rows, length_notes
from bim_import.building_record import building_row
from bim_import.content import Content
from bim_import.described import described
from bim_import.facilities import Facilities
from bim_import.frame import Frame
from bim_import.geometry import Geometry
from bim_import.georeference import Georeference
from bim_import.groups import group_rows, link_rows
from bim_import.links import Ports, read_links
from bim_import.outlines import storey_outline
from bim_import.properties import Properties, common_types, own_types
from bim_import.property_values import text_or_none
from bim_import.quantities_check import check_quantities, quantity_notes
from bim_import.reader import OpenModel
from bim_import.rows import ModelRows
from bim_import.spatial import Storey, Tree
from cim import crs as systems

ELEMENT_LEVEL, SPACE_LEVEL, MODEL_LEVEL = 6, 5, 4
MODEL_KEY = "model"


def map_rows(
    model: OpenModel,
    content: Content,
    tree: Tree,
    storeys: list[Storey],
    properties: dict[int, Properties],
    georeference: Georeference,
    geometry: Geometry,
) -> ModelRows:
    """Return all rows of a file."""
    frame = Frame(georeference)
    ports = Ports(model.file)
    links = read_links(model.file, ports)
    mapper = _Mapper(content, tree, storeys, properties, geometry, frame, ports)
    rows = ModelRows({}, frame=frame)
    rows.storeys = [mapper.storey_row(storey) for storey in storeys]
    rows.spaces = [mapper.space_row(space) for space in content.spaces]
    rows.elements = mapper.element_rows()
    rows.buildings = mapper.building_rows()
    rows.facilities = mapper.facilities.rows(properties, geometry, frame, mapper.describe)
    rows.alignments = alignment_rows(
        content, mapper.facilities, properties, geometry, frame, model.metres_per_unit, mapper.describe
    )
    rows.groups = group_rows(content, links, properties, mapper.describe)
    rows.links, counts = link_rows(content, links, MODEL_KEY)
    rows.instances = mapper.instances()
    areas = [row.pop("area") for row in rows.buildings]
    rows.model = mapper.model_row(model, georeference, areas, rows)
    rows.bounds = mapper.bounds(rows.alignments)
    rows.model["value_types"] = mapper.common_types
    check = check_quantities(rows.spaces)
    rows.model["attributes"] |= {"links": counts, "quantity_check": check}
    rows.notes = [*quantity_notes(check), *length_notes(content, geometry, rows.alignments)]
    return rows


class _Mapper:
    def __init__(
        self,
        content: Content,
        tree: Tree,
        storeys: list[Storey],
        properties: dict[int, Properties],
        geometry: Geometry,
        frame: Frame,
        ports: Ports,
    ) -> None:
        self.facilities = Facilities(content, tree)
        self.common_types = common_types(properties.values())
        self._ports = ports
        self._content, self._tree, self._storeys = content, tree, storeys
        self._properties, self._geometry, self._frame = properties, geometry, frame
        self._storey_of: dict[int, int | None] = {}
        self._by_storey: dict[int, list[Any]] = defaultdict(list)
        for product in [*content.elements, *content.spaces]:
            storey = tree.nearest(product.id(), "IfcBuildingStorey")
            self._storey_of[product.id()] = storey
            if storey is not None:
                self._by_storey[storey].append(product)

    def _key(self, product: int | None) -> str | None:
        return self._content.keys.get(product) if product is not None else None

    def storey_row(self, storey: Storey) -> dict[str, Any]:
        members = self._by_storey[storey.entity.id()]
        return {
            "source_key": self._key(storey.entity.id()),
            "cim_level": SPACE_LEVEL,
            "name": text_or_none(storey.entity.Name) or text_or_none(storey.entity.LongName),
            "global_id": storey.entity.GlobalId,
            "number": storey.number,
            "elevation_m": round(storey.z_m, 4),
            "base_height_m": self._frame.height_m(storey.z_m),
            "height_m": storey.height_m if storey.height_m is not None else self._rise(storey, members),
            "geom": _hex(self._frame.shape(storey_outline(members, self._geometry))),
            "attributes": {"is_counted": storey.is_counted, "building_global_id": self._key(storey.building)}
            | self.describe(storey.entity)
            | self._sets(storey.entity),
        }

    def _rise(self, storey: Storey, members: list[Any]) -> float | None:
        tops = [self._geometry.instances[m.id()].max_z_m for m in members if m.id() in self._geometry.instances]
        return round(max(tops) - storey.z_m, 4) if tops and max(tops) > storey.z_m else None

    def space_row(self, space: Any) -> dict[str, Any]:
        instance = self._geometry.instances.get(space.id())
        known = self._properties[space.id()]
        row: dict[str, Any] = {
            "source_key": self._key(space.id()),
            "cim_level": SPACE_LEVEL,
            "name": text_or_none(space.Name),
            "long_name": text_or_none(space.LongName),
            "global_id": space.GlobalId,
            "storey_key": self._key(self._storey_of[space.id()]),
            "attributes": self.describe(space) | {"psets": known.psets, "quantities": known.quantities},
        }
        if instance is not None:
            area = shapely.from_wkb(instance.outline) if instance.outline else shapely.Polygon(instance.rectangle)
            row |= {
                "base_height_m": self._frame.height_m(instance.min_z_m),
                "height_m": round(instance.max_z_m - instance.min_z_m, 4),
                "floor_area_m2": round(area.area, 4),
                "volume_m3": round(abs(self._geometry.meshes[instance.mesh_hash].volume_m3), 4),
                "geom": _hex(self._frame.shape(area)),
            }
        return row

    def element_rows(self) -> list[dict[str, Any]]:
        rows = [self._element_row(element) for element in self._content.elements]
        placed = [index for index, one in enumerate(self._content.elements) if one.id() in self._geometry.instances]
        instances = [self._geometry.instances[self._content.elements[index].id()] for index in placed]
        shapes = self._frame.rectangles([instance.rectangle for instance in instances])
        for index, instance, shape in zip(placed, instances, shapes, strict=True):
            rows[index] |= {
                "geom": shape,
                "min_height_m": self._frame.height_m(instance.min_z_m),
                "max_height_m": self._frame.height_m(instance.max_z_m),
            }
        return rows

    def _element_row(self, element: Any) -> dict[str, Any]:
        known = self._properties[element.id()]
        status, kernel = self._geometry.status(element.id())
        return {
            "source_key": self._key(element.id()),
            "cim_level": ELEMENT_LEVEL,
            "name": text_or_none(element.Name),
            "global_id": element.GlobalId,
            "parent_global_id": self._key(self._tree.parents.get(element.id())),
            "storey_key": self._key(self._storey_of[element.id()]),
            "space_key": self._key(self._tree.nearest(element.id(), "IfcSpace")),
            "facility_key": self._key(self.facilities.of(element.id())),
            "ifc_class": element.is_a(),
            "predefined_type": known.predefined_type,
            "type_name": known.type_name,
            "tag": text_or_none(getattr(element, "Tag", None)),
            "system": known.systems[0] if known.systems else None,
            "psets": known.psets,
            "quantities": known.quantities,
            "materials": known.materials,
            "geometry_status": status,
            "kernel": kernel,
            "attributes": self._element_attributes(element),
        }

    def describe(self, product: Any) -> dict[str, Any]:
        """Return what every object keeps in its attributes."""
        known = self._properties[product.id()]
        return described(product, known, own_types(known, self.common_types))

    def _sets(self, product: Any) -> dict[str, Any]:
        """Return the property sets for the attributes of a table that has no columns for them."""
        known = self._properties[product.id()]
        found = {"psets": known.psets, "quantities": known.quantities}
        return {name: values for name, values in found.items() if values}

    def _element_attributes(self, element: Any) -> dict[str, Any]:
        ports = self._ports.describe(element.id())
        return self.describe(element) | ({"ports": ports} if ports else {})

    def building_rows(self) -> list[dict[str, Any]]:
        members: dict[int | None, list[Any]] = defaultdict(list)
        for element in self._content.elements:
            members[self._tree.nearest(element.id(), "IfcBuilding")].append(element)
        rows = []
        for building in self._content.buildings:
            own = [storey for storey in self._storeys if storey.building == building.id()]
            # A lone building takes what the file hangs on the site as well.
            loose = members[None] if len(self._content.buildings) == 1 and not members[building.id()] else []
            elements = members[building.id()] + loose
            if not elements:
                continue
            key = self._content.keys[building.id()]
            row = building_row(building, key, own, self._by_storey, elements, self._geometry, self._frame)
            row["area"] = self._frame.shape(row["geom"])
            row["geom"] = _hex(row["area"])
            row["attributes"] |= {"storey_keys": [self._key(storey.entity.id()) for storey in own]}
            rows.append(row)
        return rows

    def instances(self) -> list[tuple[str, str, bytes, list[float], list[list[float]]]]:
        found = []
        for table, products in (("element", self._content.elements), ("space", self._content.spaces)):
            for product in products:
                one = self._geometry.instances.get(product.id())
                if one is not None:
                    key = self._content.keys[product.id()]
                    found.append((table, key, one.mesh_hash, one.placement, one.materials))
        return found

    def model_row(
        self, model: OpenModel, georeference: Georeference, areas: list[shapely.Geometry | None], rows: ModelRows
    ) -> dict[str, Any]:
        longitude, latitude = georeference.degrees()
        project = model.file.by_type("IfcProject")[0]
        names = [row["fields"].get("name") for row in rows.buildings]
        area = shapely.union_all([area for area in areas if area is not None])
        statuses = Counter(row["geometry_status"] for row in rows.elements)
        return {
            "source_key": MODEL_KEY,
            "cim_level": MODEL_LEVEL,
            "name": next((name for name in names if name), None) or text_or_none(project.LongName or project.Name),
            "ifc_schema": model.file.schema_identifier,
            "original_schema": model.header.original_schema,
            "global_id": project.GlobalId,
            "status": "placed",
            "metric_crs": systems.definition(georeference.crs),
            "placement": [round(float(value), 12) for value in georeference.placement.ravel()],
            "georeference": {
                "method": georeference.method,
                "grade": georeference.grade,
                "crs": georeference.crs_name,
                "vertical_datum": georeference.vertical_datum,
                "offset_m": list(georeference.offset_m),
                "evidence": georeference.facts,
            },
            "longitude": longitude,
            "latitude": latitude,
            "height_m": self._frame.height_m(0.0),
            "element_count": len(rows.elements),
            "geom": _hex(None if area.is_empty else area),
            "attributes": {
                "counts": dict(sorted(self._content.counts.items())),
                "geometry": dict(sorted(statuses.items())),
                "meshes": len(self._geometry.meshes),
                "instances": len(rows.instances),
                "instances_digest": _digest(rows.instances),
            },
        }

    def bounds(self, alignments: list[dict[str, Any]]) -> tuple[float, float, float, float] | None:
        corners = [corner for one in self._geometry.instances.values() for corner in one.rectangle]
        shapes = [shapely.from_wkb(row["geom"]) for row in alignments if row.get("geom")]
        if corners:
            shapes.append(shapely.multipoints(self._frame.geographic(_array(corners))))
        if not shapes:
            return None
        west, south, east, north = shapely.total_bounds(shapes)
        return float(west), float(south), float(east), float(north)


def _array(corners: list[list[float]]) -> Any:
    import numpy as np

    return np.asarray(corners, dtype=np.float64)


def _hex(shape: shapely.Geometry | None) -> str | None:
    return str(shapely.to_wkb(shape, hex=True)) if shape is not None else None


def _digest(instances: list[tuple[str, str, bytes, list[float], list[list[float]]]]) -> str:
    total = hashlib.sha256()
    for table, key, mesh_hash, placement, materials in sorted(instances, key=lambda row: row[:2]):
        total.update(orjson.dumps([table, key, mesh_hash.hex(), placement, materials]))
    return total.hexdigest()
