"""CityJSON 2.0 (https://www.cityjson.org/specs/2.0.1) and its sequences: buildings of levels 0 to 2, as a stream."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import shapely
from pyproj import CRS
from sqlalchemy import Connection, LargeBinary, Select, func, select, true

from cim.crs import CrsTransform, from_geographic, name_of, parse_crs, unit_factor
from cim.errors import InvalidInput
from cim.importing import Progress
from cim.tables import building_source, dataset
from layers.export.city_building import CityBuilding
from layers.export.columns import object_columns
from layers.export.description import Description
from layers.export.selection import Box, Selection, extent_of
from layers.export.shell import Vertices

#: Metres; a tenth of a millimetre, 1e-9 degrees.
SCALE = 0.0001
BATCH_BUILDINGS = 1_000
#: Degrees by which buildings may lie outside of the area that a projected system is made for.
_MARGIN = 1.0
_CRS_URL = "https://www.opengis.net/def/crs/"


def write_cityjson(
    connection: Connection,
    path: Path,
    selection: Selection,
    description: Description,
    metric_crs: str,
    total: int,
    *,
    is_sequence: bool,
    progress: Progress,
) -> int:
    """Write buildings and return how many.

    Parameters
    ----------
    metric_crs
        The projected system of the file, x east and y north in metres.

    Raises
    ------
    InvalidInput
        The buildings lie outside of that system's area.
    """
    box = extent_of(connection, selection)
    transform = _transform(metric_crs, box)
    origin = _origin(transform, box)
    header = _header(description, transform.target, origin)
    done = 0
    with path.open("wb") as file, tempfile.TemporaryFile(dir=path.parent) as points:
        writer = _Sequence(file, header) if is_sequence else _Document(file, points, header)
        for found in _buildings(connection, selection, description, transform):
            writer.add(found, origin)
            done += 1
            if done % BATCH_BUILDINGS == 0:
                progress("writing", done, total)
        writer.close()
    return done


class _Sequence:
    """A feature a line, each with its own vertices."""

    def __init__(self, file: Any, header: dict[str, Any]) -> None:
        self.file = file
        file.write(orjson.dumps(header | {"CityObjects": {}, "vertices": []}) + b"\n")

    def add(self, building: CityBuilding, origin: Any) -> None:
        """Write a building."""
        vertices = Vertices(origin, SCALE)
        feature = {"type": "CityJSONFeature", "id": building.key, "CityObjects": building.objects(vertices)}
        self.file.write(orjson.dumps(feature | {"vertices": _whole(vertices)}) + b"\n")

    def close(self) -> None:
        """Write no more."""


class _Document:
    """One object; its vertices wait in a file of their own, for they come last."""

    def __init__(self, file: Any, points: Any, header: dict[str, Any]) -> None:
        self.file, self.points = file, points
        self.count = 0
        self.is_first = True
        file.write(orjson.dumps(header)[:-1] + b',"CityObjects":{')

    def add(self, building: CityBuilding, origin: Any) -> None:
        """Write a building."""
        vertices = Vertices(origin, SCALE, first=self.count)
        objects = orjson.dumps(building.objects(vertices))[1:-1]
        self.file.write((b"\n" if self.is_first else b",\n") + objects)
        listed = orjson.dumps(_whole(vertices))[1:-1]
        if listed:
            self.points.write((b"," if self.count else b"") + listed)
        self.count += len(vertices.known)
        self.is_first = False

    def close(self) -> None:
        """Write the vertices."""
        self.file.write(b'\n},\n"vertices":[')
        self.points.seek(0)
        while part := self.points.read(1 << 20):
            self.file.write(part)
        self.file.write(b"]}\n")


def _whole(vertices: Vertices) -> list[list[int]]:
    return [list(vertex) for vertex in vertices.known]


def _buildings(
    connection: Connection, selection: Selection, description: Description, transform: CrsTransform
) -> Iterator[CityBuilding]:
    columns = object_columns(selection, keeps_times=False)
    statement = _statement(selection, description, [entry.expression.label(entry.name) for entry in columns])
    with connection.execute(
        statement, execution_options={"stream_results": True, "yield_per": BATCH_BUILDINGS}
    ) as result:
        for part in result.mappings().partitions():
            footprints = _moved([row["footprint"] for row in part], transform)
            solids = _moved([row["solid"] for row in part], transform)
            for row, footprint, solid in zip(part, footprints, solids, strict=True):
                record = {entry.name: row[entry.name] for entry in columns}
                record["provenance"] = orjson.loads(record["provenance"])
                record |= {name: row[name] for name in ("lod2_dataset", "lod2_vertical_crs")}
                record["attributes"] = row["owner_attributes"]
                yield CityBuilding(row["source_key"], record, footprint, solid, row["kinds"])


def _statement(selection: Selection, description: Description, columns: list[Any]) -> Select[Any]:
    """Return the buildings, each with the newest surfaces that a city model gave it."""
    rows = selection.rows
    surfaces = (
        select(
            func.ST_AsBinary(building_source.c.lod2, type_=LargeBinary).label("solid"),
            building_source.c.lod2_surfaces.label("kinds"),
            dataset.c.name.label("lod2_dataset"),
            dataset.c.vertical_crs.label("lod2_vertical_crs"),
        )
        .join(dataset, dataset.c.id == building_source.c.dataset_id)
        .where(building_source.c.building_id == rows.c.id, building_source.c.lod2.is_not(None))
        .order_by(building_source.c.recorded_at.desc(), building_source.c.id.desc())
        .limit(1)
        .correlate(rows)
    )
    if description.asof is not None:
        surfaces = surfaces.where(building_source.c.recorded_at <= description.asof)
    newest = surfaces.lateral("newest")
    footprint = func.ST_AsBinary(rows.c.geom, type_=LargeBinary).label("footprint")
    given = [newest.c[name] for name in ("solid", "kinds", "lod2_dataset", "lod2_vertical_crs")]
    return (
        select(*columns, footprint, rows.c.attributes.label("owner_attributes"), *given)
        .select_from(rows.outerjoin(dataset, dataset.c.id == rows.c.dataset_id).outerjoin(newest, true()))
        .where(*selection.conditions)
        .order_by(rows.c.id)
    )


def _moved(wkb: list[bytes | None], transform: CrsTransform) -> Any:
    shapes = shapely.from_wkb(np.array(wkb, object))
    there = np.flatnonzero(~shapely.is_missing(shapes))
    if len(there):
        shapes[there] = transform.geometries(shapes[there])
    return shapes


def _transform(metric_crs: str, box: Box | None) -> CrsTransform:
    crs = parse_crs(metric_crs)
    if not crs.is_projected or unit_factor(crs) != 1.0:
        raise InvalidInput(f"'{metric_crs}' is no projected system in metres; give one with --crs EPSG:N")
    area = crs.area_of_use
    if box is not None and area is not None:
        west, south, east, north = box
        if not (
            area.west - _MARGIN <= west
            and east <= area.east + _MARGIN
            and area.south - _MARGIN <= south
            and north <= area.north + _MARGIN
        ):
            raise InvalidInput(
                f"the buildings ({west:.3f} to {east:.3f} east, {south:.3f} to {north:.3f} north) lie outside of the "
                f"area of {name_of(crs)}; give a system of the place with --crs EPSG:N"
            )
    return from_geographic(crs)


def _origin(transform: CrsTransform, box: Box | None) -> Any:
    if box is None:
        return np.zeros(3)
    x, y = transform.points([box[0], box[2]], [box[1], box[3]])
    return np.array([np.floor(x.min()), np.floor(y.min()), 0.0])


def _header(description: Description, crs: CRS, origin: Any) -> dict[str, Any]:
    authority, _, code = name_of(crs).partition(":")
    if not code:
        raise InvalidInput(f"'{name_of(crs)}' has no code by which CityJSON could name it; give one with --crs EPSG:N")
    vertical = f"{_CRS_URL}EPSG/0/{description.vertical_crs.partition(':')[2]}"
    return {
        "type": "CityJSON",
        "version": "2.0",
        "metadata": {
            "title": f"{description.title}; heights in metres, {description.vertical_crs}",
            "referenceSystem": f"{_CRS_URL}{authority}/0/{code}",
            # 2.0 has no place for a system of heights that no one code joins with the other
            "verticalReferenceSystem": vertical,
        },
        "transform": {"scale": [SCALE] * 3, "translate": origin.tolist()},
    }
