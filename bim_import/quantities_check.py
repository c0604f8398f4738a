"""Areas, volumes and heights of spaces as computed from their bodies, against what the file itself states of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from cim.reports import Note

#: A difference beyond this part of the stated value is told.
TOLERANCE = 0.01
#: What is compared: column of the table ``space``, and the names that quantities of sets of any name have (IFC 4.3.2
#: Qto_SpaceBaseQuantities; BaseQuantities of IFC2X3; 'GSA Space Areas' of US programs).
_STATED = {
    "floor_area_m2": ("NetFloorArea", "GrossFloorArea", "GSA BIM Area", "FloorArea", "Area"),
    "volume_m3": ("NetVolume", "GrossVolume", "Volume"),
    "height_m": ("FinishCeilingHeight", "Height", "ClearHeight"),
}


class Difference(NamedTuple):
    """One stated value and what was computed; ``part`` is their difference as a part of the stated value."""

    key: str
    name: str | None
    quantity: str
    stated: float
    computed: float
    part: float


def check_quantities(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Compare the rows of spaces with their own quantities.

    A body is drawn to the net or to the gross measure; the stated value that is nearest to it counts.

    Returns
    -------
    dict
        Column -> {"compared", "agree", "worst"}; columns of which no space states anything are left out.
    """
    found: dict[str, list[Difference]] = {}
    for row in rows:
        for column in _STATED:
            difference = _difference(row, column)
            if difference is not None:
                found.setdefault(column, []).append(difference)
    return {
        column: {
            "compared": len(differences),
            "agree": sum(abs(one.part) <= TOLERANCE for one in differences),
            "worst": max(differences, key=lambda one: (abs(one.part), one.key))._asdict(),
        }
        for column, differences in found.items()
    }


def _difference(row: Mapping[str, Any], column: str) -> Difference | None:
    computed = row.get(column)
    if computed is None:
        return None
    stated = [
        (float(values[name]), name)
        for values in row["attributes"]["quantities"].values()
        for name in _STATED[column]
        if isinstance(values.get(name), int | float) and values[name] > 0
    ]
    if not stated:
        return None
    value, name = min(stated, key=lambda one: abs(one[0] - computed))
    return Difference(row["source_key"], row["name"], name, value, computed, round((computed - value) / value, 6))


def quantity_notes(check: Mapping[str, Any]) -> list[Note]:
    """Return a note for each kind of quantity of which some do not agree."""
    notes = []
    for column, result in check.items():
        apart = result["compared"] - result["agree"]
        if apart:
            worst = result["worst"]
            notes.append(
                Note(
                    "quantities_differ",
                    f"{apart} of {result['compared']} spaces differ from the file's own {column} by more than "
                    f"{TOLERANCE:.0%}; worst is '{worst['name'] or worst['key']}': {worst['quantity']} "
                    f"{worst['stated']:g}, computed {worst['computed']:g} ({worst['part']:+.1%})",
                )
            )
    return notes
