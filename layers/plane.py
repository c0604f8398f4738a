"""A flat piece of ground around some objects, in metres: for tolerances, not for lengths that are reported."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from cim.crs import CrsTransform, transform_between
from cim.tables import GEOGRAPHIC_SRID

_GEOGRAPHIC = f"EPSG:{GEOGRAPHIC_SRID}"


class Plane(NamedTuple):
    """Operations from longitude and latitude to metres east and north of a middle, and back."""

    there: CrsTransform
    back: CrsTransform


def plane_around(geometries: NDArray[np.object_]) -> Plane:
    """Return the plane around the middle of some geometries in the stored CRS.

    Azimuthal equidistant on the ellipsoid of CGCS2000: within 100 km of the middle distances are true to 1 : 20 000.
    """
    box = shapely.total_bounds(geometries) if len(geometries) else np.zeros(4)
    if not np.isfinite(box).all():
        box = np.zeros(4)
    # Rounded, so that the same place gives the same plane.
    longitude, latitude = round(float(box[0] + box[2]) / 2, 2), round(float(box[1] + box[3]) / 2, 2)
    metric = f"+proj=aeqd +lat_0={latitude} +lon_0={longitude} +ellps=GRS80 +units=m"
    return Plane(transform_between(_GEOGRAPHIC, metric), transform_between(metric, _GEOGRAPHIC))
