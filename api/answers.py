"""Answers made of values: JSON by one fast encoder, with a tag so that an unchanged answer is not sent again."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from fastapi import Request
from starlette.responses import Response

from api.auth import Access
from api.caching import cache_headers, content_tag, matches, takes_gzip
from api.dependencies import access_of
from cim.gzip_body import unpacked

JSON = "application/json"
GEOJSON = "application/geo+json"


def json_answer(request: Request, value: Any, *, media_type: str = JSON) -> Response:
    """Return a value as JSON."""
    return tagged_answer(request, encode(value), media_type)


def encode(value: Any) -> bytes:
    """Return a value as JSON text."""
    # Column names are a subclass of str, which is no string to orjson.
    return orjson.dumps(value, default=str, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)


def tagged_answer(request: Request, body: bytes, media_type: str) -> Response:
    """Return a body under a tag of its content, or 304 to a client that has it."""
    tag = content_tag(body)
    headers = cache_headers(tag, access_of(request)) if "access" in request.scope["state"] else {}
    if request.method == "GET" and matches(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=media_type)


async def gzip_answer(request: Request, body: bytes, tag: str, access: Access, media_type: str) -> Response:
    """Return a gzip body, unpacked for a client that does not ask for gzip: plain ones read JSON as it comes."""
    headers = cache_headers(tag, access)
    if takes_gzip(request.headers.get("accept-encoding", "")):
        headers["Content-Encoding"] = "gzip"
    else:
        body = await asyncio.to_thread(unpacked, body)
    return Response(body, headers=headers, media_type=media_type)
