"""Text of ``$filter`` and ``$orderby`` to a tree; what is wrong is said with its position."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedInput

from cim.errors import InvalidInput

MAX_LENGTH = 4000
MAX_DEPTH = 32
MAX_TERMS = 200
EXAMPLE = "result gt 3 and phenomenonTime ge 2026-03-01T00:00:00Z"


@lru_cache(maxsize=2)
def _parser(start: str) -> Lark:
    grammar = (files(__package__) / "odata.lark").read_text("utf-8")
    return Lark(grammar, parser="lalr", start=start, maybe_placeholders=False)


def parse(text: str) -> Tree[Token] | Token:
    """Return the tree of a filter, or of one term of an order.

    Raises
    ------
    InvalidInput
        Naming the position.
    """
    if len(text) > MAX_LENGTH:
        raise InvalidInput(f"the filter has {len(text)} characters; {MAX_LENGTH} are the most")
    if "\0" in text:
        raise InvalidInput("the filter has a NUL character")
    if _depth(text) > MAX_DEPTH or len(text.split()) > MAX_TERMS * 4 or text.count("not ") > MAX_DEPTH:
        raise InvalidInput(f"the filter is nested too deeply or too long; {MAX_DEPTH} brackets are the most")
    try:
        return _parser("start").parse(text)
    except UnexpectedInput as error:
        raise InvalidInput(_said(text, error)) from None


def _depth(text: str) -> int:
    depth = deepest = 0
    is_text = False
    for letter in text:
        is_text = is_text != (letter == "'")
        if not is_text:
            depth += (letter == "(") - (letter == ")")
            deepest = max(deepest, depth)
    return deepest


def _said(text: str, error: UnexpectedInput) -> str:
    at = error.pos_in_stream if error.pos_in_stream is not None and error.pos_in_stream >= 0 else len(text)
    if not isinstance(error, UnexpectedCharacters) and getattr(getattr(error, "token", None), "type", "") == "$END":
        at = len(text)
    here = f"'{text[at : at + 20]}'" if text[at : at + 1].strip() else "the end"
    return f"it cannot be read at character {at + 1} ({here}); write it like: {EXAMPLE}"
