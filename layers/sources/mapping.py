"""Mapping files: which column of an owner's file is which column of the model."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from sqlalchemy import Table
from sqlalchemy.types import BigInteger, Boolean, DateTime, Double, Integer, SmallInteger

from cim.errors import InvalidFile
from cim.tables import building, metadata, observation

_BRACKETS = re.compile(r"[(（\[【].*?[)）\]】]")
_SEPARATORS = re.compile(r"[\s_\-./]+")
_UNIT = re.compile(r"[(（\[【]\s*([^)）\]】]+?)\s*[)）\]】]\s*$")
#: metres of one unit
LENGTHS_M = {
    "m": 1.0, "米": 1.0, "mm": 1e-3, "毫米": 1e-3, "cm": 1e-2, "厘米": 1e-2, "dm": 0.1, "分米": 0.1, "km": 1e3,
    "公里": 1e3, "千米": 1e3, "ft": 0.3048, "inch": 0.0254, "英寸": 0.0254,
}  # fmt: skip


@dataclass(frozen=True)
class LayerMapping:
    """One target layer and how files speak of it; see the package ``layers.mappings``."""

    layer: str
    geometry: frozenset[str]
    names: tuple[str, ...]
    signature: frozenset[str]
    key: tuple[str, ...]
    columns: Mapping[str, tuple[str, ...]]
    weak_key: tuple[str, ...] = ()
    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    from_name: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    area_code: Mapping[str, Any] = field(default_factory=dict)
    mean: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    cim_level: int | None = None
    enough: float = 3.0
    source: str = ""
    needs: tuple[str, ...] = ()
    units: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Matched:
    """A mapping bound to the columns of one file.

    Attributes
    ----------
    columns
        Column of the model -> name of the file's column.
    factors
        Column of the model -> factor from the unit in the file column's brackets.
    key, weak_key
        Name of the file's column that identifies a row.
    """

    mapping: LayerMapping
    columns: dict[str, str]
    factors: dict[str, float]
    key: str | None
    weak_key: str | None


def read_mapping(document: Mapping[str, Any], name: str) -> LayerMapping:
    """Return a mapping from its TOML document; raises InvalidFile naming what is missing."""
    try:
        return LayerMapping(
            layer=document["layer"],
            geometry=frozenset(document.get("geometry", ["polygon", "line", "point"])),
            names=tuple(document.get("names", ())),
            signature=frozenset(document.get("signature", ())),
            key=tuple(document.get("key", ())),
            weak_key=tuple(document.get("weak_key", ())),
            columns={target: tuple(names) for target, names in document["columns"].items()},
            values=document.get("values", {}),
            from_name={
                column: {value: tuple(words) for value, words in found.items()}
                for column, found in document.get("from_name", {}).items()
            },
            defaults=document.get("defaults", {}),
            area_code=document.get("area_code", {}),
            mean={column: tuple(names) for column, names in document.get("mean", {}).items()},
            cim_level=document.get("cim_level"),
            enough=document.get("enough", 3.0),
            source=document.get("source", ""),
            needs=tuple(document.get("needs", ())),
            units=document.get("units", {}),
        )
    except (KeyError, AttributeError, TypeError) as error:
        raise InvalidFile(f"the mapping '{name}' needs 'layer' and a table 'columns': {error!r}") from None


@lru_cache(maxsize=1)
def shipped_mappings() -> tuple[LayerMapping, ...]:
    """Return the mappings that come with the program."""
    found = sorted((entry for entry in files("layers.mappings").iterdir() if entry.name.endswith(".toml")), key=str)
    return tuple(read_mapping(tomllib.loads(entry.read_text("utf-8")), entry.name) for entry in found)


def mapping_from_file(path: Path) -> LayerMapping:
    """Read an operator's mapping file; raises InvalidFile."""
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidFile(f"the mapping '{path.name}' cannot be read: {error}") from None
    return read_mapping(document, path.name)


def generic_mapping(layer_id: str) -> LayerMapping:
    """Return the mapping of a layer of generic features: a name, and all else an attribute."""
    return LayerMapping(
        layer=layer_id,
        geometry=frozenset({"polygon", "line", "point", "mixed", "none"}),
        names=(),
        signature=frozenset(),
        key=("@id", "编码", "编号", "code", "fid_", "gml_id", "osm_id", "uuid", "guid", "entityhandle"),
        weak_key=("id", "objectid", "fid", "adcode", "gid"),
        columns={"name": ("名称", "name", "title", "naam", "标题")},
    )


def plain(name: str) -> str:
    """Return a name without case, blanks, separators and brackets, for comparison."""
    return _SEPARATORS.sub("", _BRACKETS.sub("", name)).casefold()


def match_columns(mapping: LayerMapping, names: Iterable[str]) -> Matched:
    """Bind a mapping to the columns of a file."""
    known: dict[str, str] = {}
    for name in names:
        known.setdefault(plain(name), name)
    columns: dict[str, str] = {}
    for target, candidates in mapping.columns.items():
        found = next((known[plain(name)] for name in candidates if plain(name) in known), None)
        if found is not None:
            columns[target] = found
    factors = {
        target: factor
        for target, name in columns.items()
        if (factor := _factor(target, name, mapping.units.get(target))) not in (None, 1.0)
    }
    return Matched(
        mapping,
        columns,
        {target: factor for target, factor in factors.items() if factor is not None},
        next((known[plain(name)] for name in mapping.key if plain(name) in known), None),
        next((known[plain(name)] for name in mapping.weak_key if plain(name) in known), None),
    )


def kind_of(layer_id: str, table_name: str, column: str) -> str:
    """Return string | integer | number | boolean | datetime for a column of the model."""
    table = _typed_table(layer_id, table_name)
    if column not in table.c:
        return "string"
    found = table.c[column].type
    for kind, types in (
        ("integer", (SmallInteger, Integer, BigInteger)),
        ("number", (Double,)),
        ("boolean", (Boolean,)),
        ("datetime", (DateTime,)),
    ):
        if isinstance(found, types):
            return kind
    return "string"


def _typed_table(layer_id: str, table_name: str) -> Table:
    if layer_id == "observations":
        return observation
    return building if table_name == "building_source" else metadata.tables[f"cim.{table_name}"]


def _factor(target: str, name: str, unit: str | None) -> float | None:
    """Return the factor that the unit in brackets (else the mapping's) asks for: '管径(cm)' for diameter_mm is 10."""
    found = _UNIT.search(name)
    source = LENGTHS_M.get((found[1] if found else unit or "").casefold())
    wanted = LENGTHS_M.get(target.rsplit("_", 1)[-1])
    return source / wanted if source and wanted else None
