"""``CreateObservations``: observations of many datastreams in one body (18-088, 12: the data array extension)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from cim.errors import InvalidInput
from layers.live.sensors.reading import LARGEST_ID, Detail, Readings, latest_us, read_times, read_us

EXAMPLE = (
    '[{"Datastream": {"@iot.id": 1}, "components": ["phenomenonTime", "result"],'
    ' "dataArray": [["2026-03-01T08:00:00+08:00", 1.3]]}]'
)
COMPONENTS = ("phenomenonTime", "result", "resultTime", "validTime", "resultQuality", "parameters",
              "FeatureOfInterest/id", "id")  # fmt: skip
MOST = 100_000


class Sent(NamedTuple):
    """Readings, and what became of each line of the body: its place among the readings, or what is wrong with it."""

    readings: Readings
    lines: list[int | str]


def read_data_arrays(document: Any) -> Sent:
    """Return the readings of a body; a line that is wrong is told and does not keep the others out.

    Raises
    ------
    InvalidInput
        Where the body is no list of data arrays.
    """
    if not isinstance(document, list) or not document:
        raise InvalidInput(f"the body is not a list of data arrays; send one like {EXAMPLE}")
    sent, latest = Sent(Readings(), []), latest_us()
    if sum(len(each["dataArray"]) for each in document if _has_lines(each)) > MOST:
        raise InvalidInput(f"there are more than {MOST} observations; send them in several requests")
    for each in document:
        _read(each, sent, latest)
    return sent


def _has_lines(said: Any) -> bool:
    return isinstance(said, dict) and isinstance(said.get("dataArray"), list)


def _read(said: Any, sent: Sent, latest: int) -> None:
    if not _has_lines(said) or not isinstance(said.get("components"), list):
        raise InvalidInput(f"a data array needs Datastream, components and dataArray; send one like {EXAMPLE}")
    sensor, names = read_reference(said.get("Datastream"), "Datastream"), said["components"]
    if unknown := [name for name in names if name not in COMPONENTS]:
        raise InvalidInput(f"unknown component '{str(unknown[0])[:60]}'; use some of {', '.join(COMPONENTS)}")
    if "result" not in names or len(set(names)) != len(names):
        raise InvalidInput("components names 'result' and every other one once")
    if "phenomenonTime" in names and set(names) <= {"phenomenonTime", "result"}:
        _read_plain(sensor, said["dataArray"], names.index("phenomenonTime"), names.index("result"), sent, latest)
        return
    for line in said["dataArray"]:
        try:
            _add(sensor, names, line, sent.readings, latest)
        except InvalidInput as error:
            sent.lines.append(str(error))
        else:
            sent.lines.append(len(sent.readings) - 1)


def _read_plain(sensor: int, lines: Sequence[Any], time: int, result: int, sent: Sent, latest: int) -> None:
    """Read lines of a time and a result: nearly all are, and there are many."""
    readings, places = sent.readings, sent.lines
    add = readings.add
    for line in lines:
        try:
            if type(line) is not list or len(line) != 2:
                raise InvalidInput("a line of dataArray does not have as many values as there are components")
            if type(line[time]) is str and "/" in line[time]:
                _add(sensor, ["phenomenonTime", "result"], [line[time], line[result]], readings, latest)
            else:
                add(sensor, read_us(line[time], latest), line[result])
        except InvalidInput as error:
            places.append(str(error))
        else:
            places.append(len(readings) - 1)


def _add(sensor: int, names: Sequence[str], line: Any, readings: Readings, latest: int) -> None:
    if not isinstance(line, list) or len(line) != len(names):
        raise InvalidInput("a line of dataArray does not have as many values as there are components")
    values = dict(zip(names, line, strict=True))
    us, detail = read_times(values, latest)
    feature = values.get("FeatureOfInterest/id")
    if feature is not None:
        detail = Detail(**{**vars(detail), "feature_of_interest_id": read_id(feature, "FeatureOfInterest/id")})
    readings.add(sensor, us, values["result"], detail)


def read_reference(said: Any, name: str) -> int:
    """Return the id of a link like ``{"@iot.id": 1}``; raises InvalidInput."""
    if not isinstance(said, dict) or "@iot.id" not in said:
        raise InvalidInput(f'{name} is missing; name it like {{"@iot.id": 1}}')
    return read_id(said["@iot.id"], name)


def read_id(said: Any, name: str) -> int:
    """Return an id; raises InvalidInput."""
    if type(said) is str and said.isascii() and said.isdigit() and len(said) < 20:
        said = int(said)
    if type(said) is not int or not 1 <= said <= LARGEST_ID:
        raise InvalidInput(f"the id of {name} is '{str(said)[:40]}'; use a whole number from 1")
    return said
