"""Stored tiles: right to the last change, whoever builds, changes or keeps them at the same time."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import orjson
import psycopg
import pytest
import shapely
from sqlalchemy import Connection, Engine, insert, select, text, update

import tiles.store
from cim.access import Caller
from cim.db import driver_url, make_engine
from cim.tables import building, conflict, layer, model, tile, tile_change
from layers.catalogue import get_layer
from tests.tiles.test_mvt import LATITUDE, LONGITUDE, TO_MERCATOR, decode, tile_at
from tiles.dirty import next_dirty, rebuild
from tiles.form import form_of
from tiles.keeper import Keeper
from tiles.mvt import Encoded
from tiles.settle import BOXES_A_NOTICE, settle
from tiles.store import (
    Body,
    Built,
    Place,
    build_and_keep,
    join,
    keep_tiles,
    note_asked,
    pack,
    place_of,
    reach,
    read_or_build,
    read_stored,
)
from tiles.tile import BUFFER, Envelope, Tile, envelope, tiles_that_show

ADMIN = Caller("admin")
SQUARE = "ST_Multi(ST_MakeEnvelope({0}, {1}, {0} + 0.0002, {1} + 0.0002, 4490))"


def add_square(connection: Connection, key: str, lon: float = LONGITUDE, lat: float = LATITUDE) -> int:
    return int(
        connection.execute(
            text(
                "insert into cim.building (layer_id, source_key, name, geom) values ('buildings', :key, :key,"
                f" {SQUARE.format(lon, lat)}) returning id"
            ),
            {"key": key},
        ).scalar_one()
    )


def here(z: int, lon: float = LONGITUDE, lat: float = LATITUDE) -> Tile:
    return Tile(z, *tile_at(lon, lat, z))


def build(engine: Engine, at: Tile, caller: Caller = ADMIN) -> Body:
    with engine.connect() as connection:
        row = get_layer(connection, "buildings", ADMIN)
        connection.rollback()
        return build_and_keep(connection, row, at, caller)


def stored(engine: Engine, at: Tile, caller: Caller = ADMIN) -> Body | None:
    """Return a tile as the service reads it, alone and where it is built at once if it is not stored."""
    with engine.connect() as connection:
        row = get_layer(connection, "buildings", ADMIN)

    async def read() -> Body | None:
        url = driver_url(engine.url.render_as_string(hide_password=False))
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            kept = await read_stored(connection, place_of(row, at, caller), form_of(row))
            found = await read_or_build(connection, row, place_of(row, at, caller), form_of(row))
            assert isinstance(found, Built) if kept is None else found == kept
            return kept

    return asyncio.run(read())


def names(body: Body | None) -> set[str]:
    assert body is not None
    if not body.data:
        return set()
    features = decode(gzip.decompress(body.data))["buildings"]["features"]
    return {feature["properties"]["name"] for feature in features}


@pytest.fixture
def town(engine: Engine) -> Engine:
    with engine.begin() as connection:
        add_square(connection, "A")
        settle(connection)
    return engine


def test_a_tile_is_read_as_it_was_kept(town: Engine) -> None:
    at = here(16)
    assert stored(town, at) is None
    body = build(town, at)
    assert stored(town, at) == body
    assert names(body) == {"A"}
    empty = build(town, Tile(16, 0, 0))
    assert stored(town, Tile(16, 0, 0)) == empty
    assert empty.data == b""
    # Readers of another area have a tile of their own.
    assert stored(town, at, Caller("viewer", "440307")) is None
    assert names(build(town, at, Caller("viewer", "440307"))) == set()
    assert names(stored(town, at)) == {"A"}


def test_what_is_not_stored_is_built_as_it_would_be_kept(town: Engine) -> None:
    at = here(16)
    with town.connect() as connection:
        row = get_layer(connection, "buildings", ADMIN)

    async def both() -> list[Body | Built]:
        url = driver_url(town.url.render_as_string(hide_password=False))
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            place = place_of(row, at, ADMIN)
            found = await read_or_build(connection, row, place, form_of(row))
            assert isinstance(found, Built)
            await keep_tiles(connection, [found])
            return [found.body, await read_or_build(connection, row, place, form_of(row))]

    built, kept = asyncio.run(both())
    assert built == kept == build(town, at)


def test_what_the_catalogue_shows_is_part_of_a_tile(town: Engine) -> None:
    build(town, here(16))
    with town.begin() as connection:
        fields = dict(get_layer(connection, "buildings", ADMIN).fields)
        fields.pop("name")
        connection.execute(update(layer).where(layer.c.id == "buildings").values(fields=fields))
    assert stored(town, here(16)) is None


def test_a_committed_change_is_seen_before_anybody_marks_it(town: Engine) -> None:
    near, far = here(16), here(16, LONGITUDE + 0.1)
    build(town, near)
    build(town, far)
    with town.connect() as connection:
        add_square(connection, "B")
        assert names(stored(town, near)) == {"A"}  # not committed
        connection.commit()
    assert stored(town, near) is None
    assert stored(town, far) is not None
    assert names(build(town, near)) == {"A", "B"}
    with town.begin() as connection:
        assert settle(connection) == 1
        assert settle(connection) == 0
    # It was built while the change was known but not settled: settling cannot tell, and marks it once more.
    assert stored(town, near) is None
    assert names(build(town, near)) == {"A", "B"}
    assert names(stored(town, near)) == {"A", "B"}


def test_a_change_that_is_taken_back_changes_nothing(town: Engine) -> None:
    body = build(town, here(16))
    with town.connect() as connection:
        add_square(connection, "B")
        connection.rollback()
    with town.begin() as connection:
        assert settle(connection) == 0
    assert stored(town, here(16)) == body


@pytest.mark.parametrize("is_settled", [False, True])
def test_a_tile_that_is_overtaken_while_it_is_built_is_not_kept(
    town: Engine, monkeypatch: pytest.MonkeyPatch, is_settled: bool
) -> None:
    real = tiles.store.encode_layer

    def overtaken(*arguments: Any) -> Encoded:
        found = real(*arguments)
        with town.begin() as connection:
            add_square(connection, "B")
        if is_settled:
            with town.begin() as connection:
                settle(connection)
        return found

    monkeypatch.setattr(tiles.store, "encode_layer", overtaken)
    assert names(build(town, here(16))) == {"A"}
    monkeypatch.undo()
    with town.begin() as connection:
        settle(connection)
    assert stored(town, here(16)) is None
    assert names(build(town, here(16))) == {"A", "B"}


def test_exactly_the_tiles_that_show_a_change_are_marked(town: Engine) -> None:
    random = np.random.default_rng(5)
    places = {here(z, *random.normal((LONGITUDE, LATITUDE), 300 / 2**z)) for z in range(8, 18) for _ in range(60)}
    with town.begin() as connection:
        for at in places:
            connection.execute(
                insert(tile).values(layer_id="buildings", **at._asdict(), form=b"", tag=b"", reach=reach(at))
            )
            connection.execute(
                insert(tile).values(layer_id="roads", **at._asdict(), form=b"", tag=b"", reach=reach(at))
            )
        moved = add_square(connection, "M", LONGITUDE + 0.003, LATITUDE)
        settle(connection)
        connection.execute(update(tile).values(dirty_at=None))
    with town.begin() as connection:
        geometry = f"geom = {SQUARE.format(LONGITUDE - 0.004, LATITUDE + 0.001)}"
        connection.execute(text(f"update cim.building set {geometry} where id = :id"), {"id": moved})
        settle(connection)
    with town.connect() as connection:
        dirty = connection.execute(
            select(tile.c.layer_id, tile.c.z, tile.c.x, tile.c.y).where(tile.c.dirty_at.is_not(None))
        )
        found = {Tile(*row[1:]) for row in dirty if row.layer_id == "buildings"}
        assert len(found) == len(list(next_dirty(connection, 10_000, settled_s=-1)))
    squares = []
    for lon, lat in ((LONGITUDE + 0.003, LATITUDE), (LONGITUDE - 0.004, LATITUDE + 0.001)):
        low, high = TO_MERCATOR.transform(lon, lat), TO_MERCATOR.transform(lon + 0.0002, lat + 0.0002)
        squares.append(shapely.box(*low, *high))
    expected = {
        at for at in places for square in squares if shapely.box(*envelope(at, buffer=BUFFER)).intersects(square)
    }
    assert found == expected
    assert 5 < len(found) < len(places) / 2
    # The same in the memory of servers.
    boxes = [Envelope(*square.bounds) for square in squares]
    assert {at for at in places if any(at in tiles_that_show(box, at.z) for box in boxes)} == expected


def test_many_changes_are_marked_by_region(town: Engine) -> None:
    build(town, here(16))
    with town.begin() as connection:
        connection.execute(
            text(
                "insert into cim.building (layer_id, source_key, name, geom) select 'buildings', n, n,"
                " ST_Multi(ST_MakeEnvelope(114.2 + n * 1e-5, 22.7, 114.2001 + n * 1e-5, 22.7001, 4490))"
                " from generate_series(1, 5000) n"
            )
        )
        changes = (
            connection.execute(select(tile_change.c.objects).where(tile_change.c.done_at.is_(None))).scalars().all()
        )
        assert sum(changes) >= 5000
        assert len(changes) < 300
        settle(connection)
    assert stored(town, here(16)) is None


def test_models_and_conflicts_are_seen_on_their_buildings(town: Engine) -> None:
    with town.begin() as connection:
        [building_id] = connection.execute(select(building.c.id)).scalars()
    for statement in (
        insert(model).values(
            layer_id="models", source_key="m", ifc_schema="IFC4", status="placed", building_id=building_id
        ),
        insert(conflict).values(building_id=building_id, field="height_m", claims=[], severity=0.5),
        update(conflict).values(status="settled"),
        conflict.delete(),
        update(model).values(building_id=None),
    ):
        build(town, here(16))
        with town.begin() as connection:
            settle(connection)
        build(town, here(16))
        assert stored(town, here(16)) is not None
        with town.begin() as connection:
            connection.execute(statement)
        assert stored(town, here(16)) is None


def test_what_is_looked_at_is_rebuilt_first(town: Engine) -> None:
    for z in (12, 14, 15, 16):
        build(town, here(z))
    with town.begin() as connection:
        note_asked(connection, [Place("buildings", here(14), "")])
        add_square(connection, "B")
        settle(connection)
        assert [place.tile.z for place in next_dirty(connection, 10, settled_s=-1)] == [14, 16, 15, 12]
    with town.connect() as connection:
        for place in next_dirty(connection, 2, settled_s=-1):
            rebuild(connection, place)
        assert [place.tile.z for place in next_dirty(connection, 10, settled_s=-1)] == [15, 12]
    assert names(stored(town, here(14))) == names(stored(town, here(16))) == {"A", "B"}


def test_tiles_of_a_layer_that_is_gone_go(town: Engine) -> None:
    build(town, here(16))
    with town.begin() as connection:
        connection.execute(update(tile).values(dirty_at=text("now()")))
        connection.execute(update(layer).where(layer.c.id == "buildings").values(geometry_type="none"))
        [place] = next_dirty(connection, 10, settled_s=-1)
    with town.connect() as connection:
        rebuild(connection, place)
        assert next_dirty(connection, 10, settled_s=-1) == []


def test_tiles_of_zooms_that_are_no_longer_shown_go(town: Engine) -> None:
    build(town, here(13))
    build(town, here(16))
    with town.begin() as connection:
        connection.execute(update(layer).where(layer.c.id == "buildings").values(min_zoom=15))
        settle(connection)
        places = next_dirty(connection, 10, settled_s=-1)
        assert [place.tile.z for place in places] == [16, 13]
    with town.connect() as connection:
        for place in places:
            rebuild(connection, place)
        assert next_dirty(connection, 10, settled_s=-1) == []
    assert names(stored(town, here(16))) == {"A"}


def test_bodies_are_joined_into_one_tile() -> None:
    one, two = pack(b"\x1a\x00"), pack(b"")
    assert join([one]) is one
    assert gzip.decompress(join([one, two, one]).data) == b"\x1a\x00\x1a\x00"
    assert join([two, two]) == two
    assert join([one, two]).tag == one.tag
    assert pack(b"a").tag != pack(b"b").tag


@pytest.fixture
def keepers(engine: Engine) -> Iterator[Callable[[], Keeper]]:
    made: list[Keeper] = []

    def start() -> Keeper:
        keeper = Keeper(make_engine(engine.url.render_as_string(hide_password=False), pool_size=2))
        keeper.start()
        made.append(keeper)
        return keeper

    yield start
    for keeper in made:
        keeper.stop()


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.02)


def test_a_keeper_marks_tells_and_rebuilds_and_another_takes_over(town: Engine, keepers: Callable[[], Keeper]) -> None:
    build(town, here(16))
    first, second = keepers(), keepers()
    wait_until(lambda: first.is_leader or second.is_leader)
    for name in ("B", "C"):
        url = driver_url(town.url.render_as_string(hide_password=False))
        with psycopg.connect(url, autocommit=True) as listening:
            listening.execute("listen cim_live")
            with town.begin() as connection:
                add_square(connection, name)
            [notice] = listening.notifies(timeout=20, stop_after=1)
        told = orjson.loads(notice.payload)
        assert (told["type"], told["layer"]) == ("tiles", "buildings")
        [[west, south, east, north]] = told["boxes"]
        low, high = TO_MERCATOR.transform(LONGITUDE, LATITUDE), TO_MERCATOR.transform(LONGITUDE + 2e-4, LATITUDE + 2e-4)
        assert (west, south) == (int(low[0]), int(low[1]))
        assert (east, north) == (int(high[0]) + 1, int(high[1]) + 1)
        wait_until(lambda name=name: (body := stored(town, here(16))) is not None and name in names(body))  # type: ignore[misc]
        if name == "B":
            leader, other = (first, second) if first.is_leader else (second, first)
            leader.stop()
            wait_until(lambda other=other: other.is_leader)  # type: ignore[misc]
    assert BOXES_A_NOTICE * 40 < 8000
