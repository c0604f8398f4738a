"""``cim export LAYER FILE.pmtiles``: the pack of one layer, as ``cim tiles export`` writes and signs it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from pmtiles.reader import MmapSource, Reader, all_tiles
from sqlalchemy import Engine, insert, update

from cim.access import Caller
from cim.tables import camera, layer, road
from tests.command import Done, cim
from tests.tiles.test_mvt import decode
from tiles.mvt import build_tile
from tiles.settle import settle
from tiles.signature import verify

Run = Callable[..., Done]
ADMIN = Caller("admin")


@pytest.fixture
def run(engine: Engine, database_url: str, tmp_path: Path) -> Run:
    """The command on a database with two roads and a camera that planners see."""
    with engine.begin() as connection:
        for key, line in (("R1", "114.2 22.69, 114.23 22.71"), ("R2", "114.3 22.6, 114.31 22.6")):
            geom = f"SRID=4490;MULTILINESTRING(({line}))"
            connection.execute(insert(road).values(layer_id="roads", source_key=key, name=f"路{key}", geom=geom))
        point = "SRID=4490;POINT(114.22 22.7)"
        connection.execute(insert(camera).values(layer_id="cameras", source_key="C", geom=point))
        connection.execute(update(layer).where(layer.c.id == "cameras").values(visibility="planner"))
        settle(connection)
    return partial(cim, tmp_path / "home", database_url)


def test_it_is_the_pack_of_that_layer_with_its_signature(run: Run, engine: Engine, tmp_path: Path) -> None:
    ours, same = tmp_path / "ours" / "道路.pmtiles", tmp_path / "same" / "道路.pmtiles"
    for file in (ours, same):
        file.parent.mkdir()
    done = run("export", "roads", str(ours), "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert run("tiles", "export", str(same), "--layer", "roads", "--role", "admin").returncode == 0
    assert ours.read_bytes() == same.read_bytes()
    assert verify(ours) == verify(same)
    assert (told["file"], told["signature"]) == ("道路.pmtiles", "道路.pmtiles.sig")
    assert sorted(file.name for file in ours.parent.iterdir()) == ["道路.pmtiles", "道路.pmtiles.sig"]
    with ours.open("rb") as opened, engine.connect() as connection:
        tiles = list(all_tiles(MmapSource(opened)))  # type: ignore[no-untyped-call]
        assert len(tiles) == told["tiles"] > 20
        for (z, x, y), body in tiles[::7]:
            assert gzip.decompress(body) == build_tile(connection, ["roads"], z, x, y, ADMIN)
            assert set(decode(gzip.decompress(body))) == {"roads"}
        assert [each["id"] for each in Reader(MmapSource(opened)).metadata()["vector_layers"]] == ["roads"]  # type: ignore[no-untyped-call]


def test_a_box_a_hidden_layer_and_a_file_that_is_there(run: Run, tmp_path: Path) -> None:
    whole, part = tmp_path / "whole.pmtiles", tmp_path / "part.pmtiles"
    assert run("export", "roads", str(whole)).returncode == 0
    assert run("export", "roads", str(part), "--bbox", "114.29,22.59,114.32,22.61").returncode == 0
    assert 0 < part.stat().st_size < whole.stat().st_size
    before = whole.read_bytes()
    taken = run("export", "roads", str(whole))
    assert (taken.returncode, "--overwrite" in taken.stderr) == (1, True)
    assert run("export", "cameras", str(whole), "--overwrite").returncode == 0
    assert whole.read_bytes() != before
    verify(whole)


@pytest.mark.parametrize(
    ("words", "says"),
    [(["nowhere", "a.pmtiles"], "no layer 'nowhere'"), (["units", "a.pmtiles"], "no vector tiles"),
     (["roads", "no/a.pmtiles"], "does not exist"), (["roads", "a.pmtiles", "--bbox", "1,2"], "west,south,east,north"),
     (["roads", "a.pmtiles", "--asof", "2026-01-31"], "leave out --asof"),
     (["roads", "a.pmtiles", "--by-dataset"], "--by-dataset"), (["roads", "a.pmtiles", "--crs", "EPSG:4547"], "--crs")],
)  # fmt: skip
def test_what_cannot_be_written_leaves_nothing(run: Run, tmp_path: Path, words: list[str], says: str) -> None:
    name, file, *more = words
    done = run("export", name, str(tmp_path / file), *more)
    assert done.returncode == 1
    assert says in done.stderr
    assert [path.name for path in tmp_path.iterdir() if path.name != "home"] == []
