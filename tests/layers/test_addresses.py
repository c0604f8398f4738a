"""Addresses taken apart and matched, in Chinese and in pinyin: hand-made cases with their answers."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Connection, Engine, text

from cim.access import Caller
from cim.errors import InvalidFile
from layers.addresses import many
from layers.addresses.answer import find
from layers.addresses.canonical import canonical, numeral
from layers.addresses.command import match_file
from layers.addresses.gazetteer import read_addresses, variants_of
from layers.addresses.parse import parse
from layers.addresses.pinyin import pinyin_of
from layers.queries.search import search

if TYPE_CHECKING:
    from conftest import Ask, Take

PREFIX = "深圳市龙岗区龙城街道盛平社区"
#: key -> (name, address)
BUILDINGS = {
    1: ("清平花园1栋", f"{PREFIX}龙平大道12号清平花园1栋"),
    2: ("清平花园3栋", f"{PREFIX}龙平大道12号清平花园3栋"),
    3: ("清平花园13栋", f"{PREFIX}龙平大道12号清平花园13栋"),
    4: ("城村村1区2巷5号", f"{PREFIX}龙川三街11号城村村1区2巷5号"),
    5: ("城村村2区2巷5号", f"{PREFIX}龙川三街11号城村村2区2巷5号"),
    6: ("翔围工业园4号厂房", f"{PREFIX}布湖二街1号翔围工业园4号厂房"),
    7: ("龙岗中心大厦", f"{PREFIX}龙平大道88号"),
    8: ("清安花园3栋", "深圳市龙岗区布吉街道德兴社区重庆路7号清安花园3栋"),
    9: ("清平花园3栋", "深圳市龙岗区平湖街道岗头社区平安路5号清平花园3栋"),
    10: ("平安小区a座", "深圳市龙岗区平湖街道岗头社区平安路9号平安小区A座"),
    11: ("爱联学校", None),
}
ROOMS = {1: ["101", "501"], 2: ["101", "501", "1203"], 4: ["302"], 8: ["501"], 9: ["777"], 10: ["501"]}


@pytest.fixture
def town(connection: Connection) -> Connection:
    dataset = connection.execute(
        text(
            "insert into cim.dataset (name, file_name, format, checksum, size_bytes)"
            " values ('d', 'd', 't', '\\x00', 1) returning id"
        )
    ).scalar_one()
    for key, (name, address) in BUILDINGS.items():
        connection.execute(
            text(
                "insert into cim.building (layer_id, dataset_id, source_key, name, code, address, area_code, geom)"
                " values ('buildings', :d, :k, :n, :c, :a, :area, ST_Multi(ST_MakeEnvelope(:x, 22, :y, 22.001, 4490)))"
            ),
            {
                "d": dataset, "k": str(key), "n": name, "a": address, "c": f"B{key}", "x": 114 + key / 100,
                "y": 114 + key / 100 + 0.001, "area": "440307002" if key > 7 else "440307001",
            },
        )  # fmt: skip
    for key, rooms in ROOMS.items():
        for room in rooms:
            connection.execute(
                text(
                    "insert into cim.unit (layer_id, dataset_id, source_key, code, room, address, building_id)"
                    " select 'units', :d, :c, :c, :r, address || :r || '室', id from cim.building where source_key = :k"
                ),
                {"d": dataset, "c": f"B{key}-{room}", "r": room, "k": str(key)},
            )
    connection.execute(
        text(
            "insert into cim.road (layer_id, dataset_id, source_key, name, class, geom) values ('roads', :d, '1',"
            " '龙平大道', 'primary', ST_Multi(ST_GeomFromText('LINESTRING(114 22, 114.1 22)', 4490)))"
        ),
        {"d": dataset},
    )
    assert read_addresses(connection) == len(BUILDINGS)
    return connection


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("龙平大道１２号", "龙平大道12号"),
        ("清平花园十三幢", "清平花园13栋"),
        ("清平花园3号楼", "清平花园3栋"),
        ("清平花园3#楼501房", "清平花园3栋501室"),
        ("三单元二〇三室", "3单元203室"),
        ("一百二十号", "120号"),
        ("龙川3街", "龙川三街"),
        ("龙川三街", "龙川三街"),
        ("五联社区", "五联社区"),
        ("龙平大道 12 号", "龙平大道12号"),
        ("清平花园3栋，龙平大道12号", "清平花园3栋|龙平大道12号"),
        ("清平花园03栋0501室", "清平花园3栋0501室"),
        ("A座", "a栋"),
        ("", ""),
    ],
)
def test_one_spelling(written: str, expected: str) -> None:
    assert canonical(written) == expected
    assert canonical(expected) == expected


def test_numerals_of_streets() -> None:
    assert [numeral(n) for n in (1, 10, 11, 20, 25)] == ["一", "十", "十一", "二十", "二十五"]


@pytest.mark.parametrize(
    ("text_", "expected"),
    [
        (
            f"{PREFIX}龙平大道12号清平花园3栋2单元501室",
            "龙岗区 龙城街道 盛平社区 龙平大道 12 清平花园 3栋 2 501",
        ),
        ("清平花园3-2-501", "清平花园 3栋 2 501"),
        ("城村村一区二巷五号302", "城村村 1区2巷5号 302"),
        ("布湖二街1号翔围工业园4号厂房201室", "布湖二街 1 翔围工业园 4号厂房 201"),
        ("平安小区A座12楼1203室", "平安小区 a栋 12 1203"),
        ("清平花园二期5栋", "清平花园 2期5栋"),
        ("平湖街道德海社区岗村一街7号", "平湖街道 德海社区 岗村一街 7"),
        ("501室 3栋 清平花园 龙平大道12号", "龙平大道 12 清平花园 3栋 501"),
        ("爱联学校", "爱联学校"),
        ("", ""),
        ("12345", "12345"),
        ("号号号", "号号号"),
    ],
)
def test_the_parts(text_: str, expected: str) -> None:
    said = parse(text_).said()
    assert " ".join(said.values()) == expected


def test_pinyin_of_many_readings_by_the_word() -> None:
    assert pinyin_of("重庆路") == ("chongqinglu", "cql")
    assert pinyin_of("长安大厦") == ("changandasha", "cads")
    assert pinyin_of("绿景花园") == ("lvjinghuayuan", "ljhy")
    assert variants_of("龙平路") == ["平路", "龙平", "龙平路", "龙路"]


@pytest.mark.parametrize(
    ("asked", "building", "unit"),
    [
        (f"{PREFIX}龙平大道12号清平花园3栋501室", 2, "501"),
        ("龙平大道12号清平花园3栋", 2, None),
        ("龙平大道12号3栋501", 2, "501"),
        ("龙平大道１２号清平花园三幢５０１", 2, "501"),
        ("广东省深圳市龙岗龙城盛平龙平大道12号清平花园3号楼501房", 2, "501"),
        ("清平花园3栋501室，龙平大道12号，龙城街道", 2, "501"),
        ("龙坪大道12号清苹花园3栋", 2, None),  # the same sound
        ("龙平大到12号清平华园13栋", 3, None),
        ("龙平12号清平13栋", 3, None),  # closing words left out
        ("龙平大道12号清乎花园13栋", 3, None),  # one sign wrong
        ("清平花园3栋1203", 2, "1203"),  # of two estates of this name only one has the room
        ("平湖清平花园3栋", 9, None),  # the street without its closing word
        ("平湖街道清平花园3栋", 9, None),
        ("城村村1区2巷5号302", 4, "302"),
        ("龙川3街11号城村村二区二巷五号", 5, None),
        ("翔围工业园四号厂房", 6, None),
        ("龙平大道88号", 7, None),
        ("龙岗中心大厦", 7, None),
        ("龙岗中心大厦88楼", 7, None),
        ("重庆路7号清安花园3-501", 8, "501"),
        ("平安小区A座501", 10, "501"),
        ("平安小区a栋", 10, None),
        ("爱联学校", 11, None),
        ("qpehy3d", None, None),
        ("qahy3d501", 8, "501"),
        ("qinganhuayuan3dong", 8, None),
        ("Qing'an Huayuan 3", 8, None),
        ("lpdd88h", 7, None),
        ("longpingdadao88hao", 7, None),
        ("chongqinglu7", 8, None),
        ("ccc2q2x5h", 5, None),
    ],
)
def test_what_an_address_means(town: Connection, asked: str, building: int | None, unit: str | None) -> None:
    [found] = find(town, [asked])
    code = found["building"]["code"] if found["building"] else None
    room = found["unit"]["room"] if found["unit"] else None
    assert (code, room) == (f"B{building}" if building else None, unit), found
    if building:
        assert found["status"] == "matched"
        assert found["score"] >= 0.6
        assert found["reasons"]


@pytest.mark.parametrize(
    ("asked", "status", "count"),
    [
        ("清平花园", "ambiguous", 4),
        ("清平花园3栋", "ambiguous", 2),
        ("龙平大道12号", "ambiguous", 3),
        ("火星路1号", "none", 0),
    ],
)
def test_what_may_be_several_is_not_decided(town: Connection, asked: str, status: str, count: int) -> None:
    [found] = find(town, [asked])
    assert (found["status"], found["building"]) == (status, None)
    assert len([one for one in found["candidates"] if one["score"] >= 0.6]) == count


def test_a_building_that_is_not_there_is_not_replaced_by_its_neighbour(town: Connection) -> None:
    for asked in ("清平花园99栋", "龙平大道12号清平花园99栋", "龙平大道13号", "城村村9区9巷9号"):
        [found] = find(town, [asked])
        assert found["status"] != "matched", (asked, found)


def test_reasons_and_scores(town: Connection) -> None:
    exact, sounded, roomless = find(
        town, ["龙平大道12号清平花园13栋", "龙坪大道12号清平花园13栋", "龙平大道12号清平花园13栋999室"]
    )
    assert exact["score"] == 1.0
    assert {one["how"] for one in exact["reasons"]} == {"same"}
    assert sounded["score"] < 1.0
    assert {"part": "road", "asked": "龙坪大道", "found": "龙平大道", "how": "sound"} in sounded["reasons"]
    assert (roomless["unit"], roomless["score"]) == (None, 0.9)
    assert roomless["reasons"][-1]["how"] == "no unit has it"


def test_many_at_once_are_the_same_as_one_by_one(town: Connection) -> None:
    asked = [address for _, address in BUILDINGS.values() if address] + ["清平花园", "", "lpdd88h", "龙坪大道88号"] * 3
    assert find(town, asked) == [find(town, [one])[0] for one in asked]


def test_reading_again_changes_nothing_and_changes_are_read(town: Connection) -> None:
    assert read_addresses(town) == 0
    town.execute(text("update cim.building set address = '新安路3号', name = '新楼' where source_key = '7'"))
    assert read_addresses(town) == 1
    assert find(town, ["新安路3号"])[0]["building"]["code"] == "B7"
    town.execute(text("delete from cim.building where source_key in ('7', '8')"))
    town.execute(text("update cim.building set address = null, name = null where source_key = '11'"))
    assert read_addresses(town) == 0
    assert town.execute(text("select count(*) from cim.address")).scalar_one() == len(BUILDINGS) - 3
    assert find(town, ["新安路3号"])[0]["status"] == "none"


def test_search_knows_addresses_and_pinyin(town: Connection) -> None:
    def found(query: str, caller: Caller = Caller("admin"), **options: Any) -> list[tuple[str, str]]:  # noqa: B008
        return [(one["layer"], one["name"]) for one in search(town, query, caller, **options)["results"]]

    town.execute(
        text(
            "insert into cim.place_name (kind, name, pinyin, initials, variants)"
            " values ('name', '龙平大道', 'longpingdadao', 'lpdd', '{}') on conflict do nothing"
        )
    )
    assert found("龙平大道12号清平花园三幢501")[0] == ("units", "501")
    assert found("龙坪大道88号")[0] == ("buildings", "龙岗中心大厦")
    assert ("roads", "龙平大道") in found("lpdd")
    assert ("roads", "龙平大道") in found("longping")
    assert found("qahy")[0] == ("buildings", "清安花园3栋")
    assert found("qahy3d501")[0] == ("units", "501")
    # Neither area nor layers nor box of a caller are passed by.
    assert found("qahy", Caller("viewer", "440307001")) == []
    assert found("qahy3d501", layers=["roads"]) == []
    assert found("qahy", bbox=(110, 20, 111, 21)) == []


def test_a_file_of_addresses(town: Connection) -> None:
    source = io.StringIO("编号,地址\n1,龙平大道12号清平花园13栋\n2,清平花园\n3,重庆路7号清安花园3栋501\n")
    target = io.StringIO()

    def find_all(texts: Iterable[str]) -> Iterator[dict[str, Any]]:
        return iter(find(town, list(texts)))

    assert match_file(find_all, source, target) == 1
    rows = list(csv.DictReader(io.StringIO(target.getvalue())))
    assert [(row["编号"], row["status"], row["building_code"], row["unit_code"]) for row in rows] == [
        ("1", "matched", "B3", ""),
        ("2", "ambiguous", "", ""),
        ("3", "matched", "B8", "B8-501"),
    ]
    with pytest.raises(InvalidFile, match="--column"):
        match_file(find_all, io.StringIO("a,b\n1,2\n"), io.StringIO())


def test_many_addresses_come_in_their_order(
    take: Take, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "建筑.csv"
    rows = "".join(
        f"44030700100100000{n:02},清安花园{n}栋,18,重庆路7号清安花园{n}栋,114.1,22.6\n" for n in range(10, 40)
    )
    path.write_text("建筑编码,名称,地上层数,地址,经度,纬度\n" + rows, encoding="utf-8")
    take(path)
    monkeypatch.setattr(many, "CHUNK", 4)
    asked = [f"清安花园{n}栋" for n in (12, 11, 39, 10, 30, 33, 13, 14, 15, 16, 17, 18, 19, 20, 21, 38, 37, 11, 36)]
    found = list(many.find_many(engine, asked))
    assert [one["text"] for one in found] == asked
    with engine.connect() as connection:
        assert found == find(connection, asked)


def test_imports_keep_the_gazetteer(take: Take, ask: Ask, tmp_path: Path) -> None:
    path = tmp_path / "建筑.csv"
    header = "建筑编码,名称,地上层数,地址,经度,纬度\n"
    path.write_text(header + f"4403070010010000001,清平花园3栋,18,{BUILDINGS[2][1]},114.1,22.6\n", encoding="utf-8")
    shape = tmp_path / "footprints.geojson"
    shape.write_text(
        '{"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {"建筑编码":'
        ' "4403070010010000001"}, "geometry": {"type": "Polygon", "coordinates":'
        " [[[114.09, 22.59], [114.11, 22.59], [114.11, 22.61], [114.09, 22.61], [114.09, 22.59]]]}}]}",
        encoding="utf-8",
    )
    assert take(shape, layer="buildings").status == "imported"
    assert take(path, layer="buildings").status == "imported"
    assert ask("select road, number, estate, block from cim.address") == [("龙平大道", "12", "清平花园", "3栋")]
    assert ask("select name, initials from cim.place_name where kind = 'road'") == [("龙平大道", "lpdd")]
