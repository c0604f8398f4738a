"""Additions that were drawn in a GIS: the points of the GeoPackage that goes with a forward pack, as notes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid5

import numpy as np
import orjson
import shapely
from numpy.typing import NDArray

from cim.crs import parse_crs, to_geographic
from cim.errors import InvalidFile, InvalidInput, MissingCrs, TooLarge
from layers.incidents.additions import FORMAT, MOST_ENTRIES, Additions, parse_additions
from layers.incidents.wish import LENGTHS
from layers.said import shown
from layers.sources.geometry import from_wkb
from layers.sql import script

LAYER = "additions"
COLUMNS = ("uuid", "at", "by", "text")
MEDIA_TYPE = "application/geopackage+sqlite3"
_MAGIC = b"SQLite format 3\0"


class _Row(NamedTuple):
    """A row as it was drawn; ``fid`` is its number in the layer, ``position`` in degrees (EPSG:4490)."""

    fid: int
    said: Mapping[str, Any]
    position: list[float] | None


def is_geopackage(start: bytes) -> bool:
    """Tell by its first bytes whether a file may be a GeoPackage."""
    return start.startswith(_MAGIC)


def described(incident: str, pack: str) -> dict[str, str]:
    """Return what the GeoPackage of a pack says of itself: the incident's UUID, and until when the pack knows."""
    return {"format": FORMAT, "incident": incident, "pack": pack}


def read_drawn(file: Path, *, incident: UUID | None = None, by: str | None = None) -> Additions:
    """Read a GeoPackage of additions; it is taken whole or refused whole.

    A row without a UUID gets one of the incident, the pack, its number and its content: told again it is the same.

    Parameters
    ----------
    incident
        To which it belongs where the file does not say so itself.
    by
        Who wrote down the rows that do not say it.

    Raises
    ------
    InvalidFile, MissingCrs
        It is no such GeoPackage.
    InvalidInput
        Naming the row that is wrong.
    TooLarge
    """
    _require_plain(file)
    layer, described_as = _layer(file)
    incident = _uuid(described_as.get("incident")) or incident
    if incident is None:
        raise InvalidInput(f"'{layer}' does not say for which incident it is, as a pack's own layer does; name it")
    rows = list(_rows(file, layer))
    if not rows:
        raise InvalidFile(f"'{layer}' has no rows: save the edits in the GIS, then bring the file again")
    entries = [_entry(row, incident, str(described_as.get("pack") or ""), by) for row in rows]
    authors = dict.fromkeys(str(entry["by"]) for entry in entries)
    body = {
        "format": FORMAT, "incident": str(incident), "by": by or "、".join(authors)[: LENGTHS["by"]],
        "entries": entries,
    }  # fmt: skip
    return parse_additions(body, rows=[f"row {row.fid}" for row in rows])


def _require_plain(file: Path) -> None:
    """Refuse what is computed as it is read: it may never end."""
    try:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as opened:
            opened.execute("PRAGMA trusted_schema = OFF")
            found = opened.execute(script("geopackage_computed")).fetchone()
    except sqlite3.Error as error:
        raise InvalidFile(f"the file cannot be read as a GeoPackage: {error}; deliver it again") from None
    if found is not None:
        raise InvalidFile(f"{shown(found[0])} is computed; export '{LAYER}' into a GeoPackage of its own")


def _layer(file: Path) -> tuple[str, Mapping[str, Any]]:
    """Return the name of the layer and what the file says of itself."""
    # GDAL's reader brings pandas with it, which each start of a service would wait for.
    import pyogrio

    from layers.sources.gdal import gdal_errors

    with gdal_errors():
        names = [str(name) for name, _ in pyogrio.list_layers(file)]
        name = LAYER if LAYER in names else names[0] if len(names) == 1 else None
        if name is None:
            raise InvalidFile(f"the file has no layer '{LAYER}' but {', '.join(names)[:200] or 'none'}")
        info = pyogrio.read_info(file, layer=name)
    missing = [column for column in ("by", "text") if column not in info["fields"]]
    if missing:
        raise InvalidFile(f"'{name}' has no column {', '.join(missing)}; use the {LAYER}.gpkg of a forward pack")
    return name, info["dataset_metadata"] or {}


def _rows(file: Path, layer: str) -> Iterator[_Row]:
    import pyogrio

    from layers.sources.gdal import gdal_errors

    with gdal_errors():
        meta, fids, wkb, values = pyogrio.raw.read(
            file, layer=layer, return_fids=True, datetime_as_string=True, max_features=MOST_ENTRIES + 1
        )
    if len(fids) > MOST_ENTRIES:
        raise TooLarge(f"'{layer}' has more than {MOST_ENTRIES} rows; bring it in parts")
    columns = dict(zip(meta["fields"].tolist(), values, strict=True))
    shapes = np.full(len(fids), None) if wkb is None else _points(wkb, fids)
    positions = _positions(shapes, meta["crs"], layer)
    for number, fid in enumerate(fids.tolist()):
        said = {name: columns[name][number] for name in COLUMNS if name in columns}
        yield _Row(fid, said, None if shapes[number] is None else positions[number].round(9).tolist())


def _points(wkb: NDArray[np.object_], fids: NDArray[np.int64]) -> NDArray[np.object_]:
    """Return the points of rows, None where a row has none; raises InvalidInput for other shapes."""
    shapes, unreadable, _ = from_wkb(wkb)
    if unreadable.any():
        raise InvalidInput(f"row {fids[unreadable][0]}: its shape cannot be read; draw it again")
    shapes[shapely.is_empty(shapes)] = None
    is_other = ~shapely.is_missing(shapes) & (shapely.get_type_id(shapes) != shapely.GeometryType.POINT)
    if is_other.any():
        raise InvalidInput(f"row {fids[is_other][0]}: its shape is a {shapes[is_other][0].geom_type}; a point is right")
    return shapes


def _positions(shapes: NDArray[np.object_], crs: str | None, layer: str) -> NDArray[np.float64]:
    """Return longitude and latitude of points, (n, 2); what the CRS cannot place is infinite and refused later."""
    if crs is None and not shapely.is_missing(shapes).all():
        raise MissingCrs(f"'{layer}' does not say in which CRS it is; set it in the GIS")
    x, y = shapely.get_x(shapes), shapely.get_y(shapes)
    return np.column_stack([x, y] if crs is None else to_geographic(parse_crs(crs)).points(x, y, strict=False))


def _entry(row: _Row, incident: UUID, pack: str, by: str | None) -> dict[str, Any]:
    said = {name: value for name in COLUMNS if (value := _text(row.said.get(name)))}
    known = _uuid(said.pop("uuid", None), f"row {row.fid}: ")
    if by is None and "by" not in said:
        raise InvalidInput(f"row {row.fid}: by is missing; fill it in, or say who wrote down the rows that have none")
    place = {} if row.position is None else {"position": row.position}
    content = orjson.dumps([pack, row.fid, said, place], option=orjson.OPT_SORT_KEYS).decode()
    return {"kind": "note", "uuid": str(known or uuid5(incident, content)), "by": by} | said | place


def _text(value: Any) -> str:
    """Return what a cell says, '' where it says nothing: whatever type its column was given."""
    return "" if value is None or value != value else str(value).strip()


def _uuid(value: Any, where: str = "") -> UUID | None:
    """Read a UUID; a GIS writes its own in braces."""
    if not value:
        return None
    try:
        return UUID(str(value).strip().strip("{}"))
    except ValueError:
        raise InvalidInput(f"{where}uuid is {shown(value)}; a UUID, or nothing, is right") from None
