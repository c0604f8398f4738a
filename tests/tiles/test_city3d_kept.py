"""Contents of 3D tiles that are kept: found again as long as nothing that they show has changed, and then no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import shapely
from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from cim.access import Caller
from cim.gzip_body import packed
from cim.provenance import touch_layers
from cim.tables import building, building_source, city_content, dataset, layer, model, pipe, pipe_node
from layers.catalogue import get_layer
from tests.tiles.city3d_reader import ADMIN, degrees
from tests.tiles.conftest import LATITUDE, LONGITUDE
from tests.tiles.test_tiles3d import Glb
from tiles.tiles3d.city import layout
from tiles.tiles3d.city.grid import Cell
from tiles.tiles3d.city.tileset import city_content as drawn_content
from tiles.tiles3d.city.tileset import city_layout, kept_content
from tiles.tiles3d.city.wanted import Wanted

OF_ALL = Wanted(ADMIN)


@pytest.fixture
def town(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """200 buildings and 60 pipes, each in a row of its own, in cells of at most a dozen."""
    monkeypatch.setattr(layout, "FEW_OBJECTS", 12)
    random = np.random.default_rng(11)
    with engine.begin() as connection:
        for number, (x, y) in enumerate(random.uniform(-900, 900, (200, 2))):
            outline = shapely.Polygon(degrees([(x, y), (x + 20, y), (x + 20, y + 15), (x, y + 15)]))
            connection.execute(
                insert(building).values(
                    layer_id="buildings", source_key=f"B{number}", height_m=12.0, base_height_m=30.0, use="住宅",
                    area_code="440307001" if x < 0 else "440307002",
                    geom=f"SRID=4490;{shapely.MultiPolygon([outline]).wkt}",
                )
            )  # fmt: skip
        node = connection.execute(
            insert(pipe_node).values(
                layer_id="pipe_nodes", source_key="N", network="water", ground_height_m=30.0,
                geom=f"SRID=4490;POINT Z ({LONGITUDE} {LATITUDE} 30)",
            ).returning(pipe_node.c.id)
        ).scalar_one()  # fmt: skip
        for number, (x, y) in enumerate(random.uniform(-900, 900, (60, 2))):
            line = shapely.LineString([(*point, 0.0) for point in degrees([(x, y), (x + 40, y)])])
            connection.execute(
                insert(pipe).values(
                    layer_id="pipes", source_key=f"P{number}", network="water", diameter_mm=300.0,
                    from_node_id=node if number == 0 else None,
                    geom=f"SRID=4490;{shapely.to_wkt(shapely.MultiLineString([line]), rounding_precision=-1)}",
                )
            )  # fmt: skip
    return engine


def ask_for_all(engine: Engine, layer_id: str = "buildings", wanted: Wanted = OF_ALL) -> dict[Cell, bytes]:
    """Return all contents as the service gives them, each right by what is drawn at this moment."""
    with engine.connect() as connection:
        row = get_layer(connection, layer_id, wanted.caller)
        found = {}
        for cell in city_layout(connection, row, wanted).cells():
            content = kept_content(connection, layer_id, *cell, wanted)
            assert content == drawn_content(connection, layer_id, *cell, wanted)
            assert content is not None
            found[cell] = content
        return found


def built(engine: Engine) -> dict[tuple[Any, ...], Any]:
    """Return when each content that is kept was built."""
    key = city_content.c
    with engine.connect() as connection:
        rows = connection.execute(select(key.layer_id, key.drawing, key.level, key.x, key.y, key.built_at))
        return {tuple(row[:-1]): row[-1] for row in rows}


def ids_in(content: bytes) -> set[int]:
    return {int(number) for number in np.frombuffer(id_column(content), "<u8")}


def id_column(content: bytes) -> bytes:
    glb = Glb(content)
    (table,) = glb.document["extensions"]["EXT_structural_metadata"]["propertyTables"]
    return bytes(glb.view(table["properties"]["id"]["values"]))


def test_a_content_is_found_again(town: Engine) -> None:
    contents = ask_for_all(town)
    first = built(town)
    assert len(first) == len(contents) >= 20
    assert ask_for_all(town) == contents
    assert built(town) == first
    # It is the one of the table, and not one like it.
    with town.begin() as connection:
        connection.execute(update(city_content).values(body=packed(b"kept")))
    with town.connect() as connection:
        assert kept_content(connection, "buildings", *next(iter(contents)), OF_ALL) == b"kept"


def change_height(connection: Connection, number: int) -> None:
    connection.execute(update(building).where(building.c.id == number).values(height_m=40.0))


def change_name(connection: Connection, number: int) -> None:
    connection.execute(update(building).where(building.c.id == number).values(name="新名"))


def give_surfaces(connection: Connection, number: int) -> None:
    source = connection.execute(
        insert(dataset)
        .values(name="city", file_name="city.json", format="CityJSON", checksum=b"", size_bytes=1)
        .returning(dataset.c.id)
    ).scalar_one()
    outline = connection.execute(select(func.ST_AsText(building.c.geom)).where(building.c.id == number)).scalar_one()
    roof = shapely.to_wkt(shapely.force_3d(shapely.from_wkt(outline), 45.0), rounding_precision=-1)
    connection.execute(
        insert(building_source).values(
            building_id=number, dataset_id=source, source_key="house", kind="footprint", lod2=f"SRID=4490;{roof}",
            lod2_surfaces="R",
        )
    )  # fmt: skip


def place_model(connection: Connection, number: int) -> None:
    placement = np.eye(4).ravel().tolist()
    connection.execute(
        insert(model).values(
            layer_id="models",
            source_key="M",
            building_id=number,
            ifc_schema="IFC4",
            status="placed",
            placement=placement,
        )
    )


@pytest.mark.parametrize("change", [change_height, change_name, give_surfaces, place_model])
def test_a_changed_building_rebuilds_its_own_content_only(
    town: Engine, change: Callable[[Connection, int], None]
) -> None:
    contents = ask_for_all(town)
    first = built(town)
    cell, content = next((cell, content) for cell, content in contents.items() if len(ids_in(content)) > 1)
    number = min(ids_in(content))
    with town.begin() as connection:
        change(connection, number)
        touch_layers(connection, ["buildings"], "test", None)
    changed = ask_for_all(town)
    assert changed[cell] != content
    assert {key for key, at in built(town).items() if first.get(key) != at} == {("buildings", "", *cell)}
    assert {each: changed[each] for each in changed if each != cell} == {
        each: contents[each] for each in contents if each != cell
    }


def test_a_building_that_is_gone_is_drawn_no_more(town: Engine) -> None:
    contents = ask_for_all(town)
    number = min(ids_in(next(content for content in contents.values() if len(ids_in(content)) > 1)))
    with town.begin() as connection:
        connection.execute(delete(building).where(building.c.id == number))
        touch_layers(connection, ["buildings"], "test", None)
    after = ask_for_all(town)
    assert set().union(*map(ids_in, after.values())) == set().union(*map(ids_in, contents.values())) - {number}


def test_the_look_of_a_layer_is_part_of_its_contents(town: Engine) -> None:
    contents = ask_for_all(town)
    with town.begin() as connection:
        fields = dict(get_layer(connection, "buildings", ADMIN).fields)
        fields.pop("use")
        connection.execute(update(layer).where(layer.c.id == "buildings").values(fields=fields))
        touch_layers(connection, ["buildings"], "test", None)
    assert all(content != contents[cell] for cell, content in ask_for_all(town).items())


def test_readers_of_an_area_and_other_drawings_have_contents_of_their_own(town: Engine) -> None:
    of_area = Wanted(Caller("viewer", "440307001"))
    mine = set().union(*map(ids_in, ask_for_all(town, wanted=of_area).values()))
    everyone = set().union(*map(ids_in, ask_for_all(town).values()))
    ask_for_all(town, wanted=OF_ALL._replace(ground="flat"))
    assert mine
    assert mine < everyone
    assert set().union(*map(ids_in, ask_for_all(town, wanted=of_area).values())) == mine
    assert {key[1] for key in built(town)} == {"", "440307001", "?ground=flat"}


def test_the_ground_at_the_end_of_a_pipe_is_part_of_its_content(town: Engine) -> None:
    contents = ask_for_all(town, "pipes")
    first = built(town)
    with town.begin() as connection:
        (number,) = connection.execute(select(pipe.c.id).where(pipe.c.source_key == "P0")).scalars()
        connection.execute(update(pipe_node).values(ground_height_m=33.0))
        touch_layers(connection, ["pipes"], "test", None)
    changed = ask_for_all(town, "pipes")
    (cell,) = [cell for cell, content in contents.items() if number in ids_in(content)]
    assert changed[cell] != contents[cell]
    assert {key for key, at in built(town).items() if first.get(key) != at} == {("pipes", "", *cell)}
