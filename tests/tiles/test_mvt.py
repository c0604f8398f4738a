"""Decoded vector tiles against what shapely and pyproj say lies in them."""

from __future__ import annotations

from typing import Any

import mapbox_vector_tile
import numpy as np
import pytest
import shapely
from pyproj import Transformer
from sqlalchemy import Connection, func, insert, select, update

from cim.access import Caller
from cim.errors import InvalidInput, NotFound
from cim.tables import conflict, layer
from tiles.mvt import build_tile

ADMIN = Caller("admin")
HALF_WORLD = 20037508.342789244
LONGITUDE, LATITUDE = 114.22, 22.70
TO_MERCATOR = Transformer.from_crs("EPSG:4490", "EPSG:3857", always_xy=True)


def tile_at(longitude: float, latitude: float, z: int) -> tuple[int, int]:
    x, y = TO_MERCATOR.transform(longitude, latitude)
    side = 2 * HALF_WORLD / 2**z
    return int((x + HALF_WORLD) // side), int((HALF_WORLD - y) // side)


def in_tile_units(geometry: Any, z: int, x: int, y: int) -> Any:
    """Return a geometry in the grid of a tile, y down, not rounded."""
    side = 2 * HALF_WORLD / 2**z

    def move(coordinates: np.ndarray) -> np.ndarray:
        east, north = TO_MERCATOR.transform(coordinates[:, 0], coordinates[:, 1])
        return np.column_stack([((east + HALF_WORLD) / side - x) * 4096, ((HALF_WORLD - north) / side - y) * 4096])

    return shapely.transform(geometry, move)


def decode(body: bytes | None) -> dict[str, Any]:
    assert body is not None
    return dict(mapbox_vector_tile.decode(body, default_options={"y_coord_down": True}))


def decoded_ids(body: bytes | None, layer_id: str = "buildings") -> set[int]:
    return {feature["id"] for feature in decode(body)[layer_id]["features"]} if body else set()


@pytest.mark.parametrize("z", [14, 15, 16, 17, 19])
def test_a_tile_holds_exactly_the_features_that_lie_in_it(
    connection: Connection, add_rows: Any, footprints: list[Any], z: int
) -> None:
    ids = add_rows("building", "buildings", [{"geom": shape} for shape in footprints])
    x, y = tile_at(LONGITUDE, LATITUDE, z)
    frame = shapely.box(-64, -64, 4160, 4160)
    shapes = {i: in_tile_units(shape, z, x, y) for i, shape in zip(ids, footprints, strict=True)}
    # what reaches into the frame by less than a unit may round either way
    surely = {i for i, shape in shapes.items() if shape.intersection(frame.buffer(-1)).area > 4}
    maybe = {i for i, shape in shapes.items() if shape.intersects(frame.buffer(1))}

    features = decode(build_tile(connection, ["buildings"], z, x, y, ADMIN))["buildings"]["features"]

    found = {feature["id"]: shapely.geometry.shape(feature["geometry"]) for feature in features}
    assert surely
    assert surely <= set(found) <= maybe
    for i, shape in found.items():
        expected = shapes[i].intersection(frame)
        if shapes[i].within(frame.buffer(-1)):
            # nothing but rounding to the grid: half a unit in each direction
            assert shapely.hausdorff_distance(shape.boundary, expected.boundary) < 0.72
        else:
            assert shape.symmetric_difference(expected).area <= 0.72 * expected.length


def test_a_feature_on_the_border_is_in_both_tiles(connection: Connection, add_rows: Any) -> None:
    z = 16
    x, y = tile_at(LONGITUDE, LATITUDE, z)
    side = 2 * HALF_WORLD / 2**z
    border, north = x * side - HALF_WORLD, HALF_WORLD - (y + 0.5) * side
    back = Transformer.from_crs("EPSG:3857", "EPSG:4490", always_xy=True)
    unit = side / 4096

    def square(middle: float) -> Any:
        corners = [(-5, -5), (5, -5), (5, 5), (-5, 5)]
        return shapely.MultiPolygon(
            [shapely.Polygon([back.transform(middle + a * unit, north + b * unit) for a, b in corners])]
        )

    on_border, in_buffer, beyond = add_rows(
        "building",
        "buildings",
        [{"geom": square(border + offset * unit)} for offset in (0, -50, -90)],
    )
    assert decoded_ids(build_tile(connection, ["buildings"], z, x, y, ADMIN)) == {on_border, in_buffer}
    assert decoded_ids(build_tile(connection, ["buildings"], z, x - 1, y, ADMIN)) == {on_border, in_buffer, beyond}


def test_attributes_are_typed_and_only_those_of_the_allow_list(
    connection: Connection, add_rows: Any, footprints: list[Any]
) -> None:
    (with_model, plain) = add_rows(
        "building",
        "buildings",
        [
            {
                "geom": footprints[0], "name": "深圳市龙岗区政府", "code": "B-1", "use": "办公", "height_m": 54.5,
                "base_height_m": 41.25, "storeys_above": 12, "address": "secret street 1",
                "attributes": {"owner_phone": "13800000000", "name": "not this one"},
            },
            {"geom": footprints[0]},
        ],
    )  # fmt: skip
    add_rows("model", "models", [{"building_id": with_model, "ifc_schema": "IFC4", "status": "placed"}])
    for field, status in (("height_m", "open"), ("use", "open"), ("name", "settled")):
        connection.execute(insert(conflict).values(building_id=with_model, field=field, severity=0.5, status=status))
    centre = footprints[0].centroid
    x, y = tile_at(centre.x, centre.y, 16)

    features = decode(build_tile(connection, ["buildings"], 16, x, y, ADMIN))["buildings"]["features"]

    assert {feature["id"]: feature["properties"] for feature in features} == {
        with_model: {
            "name": "深圳市龙岗区政府", "code": "B-1", "use": "办公", "height_m": 54.5, "base_height_m": 41.25,
            "storeys_above": 12, "has_model": True, "conflicts": 2,
        },
        plain: {"has_model": False, "conflicts": 0},
    }  # fmt: skip


def test_columns_take_their_tile_names_and_times_are_rfc_3339(connection: Connection, add_rows: Any) -> None:
    point = shapely.Point(LONGITUDE, LATITUDE)
    (camera,) = add_rows(
        "camera", "cameras", [{"geom": point, "mount_height_m": 6.5, "tilt_deg": -10.0, "class": "一类"}]
    )
    (event,) = add_rows(
        "event",
        "events",
        [{"geom": point, "source": "12345", "title": "漏水", "occurred_at": "2024-05-01T08:30:00+08:00"}],
    )
    x, y = tile_at(LONGITUDE, LATITUDE, 15)

    tile = decode(build_tile(connection, ["events", "cameras"], 15, x, y, ADMIN))

    assert list(tile) == ["events", "cameras"]
    (seen,) = tile["cameras"]["features"]
    assert (seen["id"], seen["properties"]) == (camera, {"height_m": 6.5, "class": "一类"})
    (told,) = tile["events"]["features"]
    assert told["id"] == event
    assert told["properties"]["occurred_at"] == "2024-05-01T00:30:00Z"
    assert told["properties"]["state"] == "collect"


def test_generic_layers_keep_the_types_of_their_attributes(connection: Connection, add_rows: Any) -> None:
    names = [f"属性{number}" for number in range(120)] + ["很长的属性名称" * 12, "quote\"'; drop table cim.layer; --"]
    fields = {name: {"type": "string", "title": {"zh": name, "en": name}} for name in names}
    connection.execute(
        insert(layer).values(
            id="bus_stops", theme_id="other", title_zh="公交站", title_en="Bus stops", table_name="feature",
            geometry_type="point", min_zoom=10, fields=fields,
        )
    )  # fmt: skip
    attributes = {names[0]: "甲", names[1]: 3, names[2]: 2.5, names[60]: True, names[61]: None, names[62]: {"a": 1}}
    attributes |= {names[-2]: "long", names[-1]: "quoted", "hidden": "x"}
    point = shapely.Point(LONGITUDE, LATITUDE)
    add_rows("feature", "bus_stops", [{"geom": point, "attributes": attributes}])
    x, y = tile_at(LONGITUDE, LATITUDE, 12)

    (feature,) = decode(build_tile(connection, ["bus_stops"], 12, x, y, ADMIN))["bus_stops"]["features"]

    expected = {name: attributes[name] for name in (names[0], names[1], names[2], names[60], names[-2], names[-1])}
    assert feature["properties"] == expected
    assert connection.execute(select(func.count()).select_from(layer)).scalar_one() > 5


def test_low_zooms_keep_only_what_can_be_seen(connection: Connection, add_rows: Any, footprints: list[Any]) -> None:
    ids = add_rows("building", "buildings", [{"geom": shape} for shape in footprints])
    areas = dict(zip(ids, (abs(shapely.area(shape)) * 102_800.0 * 110_750.0 for shape in footprints), strict=True))
    for z, squares in ((13, 4),):
        x, y = tile_at(LONGITUDE, LATITUDE, z)
        pixel_m = 40075016.7 * np.cos(np.radians(LATITUDE)) / 512 / 2**z
        frame = shapely.box(-64, -64, 4160, 4160)
        inside = {
            i
            for i, shape in zip(ids, footprints, strict=True)
            if in_tile_units(shape, z, x, y).within(frame.buffer(-1))
        }
        large = {i for i in inside if areas[i] > squares * pixel_m**2 * 1.05}
        small = {i for i in inside if areas[i] < squares * pixel_m**2 * 0.95}
        found = decoded_ids(build_tile(connection, ["buildings"], z, x, y, ADMIN))
        assert large <= found
        assert not small & found
    assert large
    assert small
    # the catalogue says that buildings begin at zoom 11
    x, y = tile_at(LONGITUDE, LATITUDE, 10)
    assert build_tile(connection, ["buildings"], 10, x, y, ADMIN) is None


def test_short_lines_and_small_generic_areas_go_first(connection: Connection, add_rows: Any) -> None:
    def line(length_deg: float) -> Any:
        return shapely.MultiLineString([[(LONGITUDE, LATITUDE), (LONGITUDE + length_deg, LATITUDE)]])

    short, long = add_rows("road", "roads", [{"geom": line(0.0001)}, {"geom": line(0.01)}])
    x, y = tile_at(LONGITUDE, LATITUDE, 11)
    assert decoded_ids(build_tile(connection, ["roads"], 11, x, y, ADMIN), "roads") == {long}
    x, y = tile_at(LONGITUDE, LATITUDE, 14)
    assert decoded_ids(build_tile(connection, ["roads"], 14, x, y, ADMIN), "roads") == {short, long}

    spot, area, point = add_rows(
        "feature",
        "admin_areas",
        [
            {"geom": shapely.Point(LONGITUDE, LATITUDE).buffer(0.00005)},
            {"geom": shapely.Point(LONGITUDE, LATITUDE).buffer(0.01)},
            {"geom": shapely.Point(LONGITUDE, LATITUDE)},
        ],
    )
    x, y = tile_at(LONGITUDE, LATITUDE, 10)
    assert decoded_ids(build_tile(connection, ["admin_areas"], 10, x, y, ADMIN), "admin_areas") == {area, point}
    assert spot


def test_what_is_not_there_or_not_for_the_caller(connection: Connection, add_rows: Any, footprints: list[Any]) -> None:
    add_rows("building", "buildings", [{"geom": footprints[0], "area_code": "440307001"}, {"geom": footprints[0]}])
    centre = footprints[0].centroid
    x, y = tile_at(centre.x, centre.y, 16)
    assert build_tile(connection, ["buildings"], 16, 0, 0, ADMIN) is None
    with pytest.raises(NotFound, match="no_such_layer"):
        build_tile(connection, ["buildings", "no_such_layer"], 16, x, y, ADMIN)
    with pytest.raises(NotFound, match="no vector tiles"):
        build_tile(connection, ["units"], 16, x, y, ADMIN)
    with pytest.raises(NotFound, match="no vector tiles"):
        build_tile(connection, ["terrain"], 16, x, y, ADMIN)

    of_area = Caller("commander", "440307")
    assert len(decoded_ids(build_tile(connection, ["buildings"], 16, x, y, ADMIN))) == 2
    assert len(decoded_ids(build_tile(connection, ["buildings"], 16, x, y, of_area))) == 1
    assert build_tile(connection, ["buildings"], 16, x, y, Caller("commander", "44030%")) is None

    connection.execute(update(layer).where(layer.c.id == "buildings").values(visibility="planner"))
    assert build_tile(connection, ["buildings"], 16, x, y, Caller("planner")) is not None
    with pytest.raises(NotFound):
        build_tile(connection, ["buildings"], 16, x, y, Caller("viewer"))


@pytest.mark.parametrize(
    ("layers", "z", "x", "y", "word"),
    [
        (["buildings"], 99, 0, 0, "z is '99'"),
        (["buildings"], 3, 8, 0, "0 to 7"),
        (["buildings"], 3, 0, -1, "y is '-1'"),
        (["buildings"], "1.5", 0, 0, "z is"),
        (["buildings"], "٣", 0, 0, "z is"),
        (["buildings"], 3, "1e400000000", 0, "x is"),
        (["buildings", "buildings"], 3, 0, 0, "twice"),
        ([], 3, 0, 0, "0 layers"),
        ([f"a{number}" for number in range(50)], 3, 0, 0, "50 layers"),
    ],
)
def test_bad_addresses_are_refused(
    connection: Connection, layers: list[str], z: Any, x: Any, y: Any, word: str
) -> None:
    with pytest.raises(InvalidInput, match=word):
        build_tile(connection, layers, z, x, y, ADMIN)
