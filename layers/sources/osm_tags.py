"""What tags of OpenStreetMap mean for the model: which objects are taken, for which layer, with which values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Tags = Mapping[str, str]

#: Keys that make an object one of the model's; the reader skips all others.
KEYS = ("building", "highway", "waterway", "natural", "water", "landuse", "man_made", "power", "boundary")
#: Layers that are filled, with their table, family of geometry and CIM level.
LAYERS = {
    "buildings": ("building_source", "polygon", 3),
    "roads": ("road", "line", 2),
    "rivers": ("river", "line", 2),
    "river_areas": ("river_area", "polygon", 2),
    "water_works": ("water_work", "line", 3),
    "pipes": ("pipe", "line", 3),
    "power_lines": ("feature", "line", 3),
    "admin_areas": ("feature", "polygon", 1),
}
_METRES = re.compile(r"\s*([-+]?\d+(?:[.,]\d+)?)\s*(m|metres?|meters?|ft|feet|')?\s*$")
_RIVERS = {"river", "stream", "canal", "drain", "ditch", "brook", "tidal_channel"}
_WORKS = {"dam", "weir", "sluice_gate", "lock_gate"}
_WATER_AREAS = {"riverbank", "dock", "basin"}
_USES = {
    "住宅": "residential house apartments detached terrace semidetached_house bungalow dormitory farm cabin houseboat",
    "商业": "commercial retail supermarket kiosk hotel mall shop",
    "办公": "office government townhall",
    "厂房": "industrial manufacture factory",
    "仓储": "warehouse storage_tank silo barn farm_auxiliary shed garage garages",
    "学校": "school kindergarten university college",
    "医院": "hospital clinic",
    "交通": "train_station transportation parking station",
    "公共": "public civic church chapel mosque temple synagogue shrine cathedral library museum fire_station",
}
_USE_OF = {word: use for use, words in _USES.items() for word in words.split()}
_NETWORKS = {
    "gas": {"gas", "natural_gas", "cng", "lng"},
    "water": {"water", "drinking_water", "hot_water;water"},
    "drainage": {"rainwater", "wastewater;rainwater"},
    "sewer": {"sewage", "wastewater"},
    "heat": {"heat", "hot_water", "steam"},
    "oil": {"oil", "fuel"},
}


def layers_of_line(tags: Tags) -> list[str]:
    """Return the layers that a way belongs to as a line."""
    found = []
    if "highway" in tags and tags.get("area") != "yes":
        found.append("roads")
    if tags.get("waterway") in _RIVERS:
        found.append("rivers")
    if tags.get("waterway") in _WORKS:
        found.append("water_works")
    if tags.get("man_made") == "pipeline":
        found.append("pipes")
    if tags.get("power") in {"line", "minor_line", "cable"}:
        found.append("power_lines")
    return found


def layers_of_area(tags: Tags) -> list[str]:
    """Return the layers that a closed way or a multipolygon relation belongs to as an area."""
    found = []
    if tags.get("building", "no") != "no":
        found.append("buildings")
    is_water = tags.get("natural") == "water" or tags.get("waterway") in _WATER_AREAS
    if is_water or tags.get("landuse") in {"reservoir", "basin"}:
        found.append("river_areas")
    if tags.get("boundary") == "administrative":
        found.append("admin_areas")
    return found


def values(layer: str, key: str, tags: Tags) -> dict[str, Any]:
    """Return the columns of the model for one object; all tags are kept as attributes beside them."""
    return {"name": tags.get("name") or tags.get("name:zh") or None} | _READERS[layer](key, tags)


def metres(text: str | None) -> float | None:
    """Read a length such as '12', '12.5 m' or '40 ft'; None where it is none.

    >>> metres("12 m")
    12.0
    """
    found = _METRES.match(text or "")
    if found is None:
        return None
    factor = 0.3048 if found[2] in {"ft", "feet", "'"} else 1.0
    return round(float(found[1].replace(",", ".")) * factor, 3)


def whole(text: str | None) -> int | None:
    """Read a whole number such as '3' or '3.0'; None where it is none or beyond any storey or lane."""
    number = metres(text)
    return round(number) if number is not None and abs(number) < 1000 else None


def _building(key: str, tags: Tags) -> dict[str, Any]:
    kind = tags["building"]
    address = " ".join(
        tags[name] for name in ("addr:postcode", "addr:city", "addr:street", "addr:housenumber") if name in tags
    )
    year = re.match(r"\d{4}", tags.get("start_date", ""))
    return {
        "code": key,
        "use": _USE_OF.get(kind) or _USE_OF.get(tags.get("amenity", "")),
        "address": tags.get("addr:full") or address or None,
        "storeys_above": whole(tags.get("building:levels")),
        "storeys_below": whole(tags.get("building:levels:underground")),
        "height_m": metres(tags.get("height") or tags.get("building:height")),
        "base_height_m": None,
        "structure": tags.get("building:material"),
        "year_built": int(year[0]) if year else None,
        "households": whole(tags.get("building:flats")),
    }


def _road(key: str, tags: Tags) -> dict[str, Any]:
    speed = tags.get("maxspeed", "")
    number = re.match(r"(\d+)\s*(mph)?\s*$", speed)
    return {
        "class": tags["highway"],
        "lanes": whole(tags.get("lanes")),
        "speed_kmh": round(int(number[1]) * (1.609344 if number[2] else 1), 1) if number else None,
        "oneway": tags.get("oneway") in {"yes", "1", "true", "-1"} or tags.get("junction") == "roundabout",
        "width_m": metres(tags.get("width")),
        "layer_number": whole(tags.get("layer")),
    }


def _river(key: str, tags: Tags) -> dict[str, Any]:
    return {"class": tags["waterway"], "width_m": metres(tags.get("width"))}


def _water_work(key: str, tags: Tags) -> dict[str, Any]:
    return {"kind": tags["waterway"]}


def _river_area(key: str, tags: Tags) -> dict[str, Any]:
    return {"class": tags.get("water") or tags.get("waterway") or tags.get("landuse") or tags.get("natural")}


def _pipe(key: str, tags: Tags) -> dict[str, Any]:
    substance = tags.get("substance") or tags.get("type") or ""
    network = next((name for name, words in _NETWORKS.items() if substance in words), "other")
    diameter = re.match(r"\s*(\d+(?:\.\d+)?)\s*(mm)?\s*$", tags.get("diameter", ""))
    return {
        "network": network,
        "diameter_mm": float(diameter[1]) if diameter else None,
        "material": tags.get("material"),
        "owner": tags.get("operator"),
    }


def _power_line(key: str, tags: Tags) -> dict[str, Any]:
    return {}


def _admin_area(key: str, tags: Tags) -> dict[str, Any]:
    return {"code": tags.get("ref") or tags.get("official_code"), "level": tags.get("admin_level")}


_READERS = {
    "buildings": _building,
    "roads": _road,
    "rivers": _river,
    "river_areas": _river_area,
    "water_works": _water_work,
    "pipes": _pipe,
    "power_lines": _power_line,
    "admin_areas": _admin_area,
}
