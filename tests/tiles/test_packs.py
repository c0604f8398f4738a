"""Tiles in bulk and packs of them, read back by the format's own reader and by GDAL."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyogrio
import pytest
import shapely
from pmtiles.reader import MmapSource, Reader
from sqlalchemy import Engine, func, insert, select, text, update
from typer.testing import CliRunner

from cim.access import Caller
from cim.cli import build as build_app
from cim.errors import InvalidFile, NotFound, TooLarge
from cim.tables import building, camera, layer, road, tile
from layers.catalogue import get_layer
from tests.tiles.test_mvt import LATITUDE, LONGITUDE, decode
from tiles.build import Zooms, build, plan
from tiles.command import layers_with_tiles
from tiles.coverage import shown_tiles
from tiles.mvt import build_tile
from tiles.packs import write_pack
from tiles.settle import settle
from tiles.signature import sign, verify
from tiles.tile import BUFFER, Envelope, Tile, envelope

ADMIN = Caller("admin")
ZOOMS = Zooms(12, 15)


@pytest.fixture
def town(engine: Engine) -> Engine:
    """100 buildings, a road across them, and a camera that planners see."""
    random = np.random.default_rng(2)
    with engine.begin() as connection:
        for n, (lon, lat) in enumerate(random.normal((LONGITUDE, LATITUDE), 0.008, (100, 2)).tolist()):
            shape = shapely.MultiPolygon([shapely.box(lon, lat, lon + 3e-4, lat + 3e-4)])
            connection.execute(
                insert(building).values(
                    layer_id="buildings", source_key=str(n), name=f"楼{n}", area_code=f"44030700{n % 2}",
                    geom=func.ST_GeomFromText(shape.wkt, 4490),
                )
            )  # fmt: skip
        line = "SRID=4490;MULTILINESTRING((114.2 22.69, 114.23 22.71))"
        connection.execute(insert(road).values(layer_id="roads", source_key="R", name="路", geom=line))
        point = f"SRID=4490;POINT({LONGITUDE} {LATITUDE})"
        connection.execute(insert(camera).values(layer_id="cameras", source_key="C", geom=point))
        connection.execute(update(layer).where(layer.c.id == "cameras").values(visibility="planner"))
        settle(connection)
    return engine


def build_all(engine: Engine, names: list[str], caller: Caller = ADMIN, within: Envelope | None = None) -> int:
    with engine.begin() as connection:
        jobs = plan(connection, layers_with_tiles(connection, names, caller), ZOOMS, within, caller)
    return sum(build(engine, jobs, workers=1))


def pack(engine: Engine, file: Path, names: list[str] | None, caller: Caller, **options: Any) -> dict[Tile, bytes]:
    """Write a pack and return what its reader finds in it."""
    with engine.connect() as connection:
        rows = layers_with_tiles(connection, names, caller)
        count = write_pack(connection, file, rows, caller, **options)
    found = {}
    with file.open("rb") as opened:
        reader = Reader(MmapSource(opened))
        header = reader.header()
        for z in range(header["min_zoom"], header["max_zoom"] + 1):
            with engine.connect() as connection:
                places = connection.execute(select(tile.c.x, tile.c.y).where(tile.c.z == z).distinct()).all()
            for x, y in places:
                body = reader.get(z, x, y)
                if body is not None:
                    found[Tile(z, x, y)] = gzip.decompress(body)
    assert len(found) == count == header["addressed_tiles_count"]
    assert header["clustered"]
    return found


def test_exactly_the_tiles_that_show_an_object_are_built(town: Engine) -> None:
    with town.connect() as connection:
        row = get_layer(connection, "buildings", ADMIN)
        boxes = connection.execute(text(
            "select st_xmin(g), st_ymin(g), st_xmax(g), st_ymax(g) from (select geom_3857 g from cim.building) b"
        )).all()  # fmt: skip
        for zoom in (11, 14, 16):
            found = shown_tiles(connection, row, zoom, ADMIN, None)
            around = {
                Tile(zoom, place.x + dx, place.y + dy) for place in found for dx in (-1, 0, 1) for dy in (-1, 0, 1)
            }
            frames = {place: shapely.box(*envelope(place, buffer=BUFFER)) for place in around}
            tree = shapely.STRtree([shapely.box(*box) for box in boxes])
            assert found == {place for place, frame in frames.items() if len(tree.query(frame, "intersects"))}
        own = shown_tiles(connection, row, 14, Caller("viewer", "440307001"), None)
        assert own < shown_tiles(connection, row, 14, ADMIN, None)
        west, south, east, north = boxes[0]
        here = shown_tiles(connection, row, 14, ADMIN, Envelope(west, south, east, north))
        assert 1 <= len(here) <= 4
        assert here < found | shown_tiles(connection, row, 14, ADMIN, None)


def test_an_object_around_the_world_is_refused(town: Engine) -> None:
    with town.begin() as connection:
        world = "SRID=4490;MULTIPOLYGON(((-179 -80, 179 -80, 179 80, -179 80, -179 -80)))"
        connection.execute(insert(building).values(layer_id="buildings", source_key="world", geom=world))
        with pytest.raises(TooLarge, match="bbox"):
            shown_tiles(connection, get_layer(connection, "buildings", ADMIN), 16, ADMIN, None)


def test_what_is_stored_is_not_built_again(town: Engine) -> None:
    first = build_all(town, ["buildings"])
    assert first > 20
    assert build_all(town, ["buildings"]) == 0
    with town.begin() as connection:
        connection.execute(update(building).where(building.c.source_key == "7").values(name="改名"))
        dropped = connection.execute(tile.delete().where(tile.c.z == 15)).rowcount
    again = build_all(town, ["buildings"])
    assert dropped < again <= dropped + 4 * 4
    assert build_all(town, ["buildings", "roads"]) > 0
    assert build_all(town, ["buildings", "roads"]) == 0


def test_two_processes_build_what_one_does(town: Engine) -> None:
    with town.begin() as connection:
        jobs = plan(connection, layers_with_tiles(connection, ["buildings"], ADMIN), ZOOMS, None, ADMIN)
    assert sum(build(town, jobs, workers=2)) == sum(len(job.tiles) for job in jobs)
    with town.connect() as connection:
        stored = connection.execute(select(tile.c.z, tile.c.x, tile.c.y, tile.c.body).order_by(*tile.primary_key)).all()
        for z, x, y, body in stored[::7]:
            expected = build_tile(connection, ["buildings"], z, x, y, ADMIN) or b""
            assert (gzip.decompress(body) if body else b"") == expected


def test_a_pack_holds_the_tiles_that_are_served(town: Engine, tmp_path: Path) -> None:
    build_all(town, ["buildings", "roads"])
    file = tmp_path / "城区.pmtiles"
    found = pack(town, file, ["buildings", "roads"], ADMIN, zooms=ZOOMS)
    with town.connect() as connection:
        for place, body in list(found.items())[::5]:
            assert body == build_tile(connection, ["buildings", "roads"], *place, ADMIN)
        total = connection.execute(select(func.count()).select_from(building)).scalar_one()
    nearest = [decode(body) for place, body in found.items() if place.z == 15]
    ids = {feature["id"] for layers in nearest if "buildings" in layers for feature in layers["buildings"]["features"]}
    assert len(ids) == total == 100
    with file.open("rb") as opened:
        reader = Reader(MmapSource(opened))
        told = reader.metadata()
        header = reader.header()
    assert [each["id"] for each in told["vector_layers"]] == ["buildings", "roads"]
    assert header["min_lon_e7"] / 1e7 == pytest.approx(114.19, abs=0.02)
    # another client
    assert {name for name, _ in pyogrio.list_layers(file)} == {"buildings", "roads"}
    assert pyogrio.read_info(file, layer="buildings")["features"] >= 100
    assert not list(tmp_path.glob("*.partial"))


def test_a_pack_has_only_what_its_readers_may_see(town: Engine, tmp_path: Path) -> None:
    for caller in (ADMIN, Caller("viewer"), Caller("viewer", "440307001")):
        build_all(town, ["buildings", "roads"], caller)
    build_all(town, ["cameras"])
    with pytest.raises(NotFound):
        pack(town, tmp_path / "no.pmtiles", ["cameras"], Caller("viewer"))
    seen = pack(town, tmp_path / "viewer.pmtiles", None, Caller("viewer"))
    assert {name for body in seen.values() for name in decode(body)} == {"buildings", "roads"}
    planned = pack(town, tmp_path / "planner.pmtiles", None, Caller("planner"))
    assert {name for body in planned.values() for name in decode(body)} == {"buildings", "roads", "cameras"}
    limited = pack(town, tmp_path / "area.pmtiles", None, Caller("viewer", "440307001"))
    names = {
        feature["properties"]["name"]
        for place, body in limited.items()
        if place.z > 12
        for feature in decode(body).get("buildings", {"features": []})["features"]
    }
    assert names == {f"楼{n}" for n in range(1, 100, 2)}
    with (tmp_path / "viewer.pmtiles").open("rb") as opened:
        assert "cameras" not in str(Reader(MmapSource(opened)).metadata())


def test_a_pack_of_a_part(town: Engine, tmp_path: Path) -> None:
    build_all(town, ["roads"])
    whole = pack(town, tmp_path / "whole.pmtiles", ["roads"], ADMIN)
    box = envelope(max(whole))
    part = pack(town, tmp_path / "part.pmtiles", ["roads"], ADMIN, within=box, zooms=Zooms(14, 15))
    assert set(part) < set(whole)
    assert {place.z for place in part} == {14, 15}
    with pytest.raises(NotFound, match="no tiles"):
        pack(town, tmp_path / "none.pmtiles", ["roads"], ADMIN, zooms=Zooms(3, 4))
    assert not (tmp_path / "none.pmtiles").exists()


def test_a_signature_tells_what_was_changed_and_whose_it_is(tmp_path: Path) -> None:
    file = tmp_path / "a.pmtiles"
    file.write_bytes(b"x" * 3_000_000)
    with pytest.raises(InvalidFile, match="no signature"):
        verify(file)
    signature = sign(file, tmp_path / "home")
    key = verify(file)
    assert verify(file, key) == key
    assert (tmp_path / "home" / "signing_key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(InvalidFile, match="not the one you trust"):
        verify(file, "A" * 43 + "=")
    told = orjson.loads(signature.read_bytes())
    sign(file, tmp_path / "elsewhere")
    assert verify(file) != key
    signature.write_bytes(orjson.dumps(told))
    file.write_bytes(b"x" * 2_999_999 + b"y")
    with pytest.raises(InvalidFile, match="not what was signed"):
        verify(file)
    for nonsense in (b"{", b"[]", b"{}", orjson.dumps(told | {"signature": "%%%"})):
        signature.write_bytes(nonsense)
        with pytest.raises(InvalidFile):
            verify(file)


def test_the_commands(town: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database_url: str) -> None:
    monkeypatch.setenv("CIM_DATABASE_URL", database_url)
    monkeypatch.setenv("CIM_HOME", str(tmp_path / "home"))
    app, runner = build_app("tiles"), CliRunner()

    def run(*words: str) -> Any:
        return runner.invoke(app, ["tiles", *words], catch_exceptions=True)

    done = run("build", "--layer", "roads", "--zooms", "12-13", "--workers", "1", "--json")
    assert done.exit_code == 0, done.output
    built = orjson.loads(done.stdout)["built"]
    assert built > 1
    file = tmp_path / "roads.pmtiles"
    done = run("export", str(file), "--layer", "roads", "--zooms", "12-13", "--workers", "1", "--json")
    told = orjson.loads(done.stdout)
    # A tile may be in the road's box and not on the road.
    assert 0 < told["tiles"] <= built
    assert told["bytes"] == file.stat().st_size
    assert run("verify", str(file)).exit_code == 0
    [status] = [each for each in orjson.loads(run("status", "--json").stdout)["layers"] if each["id"] == "roads"]
    assert (status["stored"], status["dirty"]) == (built, 0)
    for words, message in (
        (("build", "--zooms", "9-99"), "--zooms"),
        (("build", "--bbox", "1,2,3"), "bbox"),
        (("build", "--layer", "nowhere"), "no layer"),
        (("export", str(tmp_path / "a.mbtiles")), "pmtiles"),
        (("export", str(tmp_path / "a.pmtiles"), "--role", "king"), "no role"),
        (("export", str(tmp_path / "nowhere" / "a.pmtiles"), "--layer", "roads"), "no folder"),
        (("export", str(tmp_path / "a.pmtiles"), "--layer", "cameras"), "no layer"),
    ):
        done = run(*words)
        assert done.exit_code != 0
        assert message in str(done.exception) + done.output, words
