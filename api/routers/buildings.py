"""One building, one file; and where its sources disagree."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from api.answers import json_answer
from api.dependencies import Host, ObjectId, Who
from layers.buildings.conflicts import ConflictsQuery, list_conflicts, reopen_conflict, settle_conflict
from layers.buildings.dossier import get_dossier

router = APIRouter(tags=["objects"])

Text = Annotated[str | None, Query(max_length=100)]


class Decision(BaseModel):
    """What a person decides: the value of one of the sources, or a value that is known better."""

    by: str = Field(min_length=1, max_length=100, description="Who decides")
    source_id: int | None = Field(default=None, description="Take what this source says")
    value: Any = Field(default=None, description="Take this value")


@router.get("/buildings/conflicts", summary="Where sources disagree, the worst first")
async def conflicts(
    request: Request,
    service: Host,
    caller: Who,
    field: Text = None,
    status: Annotated[str, Query(max_length=20, description="open, settled or all")] = "open",
    min_severity: Annotated[float, Query(ge=0, le=1)] = 0.0,
    building_id: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Text = None,
) -> Response:
    """Return conflicts with what each source says, and a link to the next page."""
    query = ConflictsQuery(field, None if status == "all" else status, min_severity, building_id, limit, cursor)
    answer = await service.read(list_conflicts, query, caller)
    following = answer.pop("next")
    if following is not None:
        address = request.url.include_query_params(cursor=following)
        answer["links"] = [{"rel": "next", "href": str(address), "type": "application/json"}]
    return json_answer(request, answer)


@router.post("/buildings/conflicts/{id}", summary="Settle a conflict")
async def settle(request: Request, id: ObjectId, body: Decision, service: Host, caller: Who) -> Response:
    """Decide which value is right; the record follows at once, and later imports keep to it."""
    values: dict[str, Any] = {"by": body.by, "files": service.settings.files}
    values |= {"value": body.value, "source_id": body.source_id}
    return json_answer(request, await service.write(settle_conflict, id, caller, **values))


@router.delete("/buildings/conflicts/{id}", summary="Take a decision back")
async def reopen(request: Request, id: ObjectId, service: Host, caller: Who) -> Response:
    """Let the rules choose again."""
    return json_answer(request, await service.write(reopen_conflict, id, caller, service.settings.files))


@router.get("/buildings/{id}/dossier", summary="All that is known of a building, source by source")
async def dossier(request: Request, id: ObjectId, service: Host, caller: Who) -> Response:
    """Return the merged record, its sources, conflicts, units, counts of people, storeys and models."""
    return json_answer(request, await service.read(get_dossier, id, caller))
