"""Which layer of the model a file's layer is meant for, from its name, its columns and its kind of geometry."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from cim import ids
from cim.errors import InvalidFile
from layers.sources.mapping import (
    LayerMapping,
    Matched,
    generic_mapping,
    mapping_from_file,
    match_columns,
    plain,
    shipped_mappings,
)

_WORD = re.compile(r"[a-z0-9]+")
_LAYER_ID = re.compile(r"[a-z][a-z0-9_]{0,62}")
#: Layers whose files fill another table than the one that is shown: evidence of buildings, values of sensors.
_OTHER_TABLES = {"buildings": "building_source", "observations": "observation"}


@dataclass(frozen=True)
class Request:
    """What is known of one layer of a file.

    Attributes
    ----------
    family
        polygon | line | point | mixed | none
    source
        Format with mappings of its own (citymodel, inp); '' for tables.
    """

    file_name: str
    layer_name: str
    columns: Sequence[str]
    family: str
    source: str = ""


@dataclass(frozen=True)
class Target:
    """The layer of the model that rows go to, and how sure that is."""

    layer_id: str
    table_name: str
    matched: Matched
    title: str
    is_guess: bool


def choose(
    request: Request,
    standard: dict[str, tuple[str, str]],
    *,
    layer: str | None = None,
    mapping_file: LayerMapping | None = None,
) -> Target:
    """Return the target for one layer of a file.

    Parameters
    ----------
    standard
        Id of a standard layer -> (table, geometry type).
    layer
        The id that the operator asks for, if any.

    Raises
    ------
    InvalidFile
        If the operator's layer does not take this kind of geometry, or its id is not allowed.
    """
    if mapping_file is not None:
        return _target(request, mapping_file, standard, layer or mapping_file.layer, is_guess=False)
    if layer is not None:
        return _asked_for(request, layer, standard)
    best = max(_mappings(request), key=lambda mapping: (score(request, mapping), bool(mapping.source)))
    if score(request, best) >= best.enough:
        return _target(request, best, standard, best.layer, is_guess=True)
    return _target(request, generic_mapping(_own_id(request, standard)), standard, None, is_guess=True)


def _mappings(request: Request) -> list[LayerMapping]:
    """Return the mappings for a format, its own ones first."""
    own = [mapping for mapping in shipped_mappings() if request.source and mapping.source == request.source]
    return own + [mapping for mapping in shipped_mappings() if not mapping.source]


def score(request: Request, mapping: LayerMapping) -> float:
    """Return how well a mapping fits: 4 for the layer's name, 3 for the file's, 1 for each telling column."""
    if request.family not in mapping.geometry and not (request.family == "mixed" and "none" not in mapping.geometry):
        return 0.0
    if mapping.needs:
        # Made for the files of one program, which are known by their columns.
        return math.inf if {plain(name) for name in mapping.needs} <= {plain(name) for name in request.columns} else 0.0
    columns = match_columns(mapping, request.columns).columns
    telling = len(mapping.signature & columns.keys())
    if "none" in mapping.geometry and request.family == "none" and telling < 2:
        return 0.0
    if mapping.source and says(request.layer_name, mapping.names):
        # Of a format of its own: the reader has named the layer.
        return math.inf
    total = float(telling)
    if says(request.layer_name, mapping.names):
        total += 4
    elif says(PurePath(request.file_name).stem, mapping.names):
        total += 3
    elif mapping.signature and telling < 2:
        return 0.0
    return total


def says(name: str, words: Iterable[str]) -> bool:
    """Tell whether a name holds one of the words: Chinese as part of it, Latin ones as whole words."""
    lowered = name.casefold()
    spaced = f" {' '.join(_WORD.findall(lowered))} "
    return any(f" {word} " in spaced if word.isascii() else word in lowered for word in words)


def by_name(request: Request, choices: dict[str, tuple[str, ...]]) -> str | None:
    """Return the first value whose words the layer's name holds, else the file's name."""
    for name in (request.layer_name, request.file_name):
        for value, words in choices.items():
            if says(name, words):
                return value
    return None


def read_mapping_option(path: object) -> LayerMapping | None:
    """Return the operator's mapping, if one is given."""
    from pathlib import Path

    return mapping_from_file(path) if isinstance(path, Path) else None


def _asked_for(request: Request, layer: str, standard: dict[str, tuple[str, str]]) -> Target:
    if not _LAYER_ID.fullmatch(layer):
        raise InvalidFile(f"'{layer}' cannot be a layer's id; use small Latin letters, digits and _, e.g. 'bus_stops'")
    known = next((mapping for mapping in _mappings(request) if mapping.layer == layer and not mapping.needs), None)
    if known is None:
        if standard.get(layer, ("feature", ""))[0] != "feature":
            raise InvalidFile(f"the layer '{layer}' is not filled from files of this kind")
        known = generic_mapping(layer)
    elif request.family not in known.geometry | {"mixed"}:
        raise InvalidFile(
            f"the layer '{layer}' takes {' or '.join(sorted(known.geometry))}, and '{request.layer_name}' holds "
            f"{request.family}; choose another --layer"
        )
    return _target(request, known, standard, layer, is_guess=False)


def _target(
    request: Request, mapping: LayerMapping, standard: dict[str, tuple[str, str]], layer: str | None, *, is_guess: bool
) -> Target:
    layer_id = layer or mapping.layer
    table_name = _OTHER_TABLES.get(layer_id) or standard.get(layer_id, ("feature", ""))[0]
    return Target(layer_id, table_name, match_columns(mapping, request.columns), request.layer_name, is_guess)


def _own_id(request: Request, standard: dict[str, tuple[str, str]]) -> str:
    """Return an id for a generic layer that is no standard layer's."""
    stem = PurePath(request.file_name).stem
    name = request.layer_name or stem
    layer_id = ids.layer_id(name)
    if not name.isascii() and not layer_id.startswith("layer_"):
        # Of '道路设施_2024' no more than '2024' would be left, which other files share.
        layer_id = ids.layer_id(f"{name} {ids.content_key(name)[:9]}")
    return layer_id if layer_id not in standard else f"{layer_id}_{request.family}s"
