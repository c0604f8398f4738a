"""GeoPackage, GeoJSON, GeoJSON sequences and FlatGeobuf, written by GDAL from a stream of batches."""

from __future__ import annotations

import warnings
from pathlib import Path

import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, FieldError, GeometryError

from layers.export.batches import BatchStream
from layers.export.columns import GEOMETRY
from layers.export.description import Description
from layers.export.formats import Format

_ERRORS = (DataSourceError, DataLayerError, FeatureError, FieldError, GeometryError, RuntimeError, ValueError)


def write_vector(
    path: Path, stream: BatchStream, chosen: Format, description: Description, geometry_type: str | None, shapeless: int
) -> None:
    """Write a file of one layer.

    Parameters
    ----------
    geometry_type
        As GDAL names it, 'MultiLineString Z'; None for rows without geometry.
    shapeless
        How many rows have none.

    Raises
    ------
    OSError
        GDAL cannot write the file, as on a full disk.
    """
    options = dict(chosen.options)
    if geometry_type is None:
        options.pop("GEOMETRY_NAME", None)
    if chosen.driver != "GeoJSONSeq":
        options["DESCRIPTION"] = description.text()
    if chosen.driver == "FlatGeobuf" and shapeless:
        # Its index has no place for rows without one.
        options["SPATIAL_INDEX"] = "NO"
    keeps_metadata = chosen.driver in {"GPKG", "FlatGeobuf"}
    try:
        with warnings.catch_warnings():
            # GDAL warns of tables without geometry, which have no system.
            warnings.simplefilter("ignore", RuntimeWarning)
            pyogrio.write_arrow(
                stream.reader(),
                path,
                layer=description.layer_id,
                driver=chosen.driver,
                geometry_name=GEOMETRY if geometry_type else None,
                geometry_type=geometry_type,
                crs=(chosen.crs or description.crs) if geometry_type else None,
                layer_metadata=description.metadata() if keeps_metadata else None,
                layer_options=options,
            )
    except _ERRORS as error:
        if stream.error is not None:
            raise stream.error from None
        raise OSError(str(error)) from error
