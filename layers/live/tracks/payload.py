"""What a message says: one position, many, or a Cursor on Target event; the same over HTTP and MQTT."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from cim.errors import CimError, InvalidInput
from layers.live.tracks.cot import read_cot
from layers.live.tracks.incoming import Position, read_position

MOST_AT_ONCE = 1000


class Payload(NamedTuple):
    """Positions and errors in the order in which they came, and whether it was a single one."""

    found: Sequence[Position | CimError]
    is_single: bool


def read_payload(body: bytes, *, is_xml: bool | None = None) -> Payload:
    """Return the positions of a message; ``is_xml`` is seen from its beginning where nobody says it.

    Raises
    ------
    InvalidInput
        For a message, or a single position, that is wrong; of many, each that is wrong has its error.
    """
    if is_xml if is_xml is not None else body.lstrip()[:1] == b"<":
        return Payload([read_cot(body)], is_single=True)
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"the body is not JSON ({error}); send a position or an array of positions") from None
    if not isinstance(document, list):
        return Payload([read_position(document)], is_single=True)
    if len(document) > MOST_AT_ONCE:
        raise InvalidInput(f"{len(document)} positions at once; send at most {MOST_AT_ONCE}")
    return Payload([_try(one) for one in document], is_single=False)


def _try(said: Any) -> Position | CimError:
    try:
        return read_position(said)
    except InvalidInput as error:
        return error
