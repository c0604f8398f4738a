"""A position as a unit tells it, checked; the same for every way in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from cim.errors import InvalidInput
from layers.live.nesting import text_of
from layers.live.tracks.days import KEPT

MOST_BYTES = 32_768
EXAMPLE = "2026-03-01T08:00:00+08:00"
#: So far may the clock of a unit be ahead: a position from next year would stay the newest for a year.
AHEAD = timedelta(minutes=5)


def _written(said: Any) -> Any:
    if not isinstance(said, str | datetime):
        raise ValueError(f"write it like {EXAMPLE}")
    return said


Degrees = Annotated[float, Field(strict=True)]
Figure = Annotated[float | None, Field(strict=True)]
Moment = Annotated[AwareDatetime, BeforeValidator(_written)]
Word = Annotated[str | None, Field(max_length=100)]


class Position(BaseModel):
    """Where a unit was at a moment; what it says of itself is kept with the unit.

    Attributes
    ----------
    code, time
        Name it: told again it changes nothing.
    longitude, latitude
        EPSG:4490, degrees (EPSG:4326 differs by less than a receiver's accuracy).
    height_m
        In the deployment's vertical datum; ``ellipsoid_height_m`` is above the ellipsoid, as receivers give it.
    heading_deg
        Clockwise from north.
    stale_at
        When it is no longer to be relied on, where the unit says so.
    within
        The beginning of codes of areas: what the key that tells it is limited to. No unit says it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, str_strip_whitespace=True)

    code: str = Field(min_length=1, max_length=64)
    time: Moment
    longitude: Degrees = Field(ge=-180, le=180)
    latitude: Degrees = Field(ge=-90, le=90)
    height_m: Figure = Field(default=None, ge=-500, le=20_000)
    ellipsoid_height_m: Figure = Field(default=None, ge=-500, le=20_000)
    speed_m_s: Figure = Field(default=None, ge=0, le=1000)
    heading_deg: Figure = Field(default=None, ge=0, le=360)
    accuracy_m: Figure = Field(default=None, ge=0, le=1e6)
    stale_at: Moment | None = None
    name: Word = None
    kind: Literal["person", "vehicle", "drone", "vessel", "terminal"] | None = None
    owner: Word = None
    state: Word = None
    area_code: Word = None
    attributes: dict[str, Any] | None = None
    within: str | None = Field(default=None, exclude=True)


def read_position(said: Mapping[str, Any], *, now: datetime | None = None) -> Position:
    """Return a position from JSON values.

    Raises
    ------
    InvalidInput
        Naming the field, its value and what it should be.
    """
    if not isinstance(said, Mapping):
        raise InvalidInput("a position is a JSON object with at least code, time, longitude and latitude")
    text = text_of(dict(said), "the position")
    if len(text) > MOST_BYTES:
        raise InvalidInput(f"the position has more than {MOST_BYTES} bytes; link what is larger")
    if b"\\u0000" in text:
        raise InvalidInput("the position has a NUL character; leave it out")
    if "within" in said:
        raise InvalidInput("unknown field: within; what has no field goes into 'attributes'")
    try:
        found = Position.model_validate(said)
    except ValidationError as error:
        raise InvalidInput(_told(error)) from None
    _check_time(found, now or datetime.now(UTC))
    return found


def _told(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"])[:80]
    if first["type"] == "missing":
        return f"{field} is missing; a position needs code, time, longitude and latitude"
    if first["type"] == "extra_forbidden":
        return f"unknown field: {field}; what has no field goes into 'attributes'"
    if first["type"] == "timezone_aware":
        return f"{field} is '{str(first['input'])[:60]}', without its zone; write it like {EXAMPLE}"
    return f"{field} is '{str(first['input'])[:60]}': {first['msg']}"


def _check_time(found: Position, now: datetime) -> None:
    if found.time > now + AHEAD:
        raise InvalidInput(f"time is '{found.time.isoformat()}', which is not a time of now or before; check the clock")
    if found.time < now - KEPT:
        raise InvalidInput(f"time is '{found.time.isoformat()}'; positions are kept for {KEPT.days} days")
    if found.stale_at is not None and not found.time <= found.stale_at <= found.time + KEPT:
        raise InvalidInput(
            f"stale_at is '{found.stale_at.isoformat()}'; it must come {KEPT.days} days after time at most"
        )
