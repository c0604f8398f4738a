"""Problem bodies (RFC 9457): the one form in which the service says what was wrong and what would be right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import orjson
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True)
class Problem:
    """One problem; ``extra`` are extension members of the body, ``headers`` go beside it."""

    status: int
    detail: str
    title: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> bytes:
        """Return the JSON text; 'about:blank' means that the title is the status's own phrase."""
        members = {
            "type": "about:blank",
            "title": self.title or HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        return orjson.dumps(members | dict(self.extra), default=str)

    def response(self) -> Response:
        """Return the answer; a problem is never worth caching."""
        headers = {"Cache-Control": "no-store", **self.headers}
        return Response(self.body(), self.status, headers, media_type=MEDIA_TYPE)
