"""The formats that layers are written in, chosen by the name of the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cim.errors import InvalidInput


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes
    ----------
    driver
        GDAL's name for it; '' where GDAL does not write it.
    options
        Options by which GDAL writes every value as it is.
    keeps_times
        Times keep their microseconds; elsewhere they are written as text.
    crs
        The only system that the format knows, if so.
    """

    title: str
    driver: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    keeps_times: bool = False
    crs: str | None = None


GEOPARQUET = Format("GeoParquet", keeps_times=True)
CITYJSON = Format("CityJSON 2.0")
CITYJSON_SEQUENCE = Format("CityJSONSeq 2.0")
#: 15 decimals are all that a float64 has; text that looks like JSON stays text.
_EXACT = {"COORDINATE_PRECISION": "15", "AUTODETECT_JSON_STRINGS": "NO"}
_GEOJSON_SEQUENCE = Format("GeoJSON sequence", "GeoJSONSeq", _EXACT, crs="EPSG:4326")  # RFC 8142 names no other
_CITYJSON_SUFFIXES = {
    ".city.jsonl": CITYJSON_SEQUENCE,
    ".city.json": CITYJSON,
    ".cityjson": CITYJSON,
}
_BY_SUFFIX = {
    ".gpkg": Format("GeoPackage", "GPKG", {"GEOMETRY_NAME": "geom"}),
    ".geojson": Format("GeoJSON", "GeoJSON", _EXACT),
    ".geojsonl": _GEOJSON_SEQUENCE,
    ".geojsons": _GEOJSON_SEQUENCE,
    ".geojsonseq": _GEOJSON_SEQUENCE,
    ".fgb": Format("FlatGeobuf", "FlatGeobuf"),
    ".parquet": GEOPARQUET,
    ".geoparquet": GEOPARQUET,
    **_CITYJSON_SUFFIXES,
}


def suffix_of(path: Path) -> str:
    """Return the ending that tells the format, e.g. '.city.json'; raises InvalidInput for one that tells none."""
    name = path.name.lower()
    for suffix in _BY_SUFFIX:
        if name.endswith(suffix) and len(name) > len(suffix):
            return suffix
    raise InvalidInput(f"the name '{path.name}' says no format; let it end in one of {', '.join(_BY_SUFFIX)}")


def format_of(path: Path) -> Format:
    """Return the format that a file's name asks for; raises InvalidInput."""
    return _BY_SUFFIX[suffix_of(path)]
