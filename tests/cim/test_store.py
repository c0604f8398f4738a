"""Merging by source key: what is new, changed, the same, gone."""

from __future__ import annotations

import pytest
import shapely
from sqlalchemy import Connection, select, text

from cim.store import merge, stage
from cim.tables import resource

COLUMNS = ["layer_id", "source_key", "name", "capacity", "attributes", "geom"]


@pytest.fixture
def dataset_id(connection: Connection) -> int:
    connection.execute(
        text("insert into theme values ('store_test', '测试', 'Test') on conflict do nothing"),
    )
    connection.execute(
        text(
            "insert into layer (id, theme_id, title_zh, title_en, table_name, geometry_type)"
            " values ('store_test', 'store_test', '测', 'T', 'resource', 'point')"
        )
    )
    statement = text(
        "insert into dataset (name, file_name, format, checksum, size_bytes)"
        " values ('d', 'd.csv', 'CSV', '\\x00', 1) returning id"
    )
    return int(connection.execute(statement).scalar_one())


def _load(connection: Connection, dataset_id: int, rows: list[tuple[str, str, int]]) -> dict[str, int]:
    point = shapely.to_wkb(shapely.Point(114.2, 22.7), hex=True)
    staged = [("store_test", key, name, capacity, "{}", point) for key, name, capacity in rows]
    staging = stage(connection, resource, COLUMNS, staged)
    counts = merge(connection, resource, staging, COLUMNS, dataset_id=dataset_id, layer_id="store_test")
    return {key: value for key, value in vars(counts).items() if value}


def test_a_second_version_is_a_difference(connection: Connection, dataset_id: int) -> None:
    assert _load(connection, dataset_id, [("a", "医院", 5), ("b", "消防站", 2), ("c", "避难所", 9)]) == {
        "read": 3,
        "added": 3,
    }
    ids = dict(connection.execute(select(resource.c.source_key, resource.c.id)).all())
    assert _load(connection, dataset_id, [("a", "医院", 5), ("b", "消防站", 3), ("d", "医院二", 1)]) == {
        "read": 3,
        "added": 1,
        "changed": 1,
        "unchanged": 1,
        "removed": 1,
    }
    after = dict(connection.execute(select(resource.c.source_key, resource.c.id)).all())
    assert set(after) == {"a", "b", "d"}
    assert (after["a"], after["b"]) == (ids["a"], ids["b"])


def test_the_same_again_touches_no_row(connection: Connection, dataset_id: int) -> None:
    rows = [("a", "医院", 5), ("b", "消防站", 2)]
    _load(connection, dataset_id, rows)
    versions = connection.execute(text("select array_agg(xmin::text || ctid::text order by id) from resource"))
    before = versions.scalar_one()
    assert _load(connection, dataset_id, rows) == {"read": 2, "unchanged": 2}
    versions = connection.execute(text("select array_agg(xmin::text || ctid::text order by id) from resource"))
    assert versions.scalar_one() == before


def test_geometry_lands_in_the_stored_crs_and_in_mercator(connection: Connection, dataset_id: int) -> None:
    _load(connection, dataset_id, [("a", "医院", 5)])
    row = connection.execute(
        text("select ST_SRID(geom), ST_X(geom), ST_X(geom_3857) from resource where source_key = 'a'")
    ).one()
    assert row[0] == 4490
    assert row[1] == pytest.approx(114.2)
    assert row[2] == pytest.approx(114.2 * 20037508.342789244 / 180)
