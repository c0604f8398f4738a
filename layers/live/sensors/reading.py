"""Readings of sensors on their way in, column by column: there may be many."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cim.errors import InvalidInput
from layers.live.nesting import text_of

EXAMPLE = "2026-03-01T08:00:00+08:00"
#: Microseconds since 1970: readings before 1990 are a device's clock that was never set.
EARLIEST_US = 631_152_000_000_000
DAY_US = 86_400_000_000
LARGEST_ID = 2**63 - 1
LARGEST_RESULT = 32_768
#: What is greater is kept as it came, but is no number: the mean of a series could not be reckoned with it.
LARGEST_NUMBER = 1e100
_EXACT = 2**53
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Detail:
    """What an observation says beyond time and result; times are strings that were checked."""

    phenomenon_end: datetime | None = None
    result_time: datetime | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    result_quality: Any = None
    parameters: Any = None
    feature_of_interest_id: int | None = None


NO_DETAIL = Detail()


@dataclass
class Readings:
    """Columns of readings, in the order in which they came.

    Attributes
    ----------
    us
        Phenomenon times, microseconds since 1970 (UTC).
    value
        Numbers; None where the result is none.
    result
        JSON of results that are more than a number.
    details
        Place in the columns -> what else is said.
    """

    sensor: list[int] = field(default_factory=list)
    us: list[int] = field(default_factory=list)
    value: list[float | None] = field(default_factory=list)
    result: list[str | None] = field(default_factory=list)
    details: dict[int, Detail] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.sensor)

    def add(self, sensor: int, us: int, result: Any, detail: Detail = NO_DETAIL) -> None:
        """Add one reading; raises InvalidInput for a result that cannot be kept."""
        value, text = split_result(result)
        if detail != NO_DETAIL:
            self.details[len(self.sensor)] = detail
        self.sensor.append(sensor)
        self.us.append(us)
        self.value.append(value)
        self.result.append(text)

    def extend(self, other: Readings) -> None:
        """Add all of another."""
        start = len(self)
        self.details.update({start + place: detail for place, detail in other.details.items()})
        for name in ("sensor", "us", "value", "result"):
            getattr(self, name).extend(getattr(other, name))


def split_result(result: Any) -> tuple[float | None, str | None]:
    """Return a result as a number and as JSON where it is more than that; true counts as 1."""
    if type(result) is float:
        if not math.isfinite(result):
            raise InvalidInput("a result is not a finite number")
        return (result, None) if abs(result) <= LARGEST_NUMBER else (None, repr(result))
    if type(result) is int:
        return float(result), None if abs(result) < _EXACT else str(result)
    if result is None:
        return None, None
    text = text_of(result, "a result")
    if len(text) > LARGEST_RESULT:
        raise InvalidInput(f"a result has {len(text)} bytes of JSON; {LARGEST_RESULT} are the most")
    if b"\\u0000" in text:
        raise InvalidInput("a result has a NUL character; leave it out")
    return float(result) if isinstance(result, bool) else None, text.decode()


def join_result(value: float | None, result: Any) -> Any:
    """Return a stored result as it came; a number without fraction is a whole number again."""
    if result is not None or value is None:
        return result
    return int(value) if abs(value) < _EXACT and value == int(value) else value


def latest_us() -> int:
    """Return the latest time that is believed: clocks may be a day ahead."""
    return int(datetime.now(UTC).timestamp() * 1e6) + DAY_US


def read_us(said: Any, latest: int, name: str = "phenomenonTime") -> int:
    """Return a time as microseconds since 1970.

    Raises
    ------
    InvalidInput
        For what is no time, has no zone, is before 1990 or after ``latest``.
    """
    try:
        found = datetime.fromisoformat(said)
        if found.tzinfo is None:
            raise InvalidInput(f"{name} is '{said[:60]}', without its zone; write it like {EXAMPLE}")
        us = round(found.timestamp() * 1e6)
    except (ValueError, TypeError, OverflowError):
        raise InvalidInput(f"{name} is '{str(said)[:60]}'; write it like {EXAMPLE}") from None
    if not EARLIEST_US <= us <= latest:
        raise InvalidInput(f"{name} is '{str(said)[:60]}', not a time since 1990 and before tomorrow; check the clock")
    return us


def time_of(us: int) -> datetime:
    """Return the moment of microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=us)


def read_moment(said: Any, name: str) -> datetime | None:
    """Return any moment at all (a validity may end in a hundred years); raises InvalidInput."""
    if said is None:
        return None
    try:
        found = datetime.fromisoformat(said)
        if found.tzinfo is None:
            raise InvalidInput(f"{name} is '{said[:60]}', without its zone; write it like {EXAMPLE}")
        return found.astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        raise InvalidInput(f"{name} is '{str(said)[:60]}'; write it like {EXAMPLE}") from None


def read_times(said: Mapping[str, Any], latest: int) -> tuple[int, Detail]:
    """Return the phenomenon time of an observation (now where there is none), and its other times and words."""
    phenomenon = said.get("phenomenonTime")
    begins, _, ends = phenomenon.partition("/") if isinstance(phenomenon, str) else (phenomenon, "", "")
    us = latest - DAY_US if phenomenon is None else read_us(begins, latest)
    valid = said.get("validTime")
    valid_from, _, valid_to = valid.partition("/") if isinstance(valid, str) else (valid, "", "")
    detail = Detail(
        time_of(read_us(ends, latest + 3660 * DAY_US)) if ends else None,
        read_moment(said.get("resultTime"), "resultTime"),
        read_moment(valid_from, "validTime"),
        read_moment(valid_to or None, "validTime"),
        said.get("resultQuality"),
        said.get("parameters"),
    )
    if detail.phenomenon_end is not None and detail.phenomenon_end < time_of(us):
        raise InvalidInput("phenomenonTime ends before it begins; write start/end")
    for name in ("resultQuality", "parameters"):
        check_json(said.get(name), name)
    return us, detail


def check_json(said: Any, name: str) -> None:
    """Refuse JSON that is too large or that PostgreSQL cannot keep; raises InvalidInput."""
    if said is None:
        return
    text = text_of(said, name)
    if len(text) > LARGEST_RESULT:
        raise InvalidInput(f"{name} has {len(text)} bytes of JSON; {LARGEST_RESULT} are the most")
    if b"\\u0000" in text:
        raise InvalidInput(f"{name} has a NUL character; leave it out")
