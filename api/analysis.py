"""Answers of analyses: each keeps its receipt with the question as it was asked, so that it can be asked again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx
import orjson
from fastapi import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.answers import JSON, encode
from api.caching import NO_STORE
from api.dependencies import access_of, service_of
from layers.queries.kept_receipts import Question, has_receipt, keep_receipt

#: A question that is asked again for its receipt keeps none of its own.
_AGAIN = "asked_again"


async def analysed(request: Request, answer: Mapping[str, Any], *, media_type: str = JSON) -> Response:
    """Return an answer; its receipt is kept, where it has one."""
    if has_receipt(answer) and not getattr(request.state, _AGAIN, False):
        question = Question(request.method, request.url.path, request.url.query, await request.body())
        await service_of(request).write(keep_receipt, question, answer, access_of(request).caller)
    return Response(encode(answer), headers=NO_STORE, media_type=media_type)


async def ask_again(request: Request, question: Question) -> tuple[int, Any]:
    """Ask a question once more with the eyes of who asks now; returns the status and the JSON that was answered."""
    state = {"access": access_of(request), _AGAIN: True}

    async def ask(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"] = state
        await request.app(scope, receive, send)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(ask), base_url=str(request.base_url)) as client:
        address = question.path + (f"?{question.query}" if question.query else "")
        answer = await client.request(
            question.method, address, content=question.body, headers={"Content-Type": JSON}, timeout=None
        )
    return answer.status_code, orjson.loads(answer.content)
