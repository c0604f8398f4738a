"""Registers made by hand, through the whole import."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest
from pyproj import Transformer
from sqlalchemy import Engine, text

from layers.sources import register
from layers.sources.convert import time_of
from layers.sources.coordinates import find_axes
from layers.sources.delimited import find_dialect

SENSORS = "设备编码,名称,类型,经度,纬度,高程,单位,上报间隔秒,建筑编码\n"


def write(path: Path, text_: str, encoding: str = "utf-8-sig") -> Path:
    path.write_bytes(text_.encode(encoding))
    return path


def test_cameras_come_in_with_their_directions(take: Any, ask: Any, tmp_path: Path) -> None:
    path = write(
        tmp_path / "cameras.csv",
        "设备编码,名称,经度,纬度,安装高度,方位角,俯仰角,水平视场角,可视距离,类别,权属单位,状态\n"
        "44030700011320000001,深昌大道1号,114.24377166,22.70456469,6.6,196.1,-22.1,46,60,一类,交警大队,在线\n"
        "44030700011320000002,锦兴三街2号,,22.71704797,8.1,77.3,-20.2,46,80,二类,城管局,在线\n"
        "44030700011320000003,锦兴三街3号,东经,22.7,8.1,77.3,-20.2,46,80,二类,城管局,在线\n"
        "44030700011320000004,锦兴三街4号,22.7,114.2,8.1,77.3,-20.2,46,80,二类,城管局,在线\n"
        "44030700011320000005,多了一格,114.2,22.7,8.1,77.3,-20.2,46,80,二类,城管局,在线,多余\n"
        "44030700011320000001,重复,114.2,22.7,8.1,77.3,-20.2,46,80,二类,城管局,在线\n",
    )
    report = take(path)
    counts = report.layers["cameras"]
    assert (counts.read, counts.added, counts.quarantined) == (6, 1, 5)
    assert ask("select place, reason from quarantine order by place") == [
        ("row 3", "missing_geometry"),
        ("row 4", "unreadable_geometry"),
        ("row 5", "swapped_axes"),
        ("row 6", "wrong_cell_count"),
        ("row 7", "duplicate_key"),
    ]
    [row] = ask("select *, ST_X(geom) x, ST_Y(geom) y from camera")
    assert (row.code, row.azimuth_deg, row.tilt_deg, row.hfov_deg, row.range_m) == (
        "44030700011320000001", 196.1, -22.1, 46.0, 60.0,
    )  # fmt: skip
    assert (row.mount_height_m, row.name, row.owner, row.state) == (6.6, "深昌大道1号", "交警大队", "在线")
    assert (row.x, row.y) == (114.24377166, 22.70456469)
    assert any(note.code == "assumed_crs" for note in report.notes)


def test_a_register_of_swapped_columns_is_refused(take: Any, ask: Any, tmp_path: Path) -> None:
    path = write(
        tmp_path / "shelters.csv", "编码,名称,经度,纬度,容量\nB1,甲,22.70181421,114.20417392,17\nB2,乙,22.7,114.21,13\n"
    )
    report = take(path)
    assert report.status == "refused"
    assert "22.70181421, 114.2041739" in report.error
    assert "swapped" in report.error
    assert ask("select count(*) from dataset") == [(0,)]


def test_swapped_columns_are_seen_against_the_known_district(
    take: Any, ask: Any, engine: Engine, tmp_path: Path
) -> None:
    """In Liechtenstein both orders are places on earth."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "insert into building (layer_id, source_key, geom) values ('buildings', 'b',"
                " ST_SetSRID(ST_Multi(ST_MakeEnvelope(9.47, 47.05, 9.63, 47.27)), 4490))"
            )
        )
    report = take(write(tmp_path / "parking.csv", "编码,名称,lon,lat,capacity\nP1,a,47.1,9.5,10\nP2,b,47.2,9.55,20\n"))
    assert report.status == "refused"
    assert "exchange" in report.error
    right = take(write(tmp_path / "parking.csv", "编码,名称,lon,lat,capacity\nP1,a,9.5,47.1,10\nP2,b,9.55,47.2,20\n"))
    assert right.layers["parking"].added == 2
    assert ask("select sum(capacity) from parking") == [(30,)]


def test_gbk_text_is_read(take: Any, ask: Any, tmp_path: Path) -> None:
    path = write(tmp_path / "停车场.csv", "编码,名称,经度,纬度,总车位\nT1,同丰新城停车场,114.2,22.7,613\n", "gbk")
    report = take(path)
    assert any(note.code == "guessed_encoding" for note in report.notes)
    assert ask("select name, capacity from parking") == [("同丰新城停车场", 613)]


def test_units_find_their_building(take: Any, ask: Any, tmp_path: Path) -> None:
    buildings = write(
        tmp_path / "buildings.csv",
        "建筑编码,名称,地上层数,高度,用途,地址,住户数,经度,纬度\n4403070010010000001,甲,4,13.3,住宅,某路1号,4,114.2,22.7\n",
    )
    units = write(
        tmp_path / "units.csv",
        "单元编码,建筑编码,地址,楼层,房号,面积,用途\n"
        "U1,4403070010010000001,某路1号101室,1,101,34.7,住宅\n"
        "U2,4403070010010000001,某路1号102室,1,102,四十,住宅\n"
        "U1,4403070010010000001,某路1号103室,1,103,40,住宅\n",
    )
    report = take(buildings)
    assert report.layers["buildings"].read == 1
    [source] = ask("select kind, fields from building_source")
    assert source.kind == "register"
    assert source.fields["households"] == 4
    counts = take(units).layers["units"]
    assert (counts.read, counts.added, counts.quarantined) == (3, 2, 1)
    rows = ask(
        "select code, building_code, storey_number, room, area_m2, area_code, attributes from unit order by code"
    )
    assert tuple(rows[0]) == ("U1", "4403070010010000001", 1, "101", 34.7, "440307001001", {})
    assert (rows[1].area_m2, rows[1].attributes) == (None, {"面积": "四十"})


def test_observations_may_come_before_their_sensors(take: Any, ask: Any, tmp_path: Path) -> None:
    readings = write(
        tmp_path / "observations.csv",
        "设备编码,时间,值\n"
        "S1,2026-03-01T00:00:00+08:00,1.5\nS1,2026-03-01T00:05:00+08:00,1.7\nS2,2026-03-01T00:00:00+08:00,9\n"
        "S1,2026-02-28T16:00:00+00:00,1.6\nS2,gestern,1\nS2,2026-03-01T00:05:00+08:00,\n",
    )
    counts = take(readings).layers["observations"]
    assert (counts.read, counts.added, counts.quarantined) == (6, 3, 3)
    assert ask("select place, reason from quarantine order by place") == [
        ("row 5", "duplicate_key"),
        ("row 6", "missing_value"),
        ("row 7", "missing_value"),
    ]
    assert ask("select code, state, geom from sensor order by code") == [
        ("S1", "unregistered", None),
        ("S2", "unregistered", None),
    ]
    ids = ask("select id from sensor order by code")
    sensors = write(
        tmp_path / "sensors.csv", SENSORS + "S1,水位一,水位,114.2,22.7,21.9,m,300,\nS3,雨量,雨量,114.21,22.7,,mm,300,\n"
    )
    counts = take(sensors).layers["sensors"]
    assert (counts.read, counts.added, counts.changed) == (2, 1, 1)
    rows = ask("select id, code, name, state, kind from sensor order by code")
    assert [(row.code, row.name, row.state, row.kind) for row in rows] == [
        ("S1", "水位一", None, "水位"),
        ("S2", None, "unregistered", None),
        ("S3", "雨量", None, "雨量"),
    ]
    assert rows[0].id == ids[0].id
    assert ask("select value from last_observation where sensor_id = :id", id=rows[0].id) == [(1.7,)]


def test_more_observations_add_and_change(take: Any, ask: Any, tmp_path: Path) -> None:
    take(
        write(
            tmp_path / "observations.csv",
            "设备编码,时间,值\nS1,2026-03-01T00:00:00+08:00,1\nS1,2026-03-01T01:00:00+08:00,2\n",
        )
    )
    newer = "设备编码,时间,值\nS1,2026-03-01T01:00:00+08:00,3\nS1,2026-03-01T02:00:00+08:00,4\n"
    counts = take(write(tmp_path / "observations.csv", newer)).layers["observations"]
    assert (counts.added, counts.changed, counts.unchanged, counts.removed) == (1, 1, 0, 0)
    assert [row[0] for row in ask("select value from observation order by phenomenon_time")] == [1.0, 3.0, 4.0]
    assert ask("select value from last_observation") == [(4.0,)]


def test_events_stay_and_known_ones_are_not_taken_twice(take: Any, ask: Any, engine: Engine, tmp_path: Path) -> None:
    header = "事件编号,来源,类型,标题,描述,等级,发生时间,经度,纬度,地址\n"
    row = "{},12345,积水,某处积水,描述,一般,2026-03-01T00:12:15+08:00,114.2,22.7,某路\n"
    with engine.begin() as connection:
        connection.execute(
            text("insert into event (layer_id, source_key, source, title) values ('events', 'E2', '12345', '先到')")
        )
    counts = take(write(tmp_path / "events.csv", header + row.format("E1") + row.format("E2"))).layers["events"]
    assert (counts.read, counts.added, counts.unchanged) == (2, 1, 1)
    take(write(tmp_path / "events.csv", header + row.format("E3")))
    assert ask("select source_key, title from event order by source_key") == [
        ("E1", "某处积水"), ("E2", "先到"), ("E3", "某处积水"),
    ]  # fmt: skip
    [event] = ask("select severity, occurred_at, state from event where source_key = 'E1'")
    assert (event.severity, event.state) == (4, "collect")
    assert event.occurred_at == datetime.datetime(2026, 2, 28, 16, 12, 15, tzinfo=datetime.UTC)


def test_plane_coordinates_need_a_crs(take: Any, ask: Any, tmp_path: Path) -> None:
    path = write(tmp_path / "wells.csv", "no,x,y,depth\n1,522000,2511000,12.5\n2,522100,2511100,8\n")
    report = take(path)
    assert report.status == "refused"
    assert "--crs" in report.error
    assert take(path, crs="EPSG:4547").layers["wells"].added == 2
    found = ask("select ST_X(geom), ST_Y(geom) from feature where attributes ->> 'no' = '1'")[0]
    assert tuple(found) == pytest.approx(Transformer.from_crs(4547, 4490, always_xy=True).transform(522_000, 2_511_000))
    assert ask("select geometry_type from layer where id = 'wells'") == [("point",)]


def test_a_table_of_nothing_known_is_refused(take: Any, tmp_path: Path) -> None:
    report = take(write(tmp_path / "prices.csv", "product,price\napple,3\npear,4\n"))
    assert report.status == "refused"
    assert "product, price" in report.error


def test_batches_do_not_show(take: Any, ask: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(register, "BATCH_ROWS", 3)
    lines = "".join(f"S{n % 9},名,水位,114.2,22.7,1,m,300,\n" for n in range(10))
    counts = take(write(tmp_path / "sensors.csv", SENSORS + lines)).layers["sensors"]
    assert (counts.read, counts.added, counts.quarantined) == (10, 9, 1)
    assert ask("select place from quarantine") == [("row 11",)]


# -- the parts ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        b"ISO-10303-21;\nHEADER;\n",
        b"Dear sir, thank you\nfor your letter of May.\n",
        b"1,2,3\n4,5,6\n",
        b'{"a": 1, "b": 2}\n',
        b"name,name\n1,2\n",
        b"a,b\n",
        b"\x00\x01,\x02\n",
    ],
)
def test_no_tables(content: bytes) -> None:
    assert find_dialect(content) is None


def test_tables() -> None:
    dialect = find_dialect("名称;经度;纬度\n甲;1;2\n".encode("gb18030"))
    assert dialect is not None
    assert (dialect.encoding, dialect.delimiter, dialect.header) == ("gb18030", ";", ("名称", "经度", "纬度"))
    quoted = find_dialect(b'name,note\n"a","one, two\nthree"\n')
    assert quoted is not None


def test_axes() -> None:
    axes = find_axes(["X", "Y", "Longitude", "Latitude"])
    assert axes is not None
    assert (axes.x, axes.y, axes.is_geographic) == ("Longitude", "Latitude", True)
    assert find_axes(["经度", "y"]) is None


def test_times() -> None:
    assert time_of("2026/03/01 08:00:00") == datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)
    assert time_of("2026-03-01T08:00:00+08:00") == datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)
    assert time_of("昨天") is None
