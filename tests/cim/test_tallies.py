"""The kept counts of units and elements are those of the units and elements, whatever is done to these."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, Engine, text

UNITS = (
    "select building_id, layer_id, dataset_id, use, count(*), sum(area_m2) from cim.unit"
    " where building_id is not null group by 1, 2, 3, 4"
)
UNIT_TALLY = "select building_id, layer_id, dataset_id, use, units, area_m2 from cim.unit_tally"
ELEMENTS = (
    "select model_id, layer_id, dataset_id, ifc_class, count(*) from cim.element"
    " where model_id is not null and geom is not null group by 1, 2, 3, 4"
)
ELEMENT_TALLY = (
    "select model_id, x.* from cim.element_tally,"
    " jsonb_to_recordset(counts) x (layer_id text, dataset_id bigint, ifc_class text, elements bigint)"
)
OUTSIDE = (
    "select count(*) from cim.element e left join cim.element_tally t on t.model_id = e.model_id"
    " where e.model_id is not null and e.geom is not null and ST_Covers(t.bounds, e.geom) is not true"
)
BOX = "ST_MakeEnvelope(114 + {0} * 1e-4, 22.7, 114.0001 + {0} * 1e-4, 22.7001, 4490)"


def run(connection: Connection, *statements: str) -> None:
    for statement in statements:
        connection.execute(text(statement))


@pytest.fixture
def filled(engine: Engine) -> Iterator[Connection]:
    with engine.begin() as connection:
        run(
            connection,
            "insert into cim.building (layer_id, source_key) select 'buildings', n from generate_series(1, 9) n",
            "insert into cim.unit (layer_id, source_key, building_id, use, area_m2)"
            " select 'units', 100 * b.id + n, b.id, (array['住宅', '商业', null])[n % 3 + 1], n / 8.0"
            " from cim.building b, generate_series(1, 30) n",
            "insert into cim.model (layer_id, source_key, ifc_schema, status)"
            " select 'models', n, 'IFC4', 'placed' from generate_series(1, 4) n",
            "insert into cim.element (layer_id, source_key, model_id, ifc_class, geom)"
            f" select 'elements', 100 * m.id + n, m.id, (array['IfcWall', 'IfcSlab'])[n % 2 + 1],"
            f" case when n % 5 > 0 then {BOX.format('n')} end from cim.model m, generate_series(1, 40) n",
        )
    with engine.connect() as connection:
        yield connection


def assert_true(connection: Connection) -> None:
    for counted, kept in ((UNITS, UNIT_TALLY), (ELEMENTS, ELEMENT_TALLY)):
        expected = {tuple(row) for row in connection.execute(text(counted))}
        found = [tuple(row) for row in connection.execute(text(kept))]
        assert set(found) == expected
        assert len(found) == len(expected)
    assert connection.execute(text(OUTSIDE)).scalar_one() == 0


@pytest.mark.parametrize(
    "statement",
    [
        "select 1",
        "update cim.unit set use = '办公' where id % 4 = 0",
        "update cim.unit set area_m2 = area_m2 + 1, recorded_at = now()",
        "update cim.unit set building_id = (select max(id) from cim.building) where id % 3 = 0",
        "update cim.unit set building_id = null where id % 7 = 0",
        "delete from cim.unit where id % 2 = 0",
        "delete from cim.building where id = (select min(id) from cim.building)",
        "truncate cim.unit",
        "update cim.element set ifc_class = 'IfcDoor' where id % 4 = 0",
        f"update cim.element set geom = {BOX.format('id % 90')}",
        "update cim.element set geom = null where id % 2 = 0",
        "update cim.element set model_id = (select min(id) from cim.model)",
        "delete from cim.element where id % 3 = 0",
        "delete from cim.model where id = (select max(id) from cim.model)",
        "truncate cim.element cascade",
    ],
)
def test_a_statement_keeps_the_counts_true(filled: Connection, statement: str) -> None:
    run(filled, statement)
    assert_true(filled)


def test_what_does_not_count_is_not_counted_anew(filled: Connection) -> None:
    before = filled.execute(text("select min(xmin::text::bigint) from cim.unit_tally")).scalar_one()
    run(filled, "update cim.unit set name = 'A', recorded_at = now()", "update cim.element set name = 'A'")
    assert filled.execute(text("select max(xmin::text::bigint) from cim.unit_tally")).scalar_one() == before


def test_two_that_fill_the_same_buildings_wait_for_each_other(filled: Connection, engine: Engine) -> None:
    def add(batch: int) -> None:
        for step in range(5):
            with engine.begin() as connection:
                run(
                    connection,
                    "insert into cim.unit (layer_id, source_key, building_id, use, area_m2)"
                    f" select 'units', '{batch}/{step}/' || b.id, b.id, '住宅', 1 from cim.building b",
                )

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(4)))
    assert_true(filled)
