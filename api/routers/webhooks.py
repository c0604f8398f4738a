"""Webhooks: other services that are told of events."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from api.answers import JSON, encode
from api.caching import NO_STORE
from api.dependencies import Host, ObjectId, Who
from api.parameters import parse_box
from api.problem import answers, problems
from layers.live.webhooks.target import check_target
from layers.live.webhooks.webhooks import (
    MOST,
    STEPS,
    Wish,
    add_webhook,
    list_deliveries,
    list_webhooks,
    remove_webhook,
    resend,
)

router = APIRouter(prefix="/webhooks", tags=["webhooks"], default_response_class=Response, responses=problems())

Code = Annotated[str, Field(min_length=1, max_length=60)]


class Wanted(BaseModel):
    """Whom to tell, and of which events; what is left out is no condition."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(min_length=1, max_length=2000, description="https://host/path")
    name: str | None = Field(default=None, max_length=200)
    types: list[Code] = Field(default=[], max_length=100, description="Beginnings of codes of types: A, A03, P0101")
    steps: list[Code] = Field(default=[], max_length=20, description=" | ".join(STEPS))
    severity: int | None = Field(default=None, ge=1, le=4, description="The least grave one; 1 is the gravest")
    area_code: Code | None = Field(default=None, description="A beginning of codes of areas")
    bbox: list[float] | None = Field(default=None, description="west, south, east, north in degrees")


@router.post("", summary="Add a webhook", status_code=201, responses=answers(JSON, 201) | problems(413))
async def add(body: Wanted, service: Host, caller: Who) -> Response:
    """Return the webhook with its secret, which cannot be shown again."""
    caller.require("administer")
    await check_target(body.url, service.settings.webhook_targets)
    box = None if body.bbox is None else parse_box(",".join(map(str, body.bbox)))
    wish = Wish(body.url, body.name, tuple(body.types), tuple(body.steps), body.severity, body.area_code, box)
    return Response(encode(await service.write(add_webhook, wish, caller)), 201, NO_STORE, JSON)


@router.get("", summary="All webhooks", responses=answers(JSON))
async def listing(service: Host, caller: Who) -> Response:
    """Return the webhooks without secrets, with how many deliveries wait, were made and given up."""
    found = await service.read(list_webhooks, caller)
    return Response(encode({"webhooks": found}), headers=NO_STORE, media_type=JSON)


@router.delete("/{id}", summary="Remove a webhook", status_code=204, responses=problems(404))
async def remove(id: ObjectId, service: Host, caller: Who) -> Response:
    """Forget it, and what it has not been told yet."""
    await service.write(remove_webhook, id, caller)
    return Response(status_code=204)


@router.get(
    "/{id}/deliveries",
    summary="What a webhook was told, newest first",
    responses=answers(JSON) | problems(404),
)
async def deliveries(
    request: Request,
    id: ObjectId,
    service: Host,
    caller: Who,
    state: Annotated[str | None, Query(max_length=20, description="waiting | delivered | given_up")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
    after: Annotated[int | None, Query(ge=1, le=2**63 - 1, description="The id of the last one before")] = None,
) -> Response:
    """Return deliveries with their attempts, and a link to older ones."""
    found = await service.read(list_deliveries, id, caller, state=state, limit=limit, after=after)
    answer: dict[str, Any] = {"deliveries": found, "links": []}
    if len(found) == limit:
        address = request.url.include_query_params(after=found[-1]["id"])
        answer["links"] = [{"rel": "next", "href": str(address), "type": JSON}]
    return Response(encode(answer), headers=NO_STORE, media_type=JSON)


@router.post(
    "/{id}/resend",
    summary="Tell a webhook again what was given up",
    responses=answers(JSON) | problems(404, 409),
)
async def send_again(
    id: ObjectId,
    service: Host,
    caller: Who,
    delivery: Annotated[int | None, Query(ge=1, le=2**63 - 1, description="Only this one; all without")] = None,
) -> Response:
    """Return how many deliveries are sent again, once, as they were."""
    count = await service.write(resend, id, caller, delivery)
    return Response(encode({"resent": count}), headers=NO_STORE, media_type=JSON)
