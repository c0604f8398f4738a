"""JSON that is kept as it came: its text, unless it lies deeper within itself than can be written again."""

from __future__ import annotations

from typing import Any

import orjson

from cim.errors import InvalidInput

#: Levels that the encoder writes; the decoder reads four times as many.
MOST_LEVELS = 254


def text_of(said: Any, name: str) -> bytes:
    """Return the text of JSON values; raises InvalidInput where they are nested too deeply."""
    try:
        return orjson.dumps(said, default=str)
    except orjson.JSONEncodeError:
        raise InvalidInput(
            f"{name} is nested more than {MOST_LEVELS} levels deep; send it flatter",
            "nested_too_deeply", field=name, most=MOST_LEVELS,
        ) from None  # fmt: skip
