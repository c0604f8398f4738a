"""A request's JSON body."""

from __future__ import annotations

from typing import Any

import orjson

from cim.errors import InvalidInput


def parse_json(body: bytes, wanted: str) -> Any:
    """Return the document of a body; ``wanted`` says what to send instead of what is no JSON (raises InvalidInput)."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(
            f"the body is not JSON ({error}); send {wanted}", "body_not_json", reason=str(error), wanted=wanted
        ) from None
