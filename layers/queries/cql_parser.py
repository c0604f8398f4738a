"""CQL2 text to a tree of pygeofilter's nodes; what is wrong is said with its position."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import Any, NamedTuple

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedCharacters, UnexpectedInput
from pygeofilter import ast  # type: ignore[import-untyped]

from cim.errors import InvalidInput

MAX_LENGTH = 4000
MAX_DEPTH = 32
_WORDS = {
    "NAME": "a property", "QUOTED_NAME": "a property in double quotes", "TEXT": "a text in single quotes",
    "NUMBER": "a number", "BOOLEAN": "true or false", "IFC_CLASS": "an IFC class", "LPAR": "(", "RPAR": ")",
    "COMMA": ",", "EQUAL": "=", "LESSTHAN": "<", "MORETHAN": ">", "$END": "the end",
}  # fmt: skip


class IfcClass(str):
    """A bare class name in a filter: all objects of that class and its kinds."""


class Folded(NamedTuple):
    """``CASEI(...)``: compared without regard to letter case."""

    node: Any


@v_args(inline=True)
class _ToTree(Transformer[Token, Any]):
    def any_of(self, *parts: Any) -> Any:
        return parts[0] if len(parts) == 1 else ast.Or.from_items(*parts)

    def all_of(self, *parts: Any) -> Any:
        return parts[0] if len(parts) == 1 else ast.And.from_items(*parts)

    def not_(self, node: Any) -> Any:
        return ast.Not(node)

    def eq(self, left: Any, right: Any) -> Any:
        return ast.Equal(left, right)

    def ne(self, left: Any, right: Any) -> Any:
        return ast.NotEqual(left, right)

    def lt(self, left: Any, right: Any) -> Any:
        return ast.LessThan(left, right)

    def lte(self, left: Any, right: Any) -> Any:
        return ast.LessEqual(left, right)

    def gt(self, left: Any, right: Any) -> Any:
        return ast.GreaterThan(left, right)

    def gte(self, left: Any, right: Any) -> Any:
        return ast.GreaterEqual(left, right)

    def between(self, node: Any, low: Any, high: Any) -> Any:
        return ast.Between(node, low, high, False)

    def not_between(self, node: Any, low: Any, high: Any) -> Any:
        return ast.Between(node, low, high, True)

    def like(self, node: Any, pattern: Token) -> Any:
        return ast.Like(node, _text(pattern), False, "%", "_", "\\", False)

    def not_like(self, node: Any, pattern: Token) -> Any:
        return ast.Like(node, _text(pattern), False, "%", "_", "\\", True)

    def in_(self, node: Any, *values: Any) -> Any:
        return ast.In(node, list(values), False)

    def not_in(self, node: Any, *values: Any) -> Any:
        return ast.In(node, list(values), True)

    def null(self, node: Any) -> Any:
        return ast.IsNull(node, False)

    def not_null(self, node: Any) -> Any:
        return ast.IsNull(node, True)

    def ifc_class(self, name: Token) -> Any:
        return ast.Equal(ast.Attribute("ifc_class"), IfcClass(name))

    def folded(self, node: Any) -> Any:
        return Folded(_text(node) if isinstance(node, Token) else node)

    def property(self, name: Token) -> Any:
        return ast.Attribute(name[1:-1].replace('""', '"') if name.startswith('"') else str(name))

    def number(self, value: Token) -> Any:
        return float(value) if any(letter in value for letter in ".eE") else int(value)

    def text(self, value: Token) -> str:
        return _text(value)

    def moment(self, value: Token) -> str:
        return _text(value)

    def boolean(self, value: Token) -> bool:
        return value.lower() == "true"


def _text(token: Token) -> str:
    return token[1:-1].replace("''", "'")


@lru_cache(maxsize=1)
def _parser() -> Lark:
    grammar = (files("layers") / "queries" / "cql2.lark").read_text("utf-8")
    return Lark(grammar, parser="lalr", maybe_placeholders=False)


def parse(text: str) -> ast.Node:
    """Return the tree of a filter.

    Raises
    ------
    InvalidInput
        Naming the position and what could stand there.
    """
    if len(text) > MAX_LENGTH:
        raise InvalidInput(f"the filter has {len(text)} characters; {MAX_LENGTH} are the most")
    if "\x00" in text:
        raise InvalidInput("the filter has a NUL character")
    _check_depth(text)
    try:
        tree: ast.Node = _ToTree().transform(_parser().parse(text))
    except UnexpectedInput as error:
        raise InvalidInput(_said(text, error)) from None
    return tree


def _check_depth(text: str) -> None:
    depth = deepest = 0
    is_text = False
    for letter in text:
        is_text = is_text != (letter == "'")
        if not is_text:
            depth += (letter == "(") - (letter == ")")
            deepest = max(deepest, depth)
    if deepest > MAX_DEPTH or text.upper().count("NOT") > MAX_DEPTH:
        raise InvalidInput(f"the filter is nested too deeply; {MAX_DEPTH} brackets or NOT are the most")


def _said(text: str, error: UnexpectedInput) -> str:
    at = error.pos_in_stream if error.pos_in_stream is not None and error.pos_in_stream >= 0 else len(text)
    found = getattr(error, "token", None)
    if found is not None and found.type == "$END":
        at = len(text)
    here = f"'{text[at : at + 20]}'" if text[at : at + 1].strip() else "the end"
    wanted = error.allowed if isinstance(error, UnexpectedCharacters) else getattr(error, "expected", None)
    names = sorted({_WORDS.get(name, name.strip("_").replace("__ANON", "an operator")) for name in wanted or ()})
    right = ", ".join(names[:12]) or "something else"
    return (
        f"the filter cannot be read at character {at + 1} ({here}); expected {right}. "
        "A filter is like: ifc_class = 'IfcWall' AND psets.Pset_WallCommon.FireRating = 'F90'"
    )
