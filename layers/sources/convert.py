"""Values of an owner's columns as values of the model's columns."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from layers.sources.batch import is_none

Values = NDArray[np.object_]

#: Where a time has no offset it is taken as local time of the cities this is made for.
ASSUMED_ZONE = ZoneInfo("Asia/Shanghai")
_TRUE = {"是", "1", "1.0", "true", "t", "yes", "y", "单行", "-1", "有"}
_FALSE = {"否", "0", "0.0", "false", "f", "no", "n", "双行", "双向", "无"}
_NUMBER = r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)"
_INTEGER_LIMIT = 2**31 - 1


def is_missing(values: Values) -> NDArray[np.bool_]:
    """Tell which values are None, NaN, NaT or blank text."""
    missing: NDArray[np.bool_] = np.asarray(pd.isna(values), bool)
    blank = np.fromiter((isinstance(v, str) and not v.strip() for v in values), bool, len(values))
    found: NDArray[np.bool_] = missing | blank
    return found


def texts(values: Values) -> Values:
    """Return trimmed text or None; whole numbers without a decimal point."""
    result: Values = np.empty(len(values), object)
    # The common case in line: this runs for every cell of a register of millions of rows.
    result[:] = [
        (value.strip() or None) if type(value) is str and "\0" not in value else _text(value)
        for value in values.tolist()
    ]
    return result


def _text(value: Any) -> str | None:
    if value is None or value != value:  # NaN differs from itself
        return None
    if isinstance(value, float | np.floating) and value.is_integer():
        return str(int(value))
    # PostgreSQL's text has no NUL
    return str(value).replace("\0", "").strip() or None


def convert(values: Values, kind: str, factor: float | None = None) -> tuple[Values, NDArray[np.bool_]]:
    """Convert a column.

    Parameters
    ----------
    kind
        string | integer | number | boolean | datetime
    factor
        What numbers are multiplied by.

    Returns
    -------
    tuple
        The values (None where missing or not readable), and which of them could not be read.
    """
    if kind == "string":
        return texts(values), np.zeros(len(values), bool)
    missing = is_missing(values)
    converted = {"integer": _integers, "number": _numbers, "boolean": _booleans, "datetime": _times}[kind](
        values, factor or 1.0
    )
    unread = is_none(converted) & ~missing
    return converted, unread


def translate(values: Values, table: Mapping[str, Any]) -> tuple[Values, NDArray[np.bool_]]:
    """Replace values by a table (without case); also return which of them changed."""
    folded = {key.casefold(): value for key, value in table.items()}
    result = np.fromiter(
        (folded.get(value.casefold(), value) if isinstance(value, str) else value for value in values),
        object,
        len(values),
    )
    return result, np.fromiter((a is not b for a, b in zip(values, result, strict=True)), bool, len(values))


def _floats(values: Values) -> NDArray[np.float64]:
    """Read numbers, also with a unit behind them ('12.5 m'); NaN where there is none."""
    numbers = pd.to_numeric(pd.Series(values), errors="coerce")
    left = (numbers.isna() & pd.Series(~is_missing(values))).to_numpy()
    if left.any():
        found = pd.Series(values[left]).astype(str).str.replace(",", "").str.extract(rf"^\s*{_NUMBER}\s*\D{{0,12}}$")[0]
        numbers = numbers.astype(float)
        numbers[left] = pd.to_numeric(found, errors="coerce").to_numpy()
    result: NDArray[np.float64] = numbers.to_numpy(np.float64, na_value=np.nan).copy()
    result[~np.isfinite(result)] = np.nan
    return result


def _numbers(values: Values, factor: float) -> Values:
    numbers = _floats(values) * factor
    result = numbers.astype(object)
    result[np.isnan(numbers)] = None
    return result


def _integers(values: Values, factor: float) -> Values:
    numbers = np.round(_floats(values) * factor)
    fits = np.abs(numbers) <= _INTEGER_LIMIT
    result = np.full(len(values), None, object)
    result[fits] = [int(number) for number in numbers[fits]]
    return result


def _booleans(values: Values, _factor: float) -> Values:
    def read(value: Any) -> bool | None:
        word = str(value).strip().casefold()
        return True if word in _TRUE else False if word in _FALSE else None

    return np.fromiter((read(value) for value in values), object, len(values))


def _times(values: Values, _factor: float) -> Values:
    return np.fromiter((time_of(value) for value in values), object, len(values))


def time_of(value: Any) -> datetime | None:
    """Read a time with or without offset; None where it cannot be read."""
    if value is None or value != value:
        return None
    try:
        found = datetime.fromisoformat(str(value).strip().replace("/", "-"))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=ASSUMED_ZONE)
