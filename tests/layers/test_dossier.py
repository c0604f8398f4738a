"""One building, one file."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, text

from cim.access import Caller
from cim.errors import NotFound
from cim.importing import AfterImport, ImportContext, ImportOptions
from cim.reports import WriteResult
from cim.settings import Settings
from layers.buildings.dossier import get_dossier
from layers.buildings.merge import merge_after_import

ADMIN = Caller("admin")


@pytest.fixture
def building_id(connection: Connection, settings: Settings) -> int:
    """A building merged from a footprint and a model that disagree, with three units, two storeys, one model."""
    run = connection.execute
    for name, kind, code, fields in (
        ("plan", "footprint", "4403070010010000001", '{"name": "大厦", "height_m": 54, "storeys_above": 18}'),
        ("tower.ifc", "ifc", None, '{"name": "大厦", "height_m": 61, "storeys_above": 20}'),
    ):
        dataset = run(
            text(
                "insert into cim.dataset (name, file_name, format, checksum, size_bytes)"
                " values (:n, :n, 't', '\\x00', 1) returning id"
            ),
            {"n": name},
        ).scalar_one()
        run(
            text(
                "insert into cim.building_source (dataset_id, source_key, kind, code, fields, geom)"
                " values (:d, 'k', :k,"
                " :c, cast(:f as jsonb), ST_MakeEnvelope(114, 22, 114.001, 22.001, 4490))"
            ),
            {"d": dataset, "k": kind, "c": code, "f": fields},
        )
        if kind == "ifc":
            run(
                text(
                    "with m as (insert into cim.model (layer_id, dataset_id, source_key, name, ifc_schema, status,"
                    " element_count) values ('models', :d, 'm', 'tower', 'IFC4', 'placed', 7) returning id)"
                    " insert into cim.storey (layer_id, dataset_id, source_key, name, number, elevation_m, model_id)"
                    " select 'storeys', :d, n, n, e, e, id from m, (values ('2F', 3), ('1F', 0)) v (n, e)"
                ),
                {"d": dataset},
            )
        after = AfterImport(dataset, kind, WriteResult(), ImportContext(ImportOptions(), settings))
        merge_after_import(connection, after)
    (number,) = run(text("select id from cim.building")).scalars()
    run(
        text(
            "insert into cim.unit (layer_id, source_key, building_id, use, area_m2) values"
            " ('units', '1', :b, '住宅', 80.5),"
            " ('units', '2', :b, '住宅', 60), ('units', '3', :b, '商铺', null)"
        ),
        {"b": number},
    )
    return int(number)


def test_the_file_of_a_building(connection: Connection, building_id: int) -> None:
    answer = get_dossier(connection, building_id, ADMIN)
    assert answer["building"]["attributes"]["height_m"] == 61
    assert answer["building"]["fields"]["height_m"]["kind"] == "ifc"
    assert answer["building"]["attributes"]["conflicts"] == 2
    footprint, model = answer["sources"]
    assert (footprint["kind"], footprint["dataset"], footprint["score"]) == ("footprint", "plan", 1)
    assert footprint["fields"]["code"] == "4403070010010000001"
    assert (model["kind"], model["reason"]["overlap"]) == ("ifc", 1)
    height, storeys = answer["conflicts"]
    assert (height["field"], height["chosen"], height["status"]) == ("height_m", 61, "open")
    assert {(value["kind"], value["value"]) for value in storeys["values"]} == {("footprint", 18), ("ifc", 20)}
    assert answer["units"] == {
        "count": 3,
        "by_use": {"住宅": 2, "商铺": 1},
        "area_m2": 140.5,
        "list": f"/ogc/collections/units/items?building_id={building_id}",
    }
    assert [storey["name"] for storey in answer["storeys"]] == ["1F", "2F"]
    assert [(entry["name"], entry["elements"]) for entry in answer["models"]] == [("tower", 7)]


def test_small_counts_are_for_commanders(connection: Connection, building_id: int) -> None:
    run = connection.execute
    run(text('update cim.building_source set fields = fields || \'{"households": 3, "legal_entities": 12}\''))
    run(text("update cim.building set households = 3, legal_entities = 12"))
    low, high = (get_dossier(connection, building_id, Caller(role)) for role in ("planner", "commander"))
    assert high["people"] == {"households": 3, "residents": None, "legal_entities": 12, "suppressed": []}
    assert low["people"] == {"households": None, "residents": None, "legal_entities": 12, "suppressed": ["households"]}
    assert (high["units"]["count"], high["units"]["by_use"]) == (3, {"住宅": 2, "商铺": 1})
    assert (low["units"]["count"], low["units"]["by_use"]) == (None, {"住宅": None, "商铺": None})
    assert {source["fields"]["households"] for source in high["sources"]} == {3}
    assert {source["fields"]["households"] for source in low["sources"]} == {None}
    assert low["building"]["attributes"]["households"] is None
    assert high["building"]["attributes"]["households"] == 3
    # eight more dwellings: what is hidden is shops and dwellings together, eleven
    run(
        text(
            "insert into cim.unit (layer_id, source_key, building_id, use)"
            " select 'units', 'n' || n, :b, '住宅' from generate_series(1, 8) n"
        ),
        {"b": building_id},
    )
    units = get_dossier(connection, building_id, Caller("viewer"))["units"]
    assert (units["count"], units["by_use"]) == (11, {"住宅": None, "商铺": None})


def test_hidden_units_stay_hidden(connection: Connection, building_id: int) -> None:
    connection.execute(text("update cim.layer set visibility = 'commander' where id in ('units', 'models')"))
    answer = get_dossier(connection, building_id, Caller("viewer"))
    assert answer["units"] is None
    assert answer["models"] == []


def test_what_is_no_building_has_no_file(connection: Connection, building_id: int) -> None:
    (storey, *_) = connection.execute(text("select id from cim.storey")).scalars()
    for number in (storey, 0, 10**12):
        with pytest.raises(NotFound, match=str(number)):
            get_dossier(connection, number, ADMIN)
