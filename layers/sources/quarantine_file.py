"""Rejected rows as a file that people edit: GeoJSON in the rows' own system, or CSV with WKT."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import shapely
from sqlalchemy import Connection, Row, select

from cim.crs import name_of, parse_crs
from cim.errors import InvalidFile, InvalidInput
from cim.tables import quarantine

#: What stands beside a row's own columns, which it must not be taken for.
_SERVICE = {"_id": "id", "_dataset": "dataset_name", "_layer": "layer_name", "_place": "place", "_reason": "reason",
            "_detail": "detail"}  # fmt: skip
_WKT = "_wkt"
_GEOJSON_CRS = "OGC:CRS84"
_CELL_LIMIT = 2**24


@dataclass(frozen=True)
class Delivered:
    """One row as it came back.

    Attributes
    ----------
    crs
        Of the geometry; None where it is the one that the row went out with.
    """

    record: dict[str, Any]
    shape: shapely.Geometry | None
    crs: str | None


def export_rows(connection: Connection, dataset: str | None, path: Path) -> int:
    """Write the open rows of a dataset (of all where None); return how many.

    Raises
    ------
    InvalidInput
        If the file's ending is neither .geojson nor .csv, or one file cannot hold the systems of the rows.
    """
    suffix = path.suffix.lower()
    if suffix not in {".geojson", ".json", ".csv"}:
        raise InvalidInput(f"'{path.name}' ends neither in .geojson nor in .csv; rows are written as one of them")
    statement = select(quarantine).where(
        ~quarantine.c.is_resolved, quarantine.c.fingerprint.is_not(None), quarantine.c.record.is_not(None)
    )
    if dataset is not None:
        statement = statement.where(quarantine.c.dataset_name == dataset)
    rows = connection.execute(statement.order_by(quarantine.c.id)).all()
    (_write_csv if suffix == ".csv" else _write_geojson)(rows, path)
    return len(rows)


def read_rows(path: Path) -> dict[int, Delivered]:
    """Return the rows of an edited file by their ids in the quarantine; raises InvalidFile."""
    try:
        found = dict(_read_csv(path) if path.suffix.lower() == ".csv" else _read_geojson(path))
    except (UnicodeDecodeError, orjson.JSONDecodeError, csv.Error, KeyError, TypeError, AttributeError) as error:
        raise InvalidFile(
            f"'{path.name}' is no file of mended rows: {error!r}; start from 'cim quarantine --export'"
        ) from None
    if not found:
        raise InvalidFile(f"'{path.name}' has no row with the '_id' that 'cim quarantine --export' gives it")
    return found


# -- GeoJSON ----------------------------------------------------------------------------------------------------


def _write_geojson(rows: Sequence[Row[Any]], path: Path) -> None:
    systems = {row.crs for row in rows if row.geom_wkt and row.crs}
    if len(systems) > 1:
        raise InvalidInput(
            f"the rows are in several systems ({', '.join(sorted(map(_short, systems)))}) and a GeoJSON file has one; "
            "say --dataset, or export to .csv"
        )
    head: dict[str, Any] = {"type": "FeatureCollection"}
    if systems:
        # The member of GeoJSON 2008, which desktop GIS still read and write: nothing is lost on the way.
        head["crs"] = {"type": "name", "properties": {"name": _urn(systems.pop())}}
    with path.open("wb") as handle:
        handle.write(orjson.dumps(head)[:-1] + b',"features":[')
        for number, row in enumerate(rows):
            handle.write(b",\n" if number else b"\n")
            handle.write(_feature(row))
        handle.write(b"\n]}\n")


def _feature(row: Row[Any]) -> bytes:
    shape = shapely.from_wkt(row.geom_wkt) if row.geom_wkt else None
    text = shapely.to_geojson(shape) if shape is not None and _is_finite(shape) else "null"
    properties = {name: getattr(row, column) for name, column in _SERVICE.items()} | row.record
    return (
        b'{"type":"Feature","properties":' + orjson.dumps(properties, option=orjson.OPT_NON_STR_KEYS)
        + b',"geometry":' + text.encode() + b"}"
    )  # fmt: skip


def _read_geojson(path: Path) -> Iterator[tuple[int, Delivered]]:
    document = orjson.loads(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    said = ((document.get("crs") or {}).get("properties") or {}).get("name") or _GEOJSON_CRS
    for feature in document["features"]:
        properties = dict(feature.get("properties") or {})
        identity = properties.get("_id")
        if identity is not None:
            shape = shapely.from_geojson(orjson.dumps(feature["geometry"])) if feature.get("geometry") else None
            yield int(identity), Delivered(_own(properties), shape, said)


def _urn(crs: str) -> str:
    name = name_of(parse_crs(crs))
    authority, _, code = name.partition(":")
    if authority == "OGC":
        return f"urn:ogc:def:crs:OGC:1.3:{code}"
    if authority != "EPSG" or not code.isdigit():
        raise InvalidInput(f"the rows are in '{name[:60]}', which GeoJSON cannot say; export them to .csv")
    return f"urn:ogc:def:crs:EPSG::{code}"


def _short(crs: str) -> str:
    return crs if len(crs) < 40 else name_of(parse_crs(crs))


def _is_finite(shape: shapely.Geometry) -> bool:
    return bool((abs(shapely.get_coordinates(shape)) < float("inf")).all())


# -- CSV --------------------------------------------------------------------------------------------------------


def _write_csv(rows: Sequence[Row[Any]], path: Path) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row.record))
    # Spreadsheets take a file without the mark for one in the encoding of the country.
    with path.open("w", encoding="utf-8-sig", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow([*_SERVICE, _WKT, *names])
        for row in rows:
            service = [getattr(row, column) for column in _SERVICE.values()]
            writer.writerow([*service, row.geom_wkt or "", *(_cell(row.record.get(name)) for name in names)])


def _read_csv(path: Path) -> Iterator[tuple[int, Delivered]]:
    csv.field_size_limit(_CELL_LIMIT)
    with path.open(encoding="utf-8-sig", newline="") as handle:
        for row in csv.DictReader(handle):
            if not row.get("_id"):
                continue
            text = row.pop(_WKT, "")
            shape = shapely.from_wkt(text, on_invalid="ignore") if text else None
            if text and shape is None:
                raise InvalidFile(f"row {row['_id']}: '{text[:80]}' is no WKT geometry")
            yield int(row["_id"]), Delivered(_own(row), shape, None)


def _cell(value: Any) -> Any:
    return orjson.dumps(value).decode() if isinstance(value, dict | list | bool) else value


def restored(record: Mapping[str, Any], original: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record with the types of the original: CSV knows text only, and a blank cell is a missing value."""
    return {name: value for name, text in record.items() if (value := _restored(text, original.get(name))) is not None}


def _restored(text: Any, original: Any) -> Any:
    if text is None or text == "":
        return None
    if not isinstance(text, str) or isinstance(original, str):
        return text
    if original is not None and text == str(_cell(original)):
        return original
    if isinstance(original, dict | list | bool):
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            return text
    if isinstance(original, int | float):
        try:
            return type(original)(text)
        except ValueError:
            return text
    return text


def _own(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if name not in _SERVICE and name != _WKT and name}
