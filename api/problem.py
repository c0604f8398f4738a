"""Problem bodies (RFC 9457): the one form in which the service says what was wrong and what would be right."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import orjson
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True)
class Problem:
    """One problem.

    Attributes
    ----------
    code, values
        Which sentence the detail is, and what it tells beside its words: extension members, for those who say it in
        another language. Neither is there without a code.
    extra
        Further extension members of the body.
    headers
        They go beside the body.
    """

    status: int
    detail: str
    title: str | None = None
    code: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> bytes:
        """Return the JSON text; 'about:blank' means that the title is the status's own phrase.

        What a caller said is repeated as far as it can be written: half a surrogate pair has no bytes.
        """
        members: dict[str, Any] = {
            "type": "about:blank",
            "title": self.title or HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        if self.code is not None:
            members |= {"code": self.code, "values": dict(self.values)}
        try:
            return orjson.dumps(members | dict(self.extra), default=str, option=orjson.OPT_SERIALIZE_NUMPY)
        except orjson.JSONEncodeError:
            said = json.dumps(members | dict(self.extra), default=str, ensure_ascii=False)
            return said.encode("utf-8", "replace")

    def response(self) -> Response:
        """Return the answer; a problem is never worth caching."""
        headers = {"Cache-Control": "no-store", **self.headers}
        return Response(self.body(), self.status, headers, media_type=MEDIA_TYPE)


#: What may go wrong at any address that asks for a key.
ALWAYS = (400, 401, 403, 503)
_MEMBERS: dict[str, dict[str, Any]] = {
    **{name: {"type": "string"} for name in ("type", "title", "detail", "instance")},
    "status": {"type": "integer"},
    "code": {"type": "string", "description": "Which sentence 'detail' is; it stays when the sentence is written anew"},
    "values": {"type": "object", "description": "What 'detail' tells beside its words, each by its name"},
}
_CONTENT: dict[str, Any] = {
    MEDIA_TYPE: {
        "schema": {
            "type": "object",
            "description": "RFC 9457: what was wrong, and what would be right",
            "required": ["type", "title", "status", "detail"],
            "properties": _MEMBERS,
        }
    }
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the description of problems for the page of addresses: those of every address, and these."""
    return {
        **{status: {"description": HTTPStatus(status).phrase, "content": _CONTENT} for status in ALWAYS + statuses},
        # With it the framework does not promise an error of its own shape under 422.
        "default": {"description": "Any other problem", "content": _CONTENT},
    }


def answers(media_type: str, *statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the description of good answers of one media type."""
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {media_type: {"schema": {}}}}
        for status in statuses or (200,)
    }
