"""What every object of a file keeps in its ``attributes``, whatever table it is in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bim_import.properties import Properties
from bim_import.property_values import text_or_none

#: Gives the ``attributes`` of an object of the file that is being mapped.
Describe = Callable[[Any], dict[str, Any]]


def described(product: Any, known: Properties, types: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return description, object type, type, classification, documents and systems, those that there are.

    Parameters
    ----------
    types
        The types of values that are not the model's common ones.
    """
    found = {
        "description": text_or_none(getattr(product, "Description", None)),
        "object_type": text_or_none(getattr(product, "ObjectType", None)),
        "type": known.type,
        "classification": known.classifications or None,
        "documents": known.documents or None,
        "systems": known.systems if len(known.systems) > 1 else None,
        "value_types": types or None,
    }
    return {name: value for name, value in found.items() if value is not None}
