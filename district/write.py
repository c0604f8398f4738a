"""Writing files as owners deliver them, with every time stamp fixed, and counting their rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import rasterio
from pyproj import Transformer
from rasterio.windows import Window

from district.arrays import FloatArray
from district.scales import GEOGRAPHIC_CRS, METRIC_CRS, Scale
from district.terrain import CELL_M, NODATA, Terrain, raster_windows

#: The day on which all files claim to be written.
DELIVERY_DATE = "2026-03-01"
_GPKG_DATE = f"{DELIVERY_DATE}T00:00:00.000Z"
#: Where a dBase file says its code page, and what means GBK there.
_DBF_CODE_PAGE_BYTE = 29
GBK_CODE_PAGE = 0x4D


@contextmanager
def fixed_dates() -> Iterator[None]:
    """Let GDAL write the same date into every GeoPackage."""
    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": _GPKG_DATE})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})


def lonlat(points: FloatArray) -> FloatArray:
    """Turn EPSG:4547 points ``(n, 2)`` into EPSG:4490 longitude, latitude, rounded to a millimetre."""
    transform = Transformer.from_crs(METRIC_CRS, GEOGRAPHIC_CRS, always_xy=True)
    return np.round(np.column_stack(transform.transform(points[:, 0], points[:, 1])), 8)


@dataclass
class Delivery:
    """A folder under way, and the rows written so far by file or ``file:layer``."""

    directory: Path
    counts: dict[str, int] = field(default_factory=dict)

    def path(self, name: str) -> Path:
        """Give the place of a file, its folder made."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def geopackage(self, name: str, layers: dict[str, gpd.GeoDataFrame]) -> None:
        """Write a GeoPackage, all layers anew."""
        path = self.path(name)
        path.unlink(missing_ok=True)
        for layer, frame in layers.items():
            pyogrio.write_dataframe(frame, path, layer=layer, driver="GPKG")
            self.counts[f"{name}:{layer}"] = len(frame)

    def geojson(self, name: str, frame: gpd.GeoDataFrame) -> None:
        """Write RFC 7946 GeoJSON from a frame in any CRS."""
        path = self.path(name)
        path.unlink(missing_ok=True)
        options = {"RFC7946": "YES", "COORDINATE_PRECISION": "8"}
        pyogrio.write_dataframe(frame.to_crs(4326), path, driver="GeoJSON", layer_options=options)
        self.counts[name] = len(frame)

    def shapefile(self, name: str, frame: gpd.GeoDataFrame, encoding: str = "UTF-8") -> None:
        """Write a shapefile with its ``.cpg``; column names have at most ten bytes."""
        path = self.path(name)
        for old in path.parent.glob(f"{path.stem}.*"):
            old.unlink()
        options = {"DBF_DATE_LAST_UPDATE": DELIVERY_DATE}
        pyogrio.write_dataframe(frame, path, driver="ESRI Shapefile", encoding=encoding, layer_options=options)
        self.counts[name] = len(frame)

    def forget_encoding(self, name: str, code_page: int = 0) -> None:
        """Take a shapefile's ``.cpg`` away, and leave `code_page` as the mark in its table (0 is none)."""
        path = self.path(name)
        path.with_suffix(".cpg").unlink(missing_ok=True)
        with path.with_suffix(".dbf").open("r+b") as table:
            table.seek(_DBF_CODE_PAGE_BYTE)
            table.write(bytes([code_page]))

    def csv(self, name: str, frame: pd.DataFrame) -> None:
        """Write a table as UTF-8 with a byte order mark, as office programs do."""
        frame.to_csv(self.path(name), index=False, encoding="utf-8-sig", lineterminator="\n")
        self.counts[name] = len(frame)

    def terrain(self, name: str, terrain: Terrain, scale: Scale) -> None:
        """Write the ground heights as a GeoTIFF, strip by strip."""
        west, _, _, north = scale.bounds
        profile = {
            "driver": "GTiff", "dtype": "float32", "count": 1, "crs": METRIC_CRS, "nodata": NODATA,
            "width": round(scale.width_m / CELL_M), "height": round(scale.depth_m / CELL_M),
            "transform": rasterio.Affine(CELL_M, 0.0, west, 0.0, -CELL_M, north),
            "tiled": True, "blockxsize": 256, "blockysize": 256, "compress": "deflate", "predictor": 3,
        }  # fmt: skip
        with rasterio.open(self.path(name), "w", **profile) as raster:
            for first, heights in raster_windows(terrain, scale):
                window = Window(0, first, heights.shape[1], heights.shape[0])
                raster.write(heights.astype(np.float32), 1, window=window)
            raster.update_tags(AREA_OR_POINT="Area")
        self.counts[name] = int(profile["width"]) * int(profile["height"])
