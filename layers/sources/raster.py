"""Height rasters (GeoTIFF, HGT): kept as Cloud-Optimised GeoTIFF files under the deployment's files."""

from __future__ import annotations

import math
import os
import re
import tempfile
import time
import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import rasterio
import shapely
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader
from rasterio.shutil import copy as copy_raster
from rasterio.windows import Window
from sqlalchemy import Connection

from cim.crs import CrsTransform, length_m, name_of, parse_crs, vertical_name
from cim.errors import InvalidFile
from cim.importing import ImportContext
from cim.reports import DatasetDescription, Note, WriteResult
from cim.sources import Source
from cim.tables import terrain
from layers.sources.batch import as_json
from layers.sources.staging import Staging
from layers.sources.transform import describe, transform_for

LAYER = "terrain"
_COLUMNS = ("layer_id", "source_key", "cim_level", "name", "attributes", "file_key", "kind", "crs", "vertical_crs",
            "resolution_m", "min_height_m", "max_height_m", "void_share", "geom")  # fmt: skip
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_HGT_NAME = re.compile(r"[NS]\d{2}[EW]\d{3}\.hgt", re.IGNORECASE)
#: Bytes of SRTM tiles: 1201 x 1201 and 3601 x 3601 heights of two bytes.
_HGT_BYTES = {2 * 1201**2, 2 * 3601**2}
#: SRTM heights are above EGM96.
_HGT_VERTICAL = "EPSG:5773"
_SURFACE_WORDS = ("dsm", "surface", "地表")
#: Heights outside of this are no heights on earth: a mark for voids that the file does not declare.
_HEIGHT_RANGE_M = (-12_000.0, 9_000.0)
_SIDES = 16
_BLOCK_ROWS = 512
_SCRATCH = ".import-"
_STALE_AFTER_S = 86_400


@dataclass(frozen=True)
class Heights:
    """What the heights of a raster are like."""

    lowest_m: float
    highest_m: float
    void_share: float


@dataclass
class PreparedRaster:
    """A raster that is known to be readable, placed, and copied to where it will stay."""

    source: Source
    file_key: str
    crs: str
    vertical_crs: str | None
    transform: CrsTransform
    frame: shapely.Polygon
    resolution_m: float
    heights: Heights
    format: str
    context: ImportContext
    notes: list[Note] = field(default_factory=list)

    @property
    def description(self) -> DatasetDescription:
        """What the file says of itself."""
        found = describe(self.format, self.transform)
        return replace(found, crs=self.crs, vertical_crs=self.vertical_crs)

    def write(self, connection: Connection, dataset_id: int) -> WriteResult:
        """Write the one row of the raster."""
        stem = Path(self.source.name).stem
        kind = "dsm" if any(word in stem.casefold() for word in _SURFACE_WORDS) else "dtm"
        row = (
            LAYER, self.file_key[:20], 1, stem, as_json({}), self.file_key, kind, self.crs, self.vertical_crs,
            self.resolution_m, self.heights.lowest_m, self.heights.highest_m, self.heights.void_share,
            shapely.to_wkb(self.frame, hex=True),
        )  # fmt: skip
        staging = Staging(connection, dataset_id)
        staging.add(terrain.name, _COLUMNS, [row])
        counts = staging.merge(terrain.name, LAYER)
        west, south, east, north = self.frame.bounds
        return WriteResult({LAYER: counts}, notes=list(self.notes), bounds=(west, south, east, north))


class RasterImporter:
    """Takes rasters of one band of heights."""

    name = "raster"

    def recognise(self, source: Source) -> bool:
        """Tell by the first bytes; HGT has none of its own and is told by name and size."""
        return source.head.startswith(_TIFF) or is_hgt(source)

    def prepare(self, source: Source, context: ImportContext) -> PreparedRaster:
        """Check the raster and copy it as Cloud-Optimised GeoTIFF."""
        if context.options.layer not in {None, LAYER}:
            raise InvalidFile(f"a raster goes to the layer '{LAYER}', not to '{context.options.layer}'")
        notes: list[Note] = []
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", NotGeoreferencedWarning)
                with rasterio.open(source.path) as raster:
                    return _prepare(source, raster, context, notes)
        except (RasterioError, OSError) as error:
            text = re.sub(r"(/[^/\s'\"]+)+/", "", str(error))
            raise InvalidFile(f"the raster cannot be read: {text}; deliver it again") from None


def is_hgt(source: Source) -> bool:
    """Tell whether a file is an SRTM tile, whose name is its place."""
    return _HGT_NAME.fullmatch(source.path.name) is not None and source.path.stat().st_size in _HGT_BYTES


def terrain_folder(files: Path) -> Path:
    """Return the folder of rasters below the deployment's files."""
    return files / "terrain"


def _prepare(source: Source, raster: DatasetReader, context: ImportContext, notes: list[Note]) -> PreparedRaster:
    if raster.count != 1 and np.dtype(raster.dtypes[0]) == np.uint8:
        raise InvalidFile(f"it has {raster.count} bands of bytes, which is a picture; heights are one band of numbers")
    declared = raster.crs.to_wkt() if raster.crs else None
    transform = transform_for(declared, context.options.crs, f"the raster '{source.name}'", notes)
    if raster.transform.is_identity:
        raise InvalidFile("the raster does not say where its pixels lie; deliver it with its world file (.tfw)")
    vertical = vertical_name(transform.source) or (_HGT_VERTICAL if is_hgt(source) else None)
    if vertical is None:
        notes.append(
            Note("unknown_vertical_datum", f"'{source.name}' names no height system; taken as the deployment's own")
        )
    frame = _frame(raster, transform)
    heights = _survey(raster, context)
    if heights.void_share == 1.0:
        raise InvalidFile("the raster has no height at all: every pixel is void")
    file_key = _keep(source, raster, context, transform)
    return PreparedRaster(
        source,
        file_key,
        name_of(transform.source),
        vertical,
        transform,
        frame,
        _resolution_m(frame, raster),
        heights,
        "HGT" if is_hgt(source) else "GeoTIFF",
        context,
        notes,
    )


def _frame(raster: DatasetReader, transform: CrsTransform) -> shapely.Polygon:
    """Return the outline in the stored CRS; its sides are bent there, hence points along them."""
    steps = np.linspace(0, 1, _SIDES, endpoint=False)
    ring = np.concatenate(
        [
            np.column_stack([steps, np.zeros(_SIDES)]),
            np.column_stack([np.ones(_SIDES), steps]),
            np.column_stack([1 - steps, np.ones(_SIDES)]),
            np.column_stack([np.zeros(_SIDES), 1 - steps]),
        ]
    ) * [raster.width, raster.height]
    place = raster.transform
    x = place.a * ring[:, 0] + place.b * ring[:, 1] + place.c
    y = place.d * ring[:, 0] + place.e * ring[:, 1] + place.f
    return shapely.Polygon(np.column_stack(transform.points(x, y)[:2]))


def _resolution_m(frame: shapely.Polygon, raster: DatasetReader) -> float:
    """Return the mean size of a pixel on the ground."""
    perimeter = length_m(frame.exterior)
    return float(round(perimeter / (2 * (raster.width + raster.height)), 4))


def _survey(raster: DatasetReader, context: ImportContext) -> Heights:
    """Read all heights block by block."""
    lowest, highest, voids = math.inf, -math.inf, 0
    for row in range(0, raster.height, _BLOCK_ROWS):
        window = Window(0, row, raster.width, min(_BLOCK_ROWS, raster.height - row))
        band = raster.read(1, window=window, masked=True)
        values = band.compressed().astype(np.float64)
        values = values[(values >= _HEIGHT_RANGE_M[0]) & (values <= _HEIGHT_RANGE_M[1])]
        voids += band.size - values.size
        if values.size:
            lowest, highest = min(lowest, float(values.min())), max(highest, float(values.max()))
        context.progress("reading heights", row, raster.height)
    return Heights(lowest, highest, voids / (raster.width * raster.height))


def _keep(source: Source, raster: DatasetReader, context: ImportContext, transform: CrsTransform) -> str:
    """Copy the raster to the deployment's files under a name made of its content; return the name without ending.

    The file is complete before it has its name. An import that dies later leaves at most a file that no row names and
    that the next import of the same raster takes up again.
    """
    asked = context.options.crs
    key = source.digest.hex() if asked is None else f"{source.digest.hex()}_{parse_crs(asked).to_epsg() or 'crs'}"
    folder = terrain_folder(context.settings.files)
    target = folder / f"{key}.tif"
    if target.exists() or context.options.dry_run:
        return key
    folder.mkdir(parents=True, exist_ok=True)
    _sweep(folder)
    handle, scratch = tempfile.mkstemp(suffix=".tif", prefix=_SCRATCH, dir=folder)
    os.close(handle)
    context.progress("copying the raster", 0, None)
    try:
        _copy(raster, Path(scratch), transform if asked else None)
        Path(scratch).replace(target)
    finally:
        Path(scratch).unlink(missing_ok=True)
    return key


def _sweep(folder: Path) -> None:
    """Remove what imports that were killed while copying have left."""
    for scratch in folder.glob(f"{_SCRATCH}*"):
        if time.time() - scratch.stat().st_mtime > _STALE_AFTER_S:
            scratch.unlink(missing_ok=True)


def _copy(raster: DatasetReader, target: Path, override: CrsTransform | None) -> None:
    """Write a Cloud-Optimised GeoTIFF with overviews."""
    predictor = "3" if np.issubdtype(np.dtype(raster.dtypes[0]), np.floating) else "2"
    options = {"driver": "COG", "compress": "DEFLATE", "predictor": predictor, "overview_resampling": "average",
               "blocksize": 256, "num_threads": "1", "bigtiff": "IF_SAFER"}  # fmt: skip
    if override is None and raster.count == 1:
        copy_raster(raster, target, **options)
        return
    from rasterio.vrt import WarpedVRT

    crs = rasterio.CRS.from_wkt(override.source.to_wkt()) if override else raster.crs
    with WarpedVRT(
        raster, src_crs=crs, crs=crs, transform=raster.transform, width=raster.width, height=raster.height
    ) as view:
        copy_raster(view, target, **options)
