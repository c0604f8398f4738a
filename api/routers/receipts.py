"""Receipts of analyses: what was asked and on what the answer rested, and whether it still holds."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from api.analysis import ask_again
from api.answers import JSON, encode
from api.caching import NO_STORE
from api.dependencies import Host, Who
from api.problem import answers, problems
from cim.errors import Conflict
from layers.queries.kept_receipts import Question, compare, find_receipt, has_receipt, told

router = APIRouter(prefix="/receipts", tags=["query"], default_response_class=Response, responses=problems(404))

Hash = Annotated[str, Path(max_length=100, description="The 'hash' of a receipt")]


@router.get("/{hash}", summary="What an analysis was asked, and on what its answer rested", responses=answers(JSON))
async def show(hash: Hash, service: Host, caller: Who) -> Response:
    """Return the question as it was asked, by which role, when, and the layers with their versions and counts."""
    return Response(encode(told(await service.read(find_receipt, hash, caller))), headers=NO_STORE, media_type=JSON)


@router.post(
    "/{hash}/rerun",
    summary="Ask an analysis again: does its answer still hold, and what changed",
    responses=answers(JSON) | problems(409),
)
async def rerun(hash: Hash, request: Request, service: Host, caller: Who) -> Response:
    """Return whether all parts of the answer are as they were, the layers that changed, and the parts that differ."""
    kept = await service.read(find_receipt, hash, caller)
    status, answer = await ask_again(request, Question(kept.method, kept.path, kept.query, kept.body or b""))
    if status >= 300:
        raise Conflict(
            f"the question can no longer be answered: {answer.get('detail') or answer.get('title')}",
            "cannot_ask_again", reason={name: answer[name] for name in ("detail", "code", "values") if name in answer},
        )  # fmt: skip
    if not has_receipt(answer):
        raise Conflict(
            f"the question can no longer be answered: {answer.get('reason') or answer.get('state')}",
            "cannot_ask_again", reason=answer.get("reason") or answer.get("state"),
        )  # fmt: skip
    return Response(encode(compare(kept, answer, caller)), headers=NO_STORE, media_type=JSON)
