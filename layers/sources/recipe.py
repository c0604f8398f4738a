"""How the rows of one layer of a file were read, kept with the dataset for rows that are mended later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from layers.sources.guess import Target
from layers.sources.mapping import Matched, read_mapping


@dataclass(frozen=True)
class Recipe:
    """What an intake was opened with.

    Attributes
    ----------
    crs
        The system of the file's coordinates as text; None where there are none.
    axes
        Columns that hold x and y, for registers.
    """

    target: Target
    crs: str | None
    constants: Mapping[str, Any]
    kind: str
    use_weak_key: bool
    axes: tuple[str, str] | None

    def as_json(self) -> dict[str, Any]:
        """Return plain values, which :func:`read_recipe` takes."""
        matched = self.target.matched
        mapping = asdict(matched.mapping) | {
            "geometry": sorted(matched.mapping.geometry),
            "signature": sorted(matched.mapping.signature),
            # The order of columns is part of a row's hash, and JSONB keeps none.
            "columns": list(matched.mapping.columns.items()),
        }
        return {
            "layer_id": self.target.layer_id,
            "table_name": self.target.table_name,
            "title": self.target.title,
            "mapping": mapping,
            "columns": matched.columns,
            "factors": matched.factors,
            "key": matched.key,
            "weak_key": matched.weak_key,
            "crs": self.crs,
            "constants": dict(self.constants),
            "kind": self.kind,
            "use_weak_key": self.use_weak_key,
            "axes": self.axes,
        }


def read_recipe(document: Mapping[str, Any]) -> Recipe:
    """Return the recipe that ``as_json`` has written."""
    said = document["mapping"]
    mapping = read_mapping(said | {"columns": dict(said["columns"])}, document["layer_id"])
    matched = Matched(mapping, document["columns"], document["factors"], document["key"], document["weak_key"])
    target = Target(document["layer_id"], document["table_name"], matched, document["title"], is_guess=False)
    axes = document["axes"]
    return Recipe(
        target,
        document["crs"],
        document["constants"],
        document["kind"],
        document["use_weak_key"],
        (axes[0], axes[1]) if axes else None,
    )
