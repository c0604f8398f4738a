"""Events in the form of CloudEvents 1.0 (JSON), one or a batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cim.errors import InvalidInput
from layers.live.events.incoming import Incoming, read_incoming

SINGLE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
_REQUIRED = ("id", "source", "specversion", "type")


def read_cloudevent(said: Any) -> Incoming:
    """Return the event that a CloudEvent carries: ``data`` has our fields, ``source`` and ``id`` name it.

    Raises
    ------
    InvalidInput
    """
    if not isinstance(said, Mapping):
        raise InvalidInput("a CloudEvent is a JSON object")
    missing = [name for name in _REQUIRED if not isinstance(said.get(name), str) or not said[name]]
    if missing:
        raise InvalidInput(f"the CloudEvent lacks {', '.join(missing)}; CloudEvents 1.0 requires it as text")
    if said["specversion"] != "1.0":
        raise InvalidInput(f"specversion is '{said['specversion'][:20]}'; 1.0 is read")
    if "data_base64" in said:
        raise InvalidInput("data_base64 is not read; send JSON in 'data'")
    data = said.get("data") or {}
    if not isinstance(data, Mapping):
        raise InvalidInput("the CloudEvent's data must be a JSON object with the fields of an event")
    named = {"source": said["source"], "source_key": said["id"]}
    when = {"occurred_at": said["time"]} if said.get("time") and "occurred_at" not in data else {}
    kind = {} if data.get("type") else {"type": said["type"]}
    return read_incoming({**data, **named, **when, **kind})
