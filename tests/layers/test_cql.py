"""Filters in CQL2 text, compared with the same questions asked of the same rows in Python."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import ifcopenshell.ifcopenshell_wrapper as wrapper
import orjson
import pytest
from sqlalchemy import Connection, select, text

from cim.access import Caller
from cim.errors import Forbidden, InvalidInput
from cim.tables import element
from layers.catalogue import LayerRow, get_layer
from layers.queries.cql import condition
from layers.queries.ifc_classes import with_subtypes
from layers.queries.items import ItemsQuery, list_items

CLASSES = ["IfcWall", "IfcWallStandardCase", "IfcSlab", "IfcDoor"]


@pytest.fixture
def rows(connection: Connection) -> list[dict[str, Any]]:
    """All combinations of class, rating, outside, width and status; some with nothing at all."""
    made = []
    combinations = itertools.product(CLASSES, ["F30", "F90", None], [True, False, None], [0.1, 0.3, None])
    for number, (kind, rating, outside, width) in enumerate(combinations):
        common = {
            "FireRating": rating,
            "IsExternal": outside,
            "Status": ["NEW", "TEMPORARY"] if number % 3 else ["OLD"],
        }
        made.append(
            {
                "source_key": str(number),
                "ifc_class": kind,
                "name": f"墙 O'Brien_{number}" if number % 2 else f"wall 100% {number}",
                "psets": {
                    "Pset_WallCommon": {k: v for k, v in common.items() if v is not None},
                    "建筑 信息": {"a.b": number},
                },
                "quantities": {"Base": {"Width": width}} if width is not None else {},
                "materials": [{"name": "C30"}, {"name": "steel"}] if number % 4 == 0 else [],
                "min_height_m": float(number),
            }
        )
    for row in made:
        connection.execute(
            text(
                "insert into cim.element"
                " (layer_id, source_key, ifc_class, name, psets, quantities, materials, min_height_m)"
                " values ('elements', :source_key, :ifc_class, :name, :psets, :quantities, :materials, :min_height_m)"
            ),
            {k: orjson.dumps(v).decode() if isinstance(v, dict | list) else v for k, v in row.items()},
        )
    return made


def wall(row: dict[str, Any]) -> bool:
    return row["ifc_class"] in ("IfcWall", "IfcWallStandardCase")


def common(row: dict[str, Any], name: str) -> Any:
    return row["psets"]["Pset_WallCommon"].get(name)


def width(row: dict[str, Any]) -> float | None:
    return row["quantities"].get("Base", {}).get("Width")


QUESTIONS: list[tuple[str, Callable[[dict[str, Any]], bool]]] = [
    ("IfcWall", wall),
    ("ifc_class = 'IfcWall'", wall),
    ("ifc_class LIKE 'IfcWall'", lambda r: r["ifc_class"] == "IfcWall"),
    ("ifc_class <> 'IfcWall'", lambda r: not wall(r)),
    ("ifc_class IN ('IfcSlab', 'ifcdoor')", lambda r: r["ifc_class"] in ("IfcSlab", "IfcDoor")),
    ("IfcWall and psets.Pset_WallCommon.IsExternal = true", lambda r: wall(r) and common(r, "IsExternal") is True),
    ("psets.Pset_WallCommon.IsExternal = false", lambda r: common(r, "IsExternal") is False),
    ("NOT psets.Pset_WallCommon.IsExternal = true", lambda r: common(r, "IsExternal") is False),
    ("psets.Pset_WallCommon.FireRating IS NULL", lambda r: common(r, "FireRating") is None),
    ("psets.Pset_WallCommon.FireRating <> 'F30'", lambda r: common(r, "FireRating") == "F90"),
    ("psets.Pset_WallCommon.FireRating IN ('F30', 'F90')", lambda r: common(r, "FireRating") is not None),
    ("psets.Pset_WallCommon.FireRating NOT IN ('F30')", lambda r: common(r, "FireRating") == "F90"),
    ("psets.Pset_WallCommon.Status = 'TEMPORARY'", lambda r: "TEMPORARY" in common(r, "Status")),
    ("CASEI(psets.Pset_WallCommon.FireRating) = CASEI('f90')", lambda r: common(r, "FireRating") == "F90"),
    ("quantities.Base.Width > 0.1", lambda r: (width(r) or 0) > 0.1),
    ("0.1 >= quantities.Base.Width", lambda r: width(r) is not None and width(r) <= 0.1),
    ("quantities.Base.Width between 0.05 and 0.2", lambda r: width(r) == 0.1),
    ("\"psets.建筑 信息.a\\.b\" >= 50", lambda r: r["psets"]["建筑 信息"]["a.b"] >= 50),
    ("materials.name = 'steel'", lambda r: bool(r["materials"])),
    ("materials.name LIKE 'C%'", lambda r: bool(r["materials"])),
    ("name LIKE '墙 O''Brien\\_%'", lambda r: r["name"].startswith("墙 O'Brien_")),
    ("name LIKE '%100\\% _'", lambda r: r["name"].startswith("wall") and len(r["name"].split()[-1]) == 1),
    ("min_height_m < 5 OR min_height_m > 100 AND IfcDoor", lambda r: r["min_height_m"] < 5
        or (r["min_height_m"] > 100 and r["ifc_class"] == "IfcDoor")),
    ("(min_height_m < 5 OR min_height_m > 100) AND IfcDoor", lambda r: (r["min_height_m"] < 5
        or r["min_height_m"] > 100) and r["ifc_class"] == "IfcDoor"),
]  # fmt: skip


def elements(connection: Connection) -> LayerRow:
    return get_layer(connection, "elements", Caller("admin"))


def test_the_same_answers_as_python(connection: Connection, rows: list[dict[str, Any]]) -> None:
    layer = elements(connection)
    for asked, expected in QUESTIONS:
        found = connection.execute(select(element.c.source_key).where(condition(layer, asked))).scalars().all()
        right = {row["source_key"] for row in rows if expected(row)}
        assert right, asked
        assert len(right) < len(rows), asked
        assert set(found) == right, asked


def test_pages_of_items_are_filtered(connection: Connection, rows: list[dict[str, Any]]) -> None:
    layer = elements(connection)
    names, cursor = [], None
    while True:
        page = list_items(
            connection, layer, ItemsQuery(limit=7, cursor=cursor, cql="IfcDoor", count_matched=True), Caller("admin")
        )
        assert page.number_matched == len(rows) // 4
        names += [feature["properties"]["ifc_class"] for feature in orjson.loads(page.body)]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert names == ["IfcDoor"] * (len(rows) // 4)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("IfcWal", "did you mean IfcWall"),
        ("name == 'x'", "character 7"),
        ("name = ", "the end"),
        ("(name = 'x'", "the end"),
        ("secret = 1", "no property of 'elements'"),
        ("content_hash = 'x'", "no property of 'elements'"),
        ("attributes.secret = 1", "no property of 'elements'"),
        ("psets. = 1", "character"),
        ("min_height_m = 'high'", "a number is right"),
        ("name = min_height_m", "on one side"),
        ("1 = 1", "on one side"),
        ("name = 'x'; drop table cim.element", "character 11"),
        ("(" * 40 + "name = 'x'" + ")" * 40, "nested too deeply"),
        ("name = 'x' or " * 250 + "name = 'y'", "200 terms"),
        ("name = '" + "x" * 5000 + "'", "4000"),
        ("name = 'a\x00'", "NUL"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(connection: Connection, asked: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said.replace("(", r"\(")):
        condition(elements(connection), asked)


def test_quotes_and_operators_in_paths_are_names(connection: Connection, rows: list[dict[str, Any]]) -> None:
    layer = elements(connection)
    for path in ('psets.a""b.c', "psets.$.x", "psets.a ? (@ == 1).b", "psets.a[*].b", "psets.a'b.c"):
        found = connection.execute(select(element.c.id).where(condition(layer, f'"{path}" = 1'))).all()
        assert found == [], path


def test_the_class_tree_is_that_of_the_schemas() -> None:
    for schema in ("IFC2X3", "IFC4", "IFC4X3_ADD2"):
        above: dict[str, set[str]] = {}
        for declaration in wrapper.schema_by_name(schema).entities():
            chain, entity = [], declaration
            while entity is not None:
                chain.append(entity.name())
                entity = entity.supertype()
            above[declaration.name()] = set(chain)
        for name, chain_of in above.items():
            if "IfcProduct" in chain_of or "IfcGroup" in chain_of:
                kinds = {one for one, chain in above.items() if name in chain}
                assert kinds <= set(with_subtypes(name)), (schema, name)
    assert with_subtypes("IfcWall") == ["IfcWall", "IfcWallElementedCase", "IfcWallStandardCase"]


def test_what_may_not_be_seen_may_not_be_asked(connection: Connection) -> None:
    with pytest.raises(Forbidden, match="tag"):
        condition(elements(connection), "name = 'x' OR NOT tag = '1'", hidden={"tag"})
    with pytest.raises(Forbidden, match="tag"):
        condition(elements(connection), "CASEI(tag) = 'a'", hidden={"tag"})
