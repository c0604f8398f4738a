"""What answers say of themselves: the viewer has each sentence in its own words."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

REPOSITORY = Path(__file__).parents[2]
WORDS = REPOSITORY / "web" / "src" / "i18n"
#: Whose answers the viewer shows.
SHOWN = ("queries", "networks", "routing", "water", "zones", "live/cameras")
#: But for these.
NOT_SHOWN = {"networks/trace.py", "networks/conflicts.py"}


class Sentence(NamedTuple):
    """A key of the viewer's words, and the values that the service gives for it."""

    key: str
    values: frozenset[str]


def sentences() -> Iterator[Sentence]:
    """Find the notes, the reasons of steps and why drains cannot be computed, where the service writes them."""
    for path in (path for folder in SHOWN for path in sorted((REPOSITORY / "layers" / folder).glob("*.py"))):
        if path.relative_to(REPOSITORY / "layers").as_posix() in NOT_SHOWN:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) in ("note", "NotAvailable"):
                yield from said(node)


def said(call: ast.Call) -> Iterator[Sentence]:
    values = frozenset(str(word.arg) for word in call.keywords)
    given = [each.value if isinstance(each, ast.Constant) else None for each in call.args]
    if getattr(call.func, "id", "") == "note":
        variants = {None} if len(given) < 3 else wordings(call.args[2])
        yield from (Sentence("_".join(filter(None, ("note", given[0], each))), values) for each in variants)
    elif len(given) > 2:
        yield from (Sentence(f"drains_{what}_{given[2]}", values) for what in ("why", "remedy"))


def wordings(node: ast.expr) -> set[str]:
    """Return what a wording may be: a literal, or the names that are known here."""
    if isinstance(node, ast.Constant):
        return {str(node.value)}
    return {"wording": {"means", "middles"}, "f'seconds_{asked.direction}'": {"seconds_to", "seconds_from"}}[
        ast.unparse(node)
    ]


def words(language: str) -> dict[str, str]:
    """Return the viewer's words for what answers say."""
    text = (WORDS / f"notes_{language}.ts").read_text("utf-8")
    return dict(re.findall(r'^  (\w+): "(.*)",$', text, re.MULTILINE))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_each_sentence_of_the_service_has_words_and_their_values(language: str) -> None:
    known = words(language)
    found = list(sentences())
    assert len(found) > 50
    for key, values in found:
        assert key in known, f"notes_{language}.ts has no {key}"
        assert set(re.findall(r"\{(\w+)\}", known[key])) <= values, key
