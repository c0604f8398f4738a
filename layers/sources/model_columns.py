"""Columns of a file as columns of the model, and what is left of them for the attributes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson

from layers.sources.batch import Batch, Values, as_json, is_none
from layers.sources.convert import convert, texts, translate
from layers.sources.guess import Target
from layers.sources.mapping import LayerMapping, kind_of


def model_columns(
    batch: Batch, target: Target, constants: Mapping[str, Any], key: str | None, unread: dict[str, int]
) -> tuple[dict[str, Values], dict[str, Values]]:
    """Return the columns of the model, and those of the file that are left.

    Parameters
    ----------
    constants
        Column of the model -> value for rows whose own is missing.
    key
        The file's column that identifies a row, if it is not to stay among the attributes.
    unread
        File's column -> how many of its values could not be read; added to.
    """
    matched = target.matched
    used = {*matched.columns.values(), key}
    left = {name: values for name, values in batch.columns.items() if name not in used}
    columns: dict[str, Values] = {}
    for name in matched.mapping.columns:
        source = matched.columns.get(name)
        values = batch.columns.get(source or "", np.full(len(batch), None, object))
        columns[name] = _column(target, name, source, values, left, unread)
        if name in constants:
            columns[name][is_none(columns[name])] = constants[name]
    _area_codes(matched.mapping, columns)
    _means(matched.mapping, columns)
    return columns, left


def _column(
    target: Target, name: str, source: str | None, values: Values, left: dict[str, Values], unread: dict[str, int]
) -> Values:
    matched = target.matched
    table = matched.mapping.values.get(name)
    if table:
        original = texts(values)
        values, changed = translate(original, table)
        if changed.any() and source:
            original[~changed] = None
            left[source] = original
    kind = kind_of(target.layer_id, target.table_name, name)
    converted, bad = convert(values, kind, matched.factors.get(name))
    if bad.any() and source:
        unread[source] = unread.get(source, 0) + int(bad.sum())
        originals = left.setdefault(source, np.full(len(values), None, object))
        originals[bad] = values[bad]
    return converted


def _area_codes(mapping: LayerMapping, columns: dict[str, Values]) -> None:
    rule = mapping.area_code
    if rule:
        codes = columns[rule["from"]]
        columns["area_code"] = np.fromiter(
            (code[: rule["digits"]] if code else None for code in codes), object, len(codes)
        )


def _means(mapping: LayerMapping, columns: dict[str, Values]) -> None:
    for name, parts in mapping.mean.items():
        values = columns[name]
        for n in np.flatnonzero(is_none(values)):
            known = [columns[part][n] for part in parts if columns[part][n] is not None]
            values[n] = sum(known) / len(known) if known else None


def with_fields(values: dict[str, list[Any]], attributes: list[str], columns: tuple[str, ...]) -> list[str]:
    """Put the mapped columns of a generic feature, which has no columns for them, into its attributes."""
    names = [name for name in values if name not in columns]
    if not names:
        return attributes
    return [
        as_json(orjson.loads(text) | {name: value for name, value in zip(names, row, strict=True) if value is not None})
        for text, *row in zip(attributes, *(values[name] for name in names), strict=True)
    ]
