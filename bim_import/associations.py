"""Classifications and documents that a file associates with its objects and their types."""

from __future__ import annotations

from typing import Any

from bim_import.property_values import text_or_none

Records = dict[int, list[dict[str, Any]]]


def classifications(file: Any) -> Records:
    """Return {"code", "name", "system", "edition", "location"} by STEP id of the object; the last two where given."""
    found: Records = {}
    for relation in file.by_type("IfcRelAssociatesClassification"):
        reference = relation.RelatingClassification
        if reference is None:
            continue
        is_reference = reference.is_a("IfcClassificationReference")
        system = _system(reference) if is_reference else reference
        record = {
            "code": text_or_none(_first(reference, "Identification", "ItemReference")) if is_reference else None,
            "name": text_or_none(reference.Name) if is_reference else None,
            "system": text_or_none(getattr(system, "Name", None)),
        } | _given(
            edition=text_or_none(getattr(system, "Edition", None)), location=text_or_none(_first(reference, "Location"))
        )
        _add(found, relation, record)
    return found


def _system(reference: Any) -> Any | None:
    """Return the IfcClassification at the root of a reference; references may hang on references."""
    source, depth = reference.ReferencedSource, 0
    while source is not None and source.is_a("IfcClassificationReference") and depth < 32:
        source, depth = source.ReferencedSource, depth + 1
    return source


def documents(file: Any) -> Records:
    """Return {"identification", "name", "location", "description"}, those that are given, by STEP id of the object."""
    found: Records = {}
    for relation in file.by_type("IfcRelAssociatesDocument"):
        document = relation.RelatingDocument
        if document is None:
            continue
        information = getattr(document, "ReferencedDocument", None) or document
        record = _given(
            identification=text_or_none(
                _first(document, "Identification", "ItemReference", "DocumentId")
                or _first(information, "Identification", "DocumentId")
            ),
            name=text_or_none(_first(document, "Name") or _first(information, "Name")),
            location=text_or_none(_first(document, "Location") or _first(information, "Location")),
            description=text_or_none(_first(document, "Description") or _first(information, "Description")),
        )
        _add(found, relation, record)
    return found


def with_inherited(records: Records, product: Any, kind: Any | None, group: str) -> list[dict[str, Any]]:
    """Return a product's records and those of its type; of one ``group`` (a key of the records) only the product's."""
    own = records.get(product.id(), [])
    inherited = records.get(kind.id(), []) if kind is not None else []
    if not inherited:
        return own
    taken = {record.get(group) for record in own}
    return [*own, *(record for record in inherited if record.get(group) not in taken)]


def _add(found: Records, relation: Any, record: dict[str, Any]) -> None:
    for member in relation.RelatedObjects or ():
        records = found.setdefault(member.id(), [])
        if record not in records:
            records.append(record)


def _first(entity: Any, *names: str) -> Any:
    return next((value for name in names if (value := getattr(entity, name, None))), None)


def _given(**values: str | None) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
