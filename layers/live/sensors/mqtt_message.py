"""Messages of devices: what they say, and writing many of them in one transaction.

Topics below the prefix: ``v1.1/Datastreams(ID)/Observations`` holds one observation (18-088, 14.2.1), ``observations``
a list of ``{"code", "time", "value"}``, ``events`` an event or a list of them, ``tracks`` a position, a list of them,
or a Cursor on Target event.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, func, insert, select

from cim.access import OPEN_CALLER
from cim.errors import CimError, InvalidInput
from cim.tables import quarantine, sensor
from layers.live.events.incoming import Incoming, read_incoming
from layers.live.events.intake import take_in
from layers.live.nesting import text_of
from layers.live.sensors.observe import observe
from layers.live.sensors.post import read_observation
from layers.live.sensors.reading import Readings, latest_us, read_us
from layers.live.tracks.incoming import Position
from layers.live.tracks.payload import read_payload
from layers.live.tracks.positions import as_notice, take_positions
from layers.live.tracks.tell import tell_moved

DATASET = "mqtt"
MOST_BYTES = 8 * 1024 * 1024
MOST_SHOWN = 2_000
MOST_LINES = 100_000
_DATASTREAM = re.compile(r"v1\.[01]/Datastreams\(([0-9]{1,18})\)/Observations")


class Message(NamedTuple):
    """One message as it came."""

    topic: str
    payload: bytes


@dataclass
class Said:
    """What messages say; ``codes``: readings by the code of their sensor; ``broken``: what cannot be taken, and why."""

    readings: Readings = field(default_factory=Readings)
    codes: list[tuple[str, int, Any, Message]] = field(default_factory=list)
    events: list[Incoming] = field(default_factory=list)
    positions: list[Position] = field(default_factory=list)
    broken: list[tuple[Message, str]] = field(default_factory=list)


class Counts(NamedTuple):
    """What became of messages."""

    readings: int = 0
    events: int = 0
    positions: int = 0
    broken: int = 0

    def plus(self, other: Counts) -> Counts:
        """Return the sum."""
        return Counts(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


def read_messages(messages: Sequence[Message], prefix: str) -> Said:
    """Return what messages say; nothing is raised, as one that is broken must not keep the others out."""
    said = Said()
    for message in messages:
        try:
            _read(message, prefix, said)
        except CimError as error:
            said.broken.append((message, error.detail))
    return said


def write_messages(connection: Connection, messages: Sequence[Message], prefix: str) -> Counts:
    """Write what messages say, in the caller's transaction; what is broken goes to the quarantine with its reason."""
    said = read_messages(messages, prefix)
    ids = _ids_of(connection, {code for code, _, _, _ in said.codes})
    for code, us, value, message in said.codes:
        if code in ids:
            said.readings.add(ids[code], us, value)
        else:
            said.broken.append((message, f"no sensor has the code '{code[:60]}'; import its register"))
    count = len(said.readings)
    if count:
        unknown = observe(connection, said.readings, OPEN_CALLER).unknown
        for number in sorted(unknown):
            reason = f"Datastreams({number}) is not there; create it first"
            said.broken += [(message, reason) for message in messages if f"Datastreams({number})" in message.topic]
        count -= sum(number in unknown for number in said.readings.sensor)
    if said.events:
        take_in(connection, said.events, actor=DATASET)
    if said.positions:
        kept = take_positions(connection, said.positions)
        tell_moved(connection, [as_notice(one) for one in kept if one.is_last])
    keep_broken(connection, said.broken)
    return Counts(count, len(said.events), len(said.positions), len(said.broken))


def keep_broken(connection: Connection, broken: Sequence[tuple[Message, str]]) -> None:
    """Add messages to the quarantine."""
    rows = [
        {
            "dataset_name": DATASET, "file_name": DATASET, "layer_name": None, "place": message.topic[:200],
            "reason": "broken_message", "detail": reason[:1000], "record": {"payload": _shown(message.payload)},
        }
        for message, reason in broken
    ]  # fmt: skip
    if rows:
        connection.execute(insert(quarantine), rows)


def _read(message: Message, prefix: str, said: Said) -> None:
    topic = message.topic.removeprefix(f"{prefix}/") if prefix else message.topic
    if len(message.payload) > MOST_BYTES:
        raise InvalidInput(f"the message has {len(message.payload)} bytes; {MOST_BYTES} are the most")
    if topic == "tracks":
        _read_positions(message, said)
        return
    try:
        document = orjson.loads(message.payload)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"the message is not JSON ({error})") from None
    if found := _DATASTREAM.fullmatch(topic):
        _read_observation(document, int(found[1]), said)
    elif topic == "observations":
        _read_lines(document, message, said)
    elif topic == "events":
        _read_events(document if isinstance(document, list) else [document], message, said)
    else:
        raise InvalidInput(f"nothing is taken from the topic '{topic[:80]}'")


def _read_positions(message: Message, said: Said) -> None:
    for one in read_payload(message.payload).found:
        if isinstance(one, CimError):
            said.broken.append((message, one.detail))
        else:
            said.positions.append(one)


def _read_observation(document: Any, datastream: int, said: Said) -> None:
    found = read_observation(document, {"Datastream": datastream})
    if found is None:
        raise InvalidInput("an observation is an object with result and phenomenonTime, without FeatureOfInterest")
    said.readings.extend(found[0])


def _read_lines(document: Any, message: Message, said: Said) -> None:
    lines = document if isinstance(document, list) else [document]
    if len(lines) > MOST_LINES:
        raise InvalidInput(f"there are {len(lines)} observations; {MOST_LINES} are the most")
    latest = latest_us()
    for line in lines:
        try:
            if not isinstance(line, dict) or not isinstance(line.get("code"), str) or "value" not in line:
                raise InvalidInput('an observation is like {"code": "...", "time": "...", "value": 1.3}')
            if "\0" in line["code"]:
                raise InvalidInput("code has a NUL character; leave it out")
            us = read_us(line.get("time"), latest, "time")
            Readings().add(1, us, line["value"])
            said.codes.append((line["code"], us, line["value"], message))
        except InvalidInput as error:
            said.broken.append((Message(message.topic, _again(line)), error.detail))


def _read_events(document: Sequence[Any], message: Message, said: Said) -> None:
    for one in document:
        try:
            said.events.append(read_incoming(one))
        except InvalidInput as error:
            said.broken.append((Message(message.topic, _again(one)), error.detail))


def _again(said: Any) -> bytes:
    try:
        return text_of(said, "it")
    except InvalidInput as error:
        return error.detail.encode()


def _ids_of(connection: Connection, codes: set[str]) -> dict[str, int]:
    """Return the sensor of each code; one that several registers name is of the newest."""
    if not codes:
        return {}
    chosen = (
        select(sensor.c.code, sensor.c.id)
        .where(sensor.c.code == func.any(list(codes)))
        .order_by(sensor.c.recorded_at, sensor.c.id)
    )
    return {row.code: row.id for row in connection.execute(chosen)}


def _shown(payload: bytes) -> str:
    return payload[:MOST_SHOWN].decode("utf-8", "replace").replace("\0", "\\0")
