"""Bases and heights of buildings from the terrain, where no source gives them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import shapely
from sqlalchemy import Connection

from cim.db import copy_rows
from layers.sql import statement
from layers.terrain.heights import sample_heights
from layers.terrain.surface import measure_buildings

#: Footprints that are held and measured together.
_AT_ONCE = 5000


def fill_heights(connection: Connection, files: Path) -> None:
    """Complete the records that are being made: height from ground and surface, base from the ground.

    Parameters
    ----------
    files
        The folder of the deployment's rasters (``settings.files``).
    """
    # first, for it measures the base under the whole footprint
    _fill_from_surface(connection, files)
    _fill_from_ground(connection, files)


def _fill_from_surface(connection: Connection, files: Path) -> None:
    low = connection.execute(statement("merge_heightless")).all()
    for first in range(0, len(low), _AT_ONCE):
        some = low[first : first + _AT_ONCE]
        measured = measure_buildings(connection, files, [shapely.from_wkb(row.outline) for row in some])
        rows = [
            (row.id, round(float(base), 2), round(float(height), 2))
            for row, base, height in zip(some, measured.base_m, measured.height_m, strict=True)
            if np.isfinite(height)
        ]
        copy_rows(connection, "merge_surface", ("id", "base_m", "height_m"), rows)
    if low:
        connection.execute(statement("merge_surface"))


def _fill_from_ground(connection: Connection, files: Path) -> None:
    bare = connection.execute(statement("merge_bare")).all()
    if not bare:
        return
    heights = sample_heights(connection, files, [row.longitude for row in bare], [row.latitude for row in bare])
    rows = [(row.id, round(float(h), 2)) for row, h in zip(bare, heights, strict=True) if h == h]
    copy_rows(connection, "merge_ground", ("id", "height_m"), rows)
    connection.execute(statement("merge_ground"))
