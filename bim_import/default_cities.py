"""Places that programs write into IfcSite where nobody said where the project is.

Revit starts a project near Boston or at the capital of the language of its template ("the file is situated near Boston
or your nearest capital city": Bentley, Synchronization wiki, Publishing Revit model files). The coordinates are those
of files as exported; their sources are named with them.
"""

from __future__ import annotations

from cim.crs import GEOD

#: A default is rounded differently from release to release, but never by more.
TOLERANCE_M = 2_000.0
#: (what, longitude, latitude), degrees.
DEFAULTS = (
    ("zero", 0.0, 0.0),
    # IfcSite of the buildingSMART common models Office_A and Janesville restaurant (Revit 2011, 2012).
    ("Revit's default, Boston", -71.0597763, 42.3584290),
    # IfcSite of the common models of the duplex, a house that was never in Chicago.
    ("Revit's city Chicago", -87.6393997, 41.8744002),
    # IfcSite of the Chinese test model of IfcOpenShell (Revit, IFC4 ADD2).
    ("Revit's Chinese default, Beijing", 116.4329986, 39.9160004),
    # IfcSite of a Japanese model (Revit 2013).
    ("Revit's Japanese default, Tokyo", 139.7666667, 35.7000000),
)


def default_at(longitude: float, latitude: float) -> str | None:
    """Return which default a place is, or None.

    >>> default_at(-71.06, 42.36), default_at(114.2, 22.7)
    ("Revit's default, Boston", None)
    """
    for what, default_longitude, default_latitude in DEFAULTS:
        if GEOD.inv(longitude, latitude, default_longitude, default_latitude)[2] < TOLERANCE_M:
            return what
    return None
