"""Why the service refuses: the viewer has each sentence in its own words, and what has no code is listed here."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

import api.app  # noqa: F401 - all errors of the service are known when it is
from api.errors import STATUS
from cim.errors import CimError

REPOSITORY = Path(__file__).parents[2]
WORDS = REPOSITORY / "web" / "src" / "i18n"
#: Whose errors people meet in the viewer.
SHOWN = (
    "api", "cim", "layers/catalogue.py", "layers/said.py", "layers/queries", "layers/networks", "layers/routing",
    "layers/water", "layers/zones", "layers/incidents", "layers/buildings/dossier.py", "layers/terrain", "layers/grids", "layers/live",
    "tiles/tiles3d/models.py", "tiles/styles/__init__.py",
)  # fmt: skip
#: But for these, which say it in English alone.
COMMAND, MACHINES, NOT_ASKED = "the command line", "told to other services and devices", "the viewer does not ask it"
IN_ENGLISH = {
    "api/command.py": COMMAND,
    "api/routers/events.py": MACHINES,
    "api/routers/sensorthings_write.py": MACHINES,
    "api/routers/tracks.py": MACHINES,
    "api/tile_builds.py": "tiles are told by the map, in no words",
    "api/tile_path.py": "tiles are told by the map, in no words",
    "cim/archive.py": COMMAND,
    "cim/codes/": "reports of imports",
    "cim/commands/": COMMAND,
    "cim/importing.py": COMMAND,
    "cim/keys.py": COMMAND,
    "cim/layer_edit.py": COMMAND,
    "cim/sources.py": COMMAND,
    "layers/grids/": NOT_ASKED,
    "layers/incidents/drawn_additions.py": "a GIS's file, handed in by command; the viewer hands in JSON",
    "layers/incidents/open_pack.py": COMMAND,
    "layers/live/events/": "not told by codes yet",
    "layers/live/sensors/": MACHINES,
    "layers/live/tracks/": MACHINES,
    "layers/live/webhooks/": NOT_ASKED,
    "layers/networks/command.py": COMMAND,
    "layers/networks/conflicts.py": NOT_ASKED,
    "layers/networks/origin.py": NOT_ASKED,
    "layers/networks/trace.py": NOT_ASKED,
    "layers/queries/cql.py": NOT_ASKED,
    "layers/queries/cql_parser.py": NOT_ASKED,
    "layers/queries/ifc_classes.py": NOT_ASKED,
    "layers/queries/query_command.py": COMMAND,
    "layers/water/catchments.py": COMMAND,
    "layers/zones/replay.py": COMMAND,
}
#: Errors that make their sentence's code themselves.
OWN_CODE = {"EngineFailure": ("engine_failed", {"said"})}
#: What api/errors.py makes of the framework's own errors.
FIELD = {"field", "fields", "reason"}
FRAMEWORK = {
    "field_wrong": FIELD, "missing": FIELD, "body_not_json": FIELD, "not_a_number": FIELD, "not_a_whole_number": FIELD,
    "number_too_small": FIELD | {"limit"}, "number_too_large": FIELD | {"limit"}, "text_too_short": FIELD | {"limit"},
    "text_too_long": FIELD | {"limit"}, "no_such_address": {"path"}, "method_not_allowed": {"path", "allowed"},
}  # fmt: skip
#: Sentences around others.
AROUND = {"error_with_words": {"kind", "words"}}


class Site(NamedTuple):
    """Where an error is made: its codes, none for one in English alone, and the values that it tells."""

    file: str
    line: int
    codes: tuple[str, ...]
    values: frozenset[str]


def classes(of: type[CimError] = CimError) -> set[str]:
    """Return the names of the errors that are told; those that fit no status are told as a failure, by its id."""
    status = next(STATUS[kind] for kind in of.__mro__ if kind in STATUS)
    below = {name for each in of.__subclasses__() for name in classes(each)}
    return below if status == 500 else below | {of.__name__}


@cache
def sites() -> list[Site]:
    """Find where errors and problems are made in what people meet."""
    files = [file for each in SHOWN for file in sorted((REPOSITORY / each).rglob("*.py")) or [REPOSITORY / each]]
    return [site for file in files for site in made_in(file)]


def made_in(file: Path) -> Iterator[Site]:
    errors, where = classes(), file.relative_to(REPOSITORY).as_posix()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            if name in errors:
                yield Site(where, node.lineno, *coded(name, node))
            elif name in ("Problem", "_unavailable") and (found := problem(node)) is not None:
                yield Site(where, node.lineno, *found)
        elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Name) and node.exc.id in errors:
            yield Site(where, node.lineno, (snake_case(node.exc.id),), frozenset())


def coded(name: str, call: ast.Call) -> tuple[tuple[str, ...], frozenset[str]]:
    """Return the codes of an error, and its values."""
    if name in OWN_CODE:
        code, own = OWN_CODE[name]
        return (code,), frozenset(own)
    values = frozenset(str(word.arg) for word in call.keywords)
    return (constants(call.args[1]) if len(call.args) > 1 else () if call.args else (snake_case(name),)), values


def problem(call: ast.Call) -> tuple[tuple[str, ...], frozenset[str]] | None:
    """Return the code of a problem that is no error's, and its values; None where it has that of an error."""
    named = {word.arg: word.value for word in call.keywords}
    code, values = named.get("code", call.args[-1]), named.get("values")
    if isinstance(code, ast.Name | ast.Attribute | ast.Call):
        return None
    keys = values.keys if isinstance(values, ast.Dict) else []
    return constants(code), frozenset(str(each.value) for each in keys if isinstance(each, ast.Constant))


def constants(node: ast.expr) -> tuple[str, ...]:
    if isinstance(node, ast.IfExp):
        return constants(node.body) + constants(node.orelse)
    assert isinstance(node, ast.Constant), ast.unparse(node)
    return (str(node.value),)


def snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def words(language: str) -> dict[str, str]:
    text = (WORDS / f"errors_{language}.ts").read_text("utf-8")
    return dict(re.findall(r'^  (\w+): "(.*)",$', text, re.MULTILINE))


def is_in_english(file: str) -> bool:
    return any(file.startswith(path) for path in IN_ENGLISH)


def test_each_error_that_people_meet_has_a_code() -> None:
    assert [site for site in sites() if not site.codes and not is_in_english(site.file)] == []
    bare = {site.file for site in sites() if not site.codes}
    assert [path for path in IN_ENGLISH if not any(file.startswith(path) for file in bare)] == []


@pytest.mark.parametrize("language", ["zh", "en"])
def test_each_code_has_words_and_their_values(language: str) -> None:
    known = words(language)
    found = [(code, site.values, site) for site in sites() for code in site.codes]
    assert len(found) > 200
    for code, values, site in [*found, *((code, values, None) for code, values in FRAMEWORK.items())]:
        assert f"error_{code}" in known, (code, site)
        assert set(re.findall(r"\{(\w+)\}", known[f"error_{code}"])) <= set(values), (code, site)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_no_words_are_left_of_codes_that_are_gone(language: str) -> None:
    told = {f"error_{code}" for site in sites() for code in site.codes} | {f"error_{code}" for code in FRAMEWORK}
    told |= {f"error_{snake_case(name)}" for name in classes()} | set(AROUND)
    assert {key for key in words(language) if key.startswith("error_")} <= told
