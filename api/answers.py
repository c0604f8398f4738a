"""Answers made of values: JSON by one fast encoder, with a tag so that an unchanged answer is not sent again."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
from fastapi import Request
from starlette.responses import Response

from api.tile_path import matches

JSON = "application/json"
GEOJSON = "application/geo+json"
VARY = "Authorization, Cookie"


def json_answer(request: Request, value: Any, *, media_type: str = JSON) -> Response:
    """Return a value as JSON."""
    return tagged_answer(request, orjson.dumps(value, default=str, option=orjson.OPT_SERIALIZE_NUMPY), media_type)


def tagged_answer(request: Request, body: bytes, media_type: str) -> Response:
    """Return a body under a tag of its content, or 304 to a client that has it."""
    tag = 'W/"' + hashlib.blake2s(body, digest_size=12).hexdigest() + '"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": VARY}
    if request.method == "GET" and matches(request.headers.get("if-none-match"), tag.encode()):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=media_type)
