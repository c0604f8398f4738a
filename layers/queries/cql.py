r"""Filters in CQL2 text as conditions over one layer: its allow-listed fields, and what is inside its JSON.

Names are fields of the layer, or paths like ``psets.Pset_WallCommon.FireRating``, ``quantities.BaseQuantities.Width``,
``materials.name``, ``classification.code`` (a dot within a name is written ``\.``; names with blanks stand in double
quotes, the whole path in one pair); ``member_of`` is the id or the name of a system or zone. A value that is a list
fits where one of its items does. As in SQL, a comparison with a missing value is neither true nor false.
``ifc_class = 'IfcWall'``, or ``IfcWall`` alone, means all kinds of walls, IfcWallStandardCase too;
``ifc_class LIKE 'IfcWall'`` means that very class. All values are bound, names are looked up.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from pygeofilter import ast  # type: ignore[import-untyped]
from sqlalchemy import (
    ColumnElement,
    DateTime,
    Double,
    String,
    Table,
    Text,
    and_,
    case,
    cast,
    false,
    func,
    not_,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB, JSONPATH

from cim.errors import Forbidden, InvalidInput
from cim.tables import element_group, object_link
from layers.catalogue import LayerRow
from layers.queries.cql_parser import Folded, IfcClass, parse
from layers.queries.ifc_classes import with_subtypes
from layers.queries.visible import INTERNAL, field_text, field_value, table_of

Condition = ColumnElement[bool]
#: JSON that paths may lead into, by the column or by the key of ``attributes``.
ROOTS = ("psets", "quantities", "materials", "classification", "documents", "ports", "type")
MAX_TERMS = 200
_SIGNS = {
    ast.Equal: "==",
    ast.NotEqual: "<>",
    ast.LessThan: "<",
    ast.LessEqual: "<=",
    ast.GreaterThan: ">",
    ast.GreaterEqual: ">=",
}
_FLIPPED = {"==": "==", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_COMPARE: dict[str, Callable[[Any, Any], Condition]] = {
    "==": lambda left, right: left == right,
    "<>": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}


def condition(layer: LayerRow, text: str, hidden: Collection[str] = ()) -> Condition:
    """Return the condition that a filter means for the objects of a layer.

    Parameters
    ----------
    hidden
        Fields that the caller may not see, and so may not ask for either.

    Raises
    ------
    InvalidInput
        Naming what is wrong, where, and what would be right.
    Forbidden
    """
    return _Reader(layer, hidden).condition(parse(text))


@dataclass(frozen=True)
class _Field:
    """A field of the layer, as a column of the type that the catalogue says."""

    name: str
    kind: str
    value: Any

    def compare(self, sign: str, value: Any, is_folded: bool) -> Condition:
        if is_folded:
            return _COMPARE[sign](func.lower(cast(self.value, Text)), func.lower(value))
        return _COMPARE[sign](self.value, self._typed(value))

    def like(self, pattern: str, is_folded: bool) -> Condition:
        text = cast(self.value, Text)
        found: Condition = text.ilike(pattern, escape="\\") if is_folded else text.like(pattern, escape="\\")
        return found

    def is_null(self) -> Condition:
        found: Condition = self.value.is_(None)
        return found

    def _typed(self, value: Any) -> Any:
        wanted = {"integer": (int, float), "number": (int, float), "boolean": (bool,)}.get(self.kind, (str,))
        if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
            right = {"integer": "a number", "number": "a number", "boolean": "true or false"}
            raise InvalidInput(f"'{self.name}' is compared with {value!r}; {right.get(self.kind, 'a text')} is right")
        if self.kind == "datetime":
            try:
                return cast(datetime.fromisoformat(str(value)), DateTime(timezone=True))
            except ValueError:
                raise InvalidInput(f"'{self.name}' is compared with '{value}'; use a time as in RFC 3339") from None
        return value


@dataclass(frozen=True)
class _Path:
    """Something inside a JSON column, by an SQL/JSON path in lax mode (lists are looked into)."""

    column: Any
    path: str

    def compare(self, sign: str, value: Any, is_folded: bool) -> Condition:
        if is_folded:
            if sign not in ("==", "<>"):
                raise InvalidInput("CASEI goes with =, <> and LIKE only")
            same = self._known(f'@ like_regex {_quoted(f"^{re.escape(str(value))}$")} flag "i"', {})
            return same if sign == "==" else not_(same)
        return self._known(f"@ {sign} $v", {"v": value})

    def like(self, pattern: str, is_folded: bool) -> Condition:
        flag = "is" if is_folded else "s"
        return self._known(f'@ like_regex {_quoted(_regex(pattern))} flag "{flag}"', {})

    def is_null(self) -> Condition:
        return not_(self._exists('@.type() != "null"', {}))

    def _known(self, test: str, values: dict[str, Any]) -> Condition:
        """Return the test where there is a value, null where there is none."""
        found: Condition = case((self._exists('@.type() != "null"', {}), self._exists(test, values)))
        return found

    def _exists(self, test: str, values: dict[str, Any]) -> Condition:
        path = cast(f"{self.path} ? ({test})", JSONPATH)
        found: Condition = func.jsonb_path_exists(
            self.column, path, cast(cast(orjson.dumps(values).decode(), String), JSONB), True
        )
        return found


class _Reader:
    def __init__(self, layer: LayerRow, hidden: Collection[str]) -> None:
        self._layer, self._hidden = layer, hidden
        self._table: Table = table_of(layer.table_name)
        self._terms = 0

    def condition(self, node: Any) -> Condition:
        self._terms += 1
        if self._terms > MAX_TERMS:
            raise InvalidInput(f"the filter has more than {MAX_TERMS} terms; ask in several filters")
        if isinstance(node, ast.And):
            return and_(self.condition(node.lhs), self.condition(node.rhs))
        if isinstance(node, ast.Or):
            return or_(self.condition(node.lhs), self.condition(node.rhs))
        if isinstance(node, ast.Not):
            return not_(self.condition(node.sub_node))
        return self._predicate(node)

    def _predicate(self, node: Any) -> Condition:
        if type(node) in _SIGNS:
            return self._comparison(_SIGNS[type(node)], node.lhs, node.rhs)
        if isinstance(node, ast.Between):
            operand = self._operand(node.lhs)
            inside = and_(operand.compare(">=", node.low, False), operand.compare("<=", node.high, False))
            return not_(inside) if node.not_ else inside
        if isinstance(node, ast.In):
            inside = or_(*(self._comparison("==", node.lhs, value) for value in node.sub_nodes))
            return not_(inside) if node.not_ else inside
        if isinstance(node, ast.Like):
            attribute, is_folded = _unfolded(node.lhs)
            alike = self._operand(attribute).like(str(node.pattern), is_folded)
            return not_(alike) if node.not_ else alike
        operand = self._operand(node.lhs)
        return not_(operand.is_null()) if node.not_ else operand.is_null()

    def _comparison(self, sign: str, left: Any, right: Any) -> Condition:
        (left, is_folded), (right, right_folded) = _unfolded(left), _unfolded(right)
        if not isinstance(left, ast.Attribute):
            left, right, sign = right, left, _FLIPPED[sign]
        if not isinstance(left, ast.Attribute) or isinstance(right, ast.Attribute):
            raise InvalidInput("a comparison has a property on one side and a value on the other")
        if left.name == "member_of" and "model_id" in self._table.c:
            return self._is_member(right, sign)
        if left.name == "ifc_class" and sign in ("==", "<>") and isinstance(right, str):
            return self._is_kind(right, sign)
        if isinstance(right, IfcClass):
            raise InvalidInput(f"the class {right} stands alone, or after ifc_class =")
        return self._operand(left).compare(sign, right, is_folded or right_folded)

    def _is_kind(self, name: str, sign: str) -> Condition:
        if "ifc_class" not in self._table.c:
            if self._layer.table_name == "space":
                return true() if ("IfcSpace" in with_subtypes(name)) == (sign == "==") else false()
            raise InvalidInput(f"the objects of '{self._layer.id}' have no IFC class; leave '{name[:60]}' out")
        inside: Condition = self._table.c.ifc_class.in_(with_subtypes(name))
        return inside if sign == "==" else not_(inside)

    def _is_member(self, group: Any, sign: str) -> Condition:
        if sign != "==" or not isinstance(group, int | str) or isinstance(group, bool):
            raise InvalidInput("member_of is followed by = and the id or the name of a group")
        which = element_group.c.id == group if isinstance(group, int) else element_group.c.name == group
        links = select(object_link.c.to_id).join(element_group, element_group.c.id == object_link.c.from_id)
        found: Condition = self._table.c.id.in_(links.where(object_link.c.kind == "member", which))
        return found

    def _operand(self, node: Any) -> _Field | _Path:
        if not isinstance(node, ast.Attribute):
            raise InvalidInput("a property is needed on the left of IN, LIKE, BETWEEN and IS NULL")
        name = node.name
        if name in self._hidden:
            raise Forbidden(f"the role of this key does not allow filters by '{name}'")
        if name in self._layer.fields:
            return self._field(name)
        parts = [part.replace("\\.", ".") for part in re.split(r"(?<!\\)\.", name)]
        if len(parts) > 1 and parts[0] in ROOTS and all(parts):
            column = self._table.c[parts[0]] if parts[0] in self._table.c else self._table.c.attributes[parts[0]]
            return _Path(column, "$" + "".join(f".{_quoted(part)}" for part in parts[1:]))
        raise InvalidInput(
            f"'{name[:100]}' is no property of '{self._layer.id}'; there are: {', '.join(self._layer.fields)}, "
            f"and paths like psets.Pset_WallCommon.FireRating, quantities.<set>.<name>, materials.name, "
            "classification.code"
        )

    def _field(self, name: str) -> _Field | _Path:
        kind = str(self._layer.fields[name]["type"])
        if name not in self._table.c and name not in INTERNAL | {"has_model", "conflicts"}:
            return _Path(self._table.c.attributes, f"$.{_quoted(name)}")
        value = field_value(self._table, name)
        if value is None:
            raise InvalidInput(f"'{name}' cannot be filtered by")
        if kind == "string" and not isinstance(value.type, String):
            value = field_text(self._table, name)
        return _Field(name, kind, cast(value, Double) if kind == "number" else value)


def _unfolded(node: Any) -> tuple[Any, bool]:
    return (node.node, True) if isinstance(node, Folded) else (node, False)


def _quoted(text: str) -> str:
    """Return a text as a string of the SQL/JSON path language, which has the escapes of JSON."""
    return orjson.dumps(text).decode()


def _regex(pattern: str) -> str:
    """Return the regular expression of a LIKE pattern (%, _ and the backslash)."""
    found, is_escaped = "", False
    for letter in pattern:
        if is_escaped or letter not in "%_\\":
            found, is_escaped = found + re.escape(letter), False
        elif letter == "\\":
            is_escaped = True
        else:
            found += ".*" if letter == "%" else "."
    return f"^{found}$"
