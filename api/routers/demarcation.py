"""Three zones around a case in one request, the rules for it, and the log of all zones."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from api.analysis import analysed
from api.answers import JSON, encode
from api.caching import NO_STORE
from api.dependencies import LARGEST_ID, Host, Who
from api.json_body import parse_json
from api.problem import answers, problems
from layers.zones.decision import decide
from layers.zones.group import lift
from layers.zones.log import MOST, read_chain
from layers.zones.request import parse_request
from layers.zones.rules import rule_sets

router = APIRouter(prefix="/zones", tags=["zones"], default_response_class=Response, responses=problems())

SCHEMA: dict[str, Any] = {
    "description": "'by', 'at' with one of 'position', 'address', 'building', 'unit', 'event'; optional 'rule',"
    " 'sealed_m', 'controlled_m', 'name', 'note', 'dry_run' (write nothing), 'apart' (zones of its own even inside a"
    " controlled zone)",
    "type": "object",
    "required": ["by", "at"],
    "example": {"by": "张三", "at": {"position": [114.22, 22.7]}, "rule": "block", "dry_run": True},
}


@router.get("/rules", summary="Rule sets of /zones/demarcate", responses=answers(JSON))
async def rules() -> Response:
    """Return what each seals and controls."""
    told = [one.told() for one in rule_sets().values()]
    return Response(encode({"rules": told}), headers=NO_STORE, media_type=JSON)


@router.post(
    "/demarcate",
    summary="Three zones around a case: sealed, controlled, prevention",
    responses=answers(JSON) | problems(404, 409, 413),
    openapi_extra={"requestBody": {"required": True, "content": {JSON: {"schema": SCHEMA}}}},
)
async def demarcate(request: Request, service: Host, caller: Who) -> Response:
    """Return the zones with gates and counts, the rules, the entry of the log, and a receipt."""
    caller.require("demarcate")
    asked = parse_request(parse_json(await request.body(), "an object with 'by' and 'at'"))
    answer = await service.write(decide, asked, caller)
    if asked.is_dry:
        return await analysed(request, answer)
    # Asking it again would decide again: what was decided is in the log, and is replayed from there.
    return Response(encode(answer), headers=NO_STORE, media_type=JSON)


@router.delete(
    "/demarcations/{group}", summary="Lift the three zones of a group", status_code=204, responses=problems(404)
)
async def lift_group(
    group: Annotated[str, Path(max_length=64)],
    service: Host,
    caller: Who,
    by: Annotated[str, Query(min_length=1, max_length=100)],
    note: Annotated[str | None, Query(max_length=2000)] = None,
) -> Response:
    """Drop them; their log stays."""
    await service.write(partial(lift, by=by, note=note), group, caller)
    return Response(status_code=204)


@router.get("/log", summary="The log of all zones, and whether it is as it was written", responses=answers(JSON))
async def log(
    service: Host,
    caller: Who,
    after: Annotated[int, Query(ge=0, le=LARGEST_ID, description="The id of the entry before")] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
) -> Response:
    """Return entries, oldest first, each with its hash; 'verified' is of these entries and the one before them."""
    caller.require("demarcate")
    answer = await service.query(read_chain, after, limit, caller)
    return Response(encode(answer), headers=NO_STORE, media_type=JSON)
