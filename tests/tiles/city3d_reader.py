"""Reads a layer's 3D Tiles as a client does: from the tileset over the subtrees to the contents."""

from __future__ import annotations

import itertools
import json
import math
import struct
import subprocess
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from pyproj import Transformer
from sqlalchemy import Connection

from cim.access import Caller
from tests.tiles.conftest import LATITUDE, LONGITUDE
from tests.tiles.test_tiles3d import VALIDATE, Glb, folder_with
from tiles.tiles3d.city.tileset import city_content, city_subtree, city_tileset
from tiles.tiles3d.city.wanted import Wanted

ADMIN = Caller("admin")
TO_EARTH = Transformer.from_crs("EPSG:4979", "EPSG:4978", always_xy=True)
#: lon, lat (EPSG:4490) of metres east and north of the middle of the pilot.
METRES = np.array([102_800.0, 110_750.0])


def degrees(metres: Any) -> Any:
    """Return longitudes and latitudes of metres east and north of the pilot's middle."""
    return np.array(metres, float) / METRES + [LONGITUDE, LATITUDE]


class Seen(NamedTuple):
    """A tile as a client sees it: its address, region and cell in radians and metres, its content, to the earth."""

    address: tuple[int, int, int]
    region: list[float]
    cell: list[float]
    glb: Glb
    to_earth: Any

    def vertices(self) -> Iterator[tuple[Any, Any, Any]]:
        """Yield geocentric coordinates, feature rows and geocentric triangles of each primitive."""
        node = np.array(self.glb.document["nodes"][0]["matrix"]).reshape(4, 4).T
        for primitive in self.glb.primitives():
            local = self.glb.accessor(primitive["attributes"]["POSITION"]).astype(np.float64)
            x, y, z = (local @ node[:3, :3].T + node[:3, 3]).T
            earth = np.column_stack([x, -z, y]) @ self.to_earth[:3, :3].T + self.to_earth[:3, 3]
            rows = self.glb.accessor(primitive["attributes"]["_FEATURE_ID_0"]).astype(int)
            yield earth, rows, earth[self.glb.accessor(primitive["indices"]).reshape(-1, 3)]

    def table(self) -> list[dict[str, Any]]:
        """Return the table of features."""
        extension = self.glb.document["extensions"]["EXT_structural_metadata"]
        (table,) = extension["propertyTables"]
        classes = extension["schema"]["classes"][table["class"]]["properties"]
        columns: dict[str, list[Any]] = {}
        for name, column in table["properties"].items():
            values = self.glb.view(column["values"])
            if "stringOffsets" in column:
                offsets = np.frombuffer(self.glb.view(column["stringOffsets"]), "<u4")
                columns[name] = [values[a:b].decode() for a, b in itertools.pairwise(offsets)]
            else:
                kind = {"UINT64": "<u8", "FLOAT32": "<f4", "UINT8": "<u1"}[classes[name]["componentType"]]
                known = np.frombuffer(values, kind).tolist()
                columns[name] = [None if value == classes[name].get("noData") else value for value in known]
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def bits(body: bytes, levels: int) -> tuple[dict[str, Any], dict[int, list[float]]]:
    """Return the bits of each availability of a subtree, and the region of each tile by its bit."""
    magic, version, size, binary = struct.unpack_from("<4sIQQ", body)
    assert (magic, version, size % 8, len(body)) == (b"subt", 1, 0, 24 + size + binary)
    document = json.loads(body[24 : 24 + size])

    def view(number: int) -> bytes:
        found = document["bufferViews"][number]
        assert found["byteOffset"] % 8 == 0
        return body[24 + size + found["byteOffset"] :][: found["byteLength"]]

    tiles, below = (4**levels - 1) // 3, 4**levels
    known = {}
    for name, count in (("tile", tiles), ("content", tiles), ("childSubtree", below)):
        said = document[f"{name}Availability"]
        said = said[0] if isinstance(said, list) else said
        if "constant" in said:
            known[name] = np.full(count, said["constant"])
            continue
        block = view(said["bitstream"])
        unpacked = np.unpackbits(np.frombuffer(block, np.uint8), bitorder="little")
        assert (len(block), unpacked.sum()) == (math.ceil(count / 8), said["availableCount"])
        known[name] = unpacked[:count]
    table = document["propertyTables"][document["tileMetadata"]]
    regions = np.frombuffer(view(table["properties"]["region"]["values"]), "<f8").reshape(-1, 6).tolist()
    assert table["count"] == len(regions) == known["tile"].sum()
    return known, dict(zip(np.flatnonzero(known["tile"]).tolist(), regions, strict=True))


def order_of(level: int, x: int, y: int) -> int:
    """Return the place of a tile among those of its level: Morton order, x in the even bits."""
    return sum((x >> bit & 1) << 2 * bit | (y >> bit & 1) << 2 * bit + 1 for bit in range(level))


def read(connection: Connection, layer_id: str, caller: Caller = ADMIN, **options: Any) -> list[Seen]:
    """Return all tiles with content, found by the subtrees alone; check that regions lie in those above them."""
    found = city_tileset(connection, layer_id, Wanted(caller, **options))
    root = found["root"]
    implicit, whole = root["implicitTiling"], root["boundingVolume"]["region"]
    (said,) = found["schema"]["classes"]["tile"]["properties"].values()
    assert (said["semantic"], said["componentType"], said["count"]) == ("TILE_BOUNDING_REGION", "FLOAT64", 6)
    matrix = np.array(root["transform"]).reshape(4, 4).T
    levels, seen = implicit["subtreeLevels"], []
    regions: dict[tuple[int, int, int], list[float]] = {}
    waiting = [(0, 0, 0)]
    while waiting:
        level, x, y = waiting.pop()
        known, given = bits(city_subtree(connection, layer_id, level, x, y, Wanted(caller, **options)), levels)
        for depth in range(levels + 1):
            for row, column in itertools.product(range(2**depth), repeat=2):
                address = level + depth, (x << depth) + column, (y << depth) + row
                order = order_of(depth, column, row)
                if depth == levels:
                    waiting += [address] if known["childSubtree"][order] else []
                    continue
                bit = (4**depth - 1) // 3 + order
                assert known["tile"][bit] >= known["content"][bit]
                if not known["tile"][bit]:
                    continue
                above = regions.get((address[0] - 1, address[1] // 2, address[2] // 2), whole)
                regions[address] = given[bit]
                assert contains(above, given[bit])
                if known["content"][bit]:
                    assert address[0] < implicit["availableLevels"]
                    body = city_content(connection, layer_id, *address, Wanted(caller, **options))
                    assert body is not None
                    seen.append(Seen(address, given[bit], cell(whole, *address), Glb(body), matrix))
    return seen


def contains(outer: list[float], inner: list[float]) -> bool:
    """Tell whether a region holds another."""
    low, high = [0, 1, 4], [2, 3, 5]
    return all(outer[i] <= inner[i] for i in low) and all(outer[i] >= inner[i] for i in high)


def cell(region: list[float], level: int, x: int, y: int) -> list[float]:
    """Return the region of a tile (3D Tiles 1.1, section 8.2: subdivision rules)."""
    west, south, east, north, low, high = region
    width, height = (east - west) / 2**level, (north - south) / 2**level
    return [west + width * x, south + height * y, west + width * (x + 1), south + height * (y + 1), low, high]


def apart(found: Any, expected: Any) -> float:
    """Return the largest distance from a point of either set to the nearest of the other (metres)."""
    distance = np.linalg.norm(found[:, None] - expected[None], axis=2)
    return float(max(distance.min(axis=1).max(), distance.min(axis=0).max()))


def of_feature(seen: Seen, row: int) -> tuple[Any, Any]:
    """Return the geocentric vertices and triangles of one feature."""
    parts = [
        (earth[rows == row], tri[rows[index[:, 0]] == row])
        for (earth, rows, tri), index in zip(
            seen.vertices(),
            (seen.glb.accessor(p["indices"]).reshape(-1, 3) for p in seen.glb.primitives()),
            strict=True,
        )
    ]
    return np.vstack([part[0] for part in parts]), np.vstack([part[1] for part in parts])


def check_places(tiles: list[Seen]) -> None:
    """Check that all that a tile draws lies in its region, and in its cell but for a 32nd of its side."""
    back = Transformer.from_crs("EPSG:4978", "EPSG:4979", always_xy=True)
    for tile in tiles:
        earth = np.vstack([vertices for vertices, _, _ in tile.vertices()])
        longitude, latitude, height = back.transform(*earth.T)
        sides = [longitude.min(), latitude.min(), longitude.max(), latitude.max()]
        drawn = [*map(math.radians, sides), height.min(), height.max()]
        assert contains(tile.region, drawn)
        over = (tile.cell[2] - tile.cell[0]) / 32
        west, south, east, north, low, high = tile.cell
        assert contains([west - over, south - over, east + over, north + over, low, high], drawn)


def check_glbs(tiles: list[Seen]) -> None:
    """Pass contents through the glTF validator."""
    folder = folder_with("gltf-validator")
    for tile in tiles:
        done = subprocess.run(
            ["node", "-e", VALIDATE], input=tile.glb.body, capture_output=True, check=True, cwd=folder, timeout=60
        )
        issues = json.loads(done.stdout)
        assert (issues["numErrors"], issues["numWarnings"]) == (0, 0), issues["messages"]
