"""A layer is added by one command or one row, and says what is known of it."""

from __future__ import annotations

import json
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from cim.access import Caller
from cim.errors import InvalidInput, NotFound
from cim.layer_edit import Said, add_layer, change_layer
from layers.catalogue import get_layer, list_layers
from tests import command


def entry(connection: Connection, layer_id: str) -> dict[str, Any]:
    return next(item for item in list_layers(connection, Caller("admin")) if item["id"] == layer_id)


def test_a_layer_says_what_its_row_says(connection: Connection) -> None:
    said = Said("enforcement", "综合执法/Enforcement", "执法岗亭", "Posts", "城管局", "内部", "2024 普查",
                date(2024, 5, 1), "EPSG:4547", 0.5, "12-18", "#FF0000", "planner",
                ("岗亭类型:string:类型:Kind", "人数:integer"))  # fmt: skip
    add_layer(connection, "posts", "point", said)
    found = entry(connection, "posts")
    assert found["theme"] == {"id": "enforcement", "title": {"zh": "综合执法", "en": "Enforcement"}}
    assert found["title"] == {"zh": "执法岗亭", "en": "Posts"}
    assert [found[name] for name in ("owner", "licence", "source", "date", "crs", "accuracy_m", "visibility")] == [
        "城管局", "内部", "2024 普查", "2024-05-01", ["EPSG:4547"], 0.5, "planner",
    ]  # fmt: skip
    assert (found["min_zoom"], found["max_zoom"], found["style"]["color"]) == (12, 18, "#ff0000")
    assert found["fields"]["岗亭类型"] == {"type": "string", "title": {"zh": "类型", "en": "Kind"}}
    with pytest.raises(NotFound):
        get_layer(connection, "posts", Caller("viewer"))
    change_layer(connection, "posts", Said(visibility="viewer", fields=("电话:string",)))
    row = get_layer(connection, "posts", Caller("viewer"))
    assert (set(row.fields), row.version) == ({"岗亭类型", "人数", "电话"}, 2)


def test_one_row_is_enough(connection: Connection) -> None:
    connection.execute(
        text(
            "insert into layer (id, theme_id, title_zh, title_en, table_name, geometry_type)"
            " values ('wells', 'water', '水井', 'Wells', 'feature', 'point')"
        )
    )
    found = entry(connection, "wells")
    assert found["legend"][0]["color"].startswith("#")
    assert (found["crs"], found["accuracy_m"], found["owner"]) == ([], None, None)


def test_what_datasets_say_is_joined(connection: Connection) -> None:
    add_layer(connection, "wells", "point", Said(owner="水务局"))
    for name, crs, accuracy, owner, ballpark in (
        ("a", "EPSG:4547", 0.2, "old", False),
        ("b", "EPSG:4326", 1.5, None, True),
        ("c", "EPSG:4547", 0.1, "new", False),
    ):
        connection.execute(
            text(
                "insert into dataset (name, file_name, format, checksum, size_bytes, crs, accuracy_m, owner, licence,"
                " is_ballpark, report, recorded_at) values (:n, :n, 'GeoJSON', '', 1, :c, :a, :o, :o, :b, :r,"
                " now() + ascii(:n) * interval '1 s')"
            ),
            {"n": name, "c": crs, "a": accuracy, "o": owner, "b": ballpark, "r": '{"layers": {"wells": {}}}'},
        )
    found = entry(connection, "wells")
    assert (found["owner"], found["licence"]) == ("水务局", "new")
    assert (found["crs"], found["accuracy_m"], found["is_ballpark"]) == (["EPSG:4547", "EPSG:4326"], 1.5, True)


@pytest.mark.parametrize(
    "said",
    [Said(theme="none"), Said(zoom="9"), Said(zoom="12-10"), Said(zoom="0-30"), Said(color="red"), Said(crs="EPSG:0"),
     Said(visibility="everyone"), Said(fields=("a",)), Said(fields=("a:text",)), Said()],
)  # fmt: skip
def test_wrong_values_are_named(connection: Connection, said: Said) -> None:
    with pytest.raises(InvalidInput):
        change_layer(connection, "parking", said)


def test_ids(connection: Connection) -> None:
    with pytest.raises(InvalidInput, match="already"):
        add_layer(connection, "parking", "point", Said())
    with pytest.raises(InvalidInput, match="id"):
        add_layer(connection, "Bus stops", "point", Said())
    with pytest.raises(NotFound, match="add"):
        change_layer(connection, "bus_stops", Said(owner="x"))


def test_the_command(database_url: str, tmp_path: Path) -> None:
    cim = partial(command.cim, tmp_path / "home", database_url)

    done = cim("layers", "add", "bus_stops", "--geometry", "point", "--theme", "transport", "--title-zh", "公交站")
    assert done.returncode == 0, done.stderr
    assert cim("layers", "set", "bus_stops", "--date", "2024-01-31", "--field", "线路:string").returncode == 0
    path = tmp_path / "stops.geojson"
    path.write_text(
        '{"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {"线路": "M1"},'
        ' "geometry": {"type": "Point", "coordinates": [114.2, 22.7]}}]}',
        "utf-8",
    )
    assert cim("import", str(path), "--layer", "bus_stops").returncode == 0
    [found] = [row for row in json.loads(cim("layers", "--json").stdout) if row["id"] == "bus_stops"]
    assert (found["count"], found["date"], found["crs"], found["theme"]) == (
        1,
        "2024-01-31",
        ["EPSG:4326"],
        "transport",
    )
    assert "公交站" in cim("layers").stdout
    wrong = cim("layers", "set", "bus_stops", "--zoom", "x")
    assert (wrong.returncode, "zoom" in wrong.stderr) == (1, True)
