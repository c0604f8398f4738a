"""Is it alive, is it ready, what does it do: for supervisors, load balancers and Prometheus."""

from __future__ import annotations

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response

from api.answers import json_answer
from api.dependencies import Host
from api.problem import Problem
from cim import schema
from cim.errors import CimError

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="Liveness: the process answers")
async def healthz(request: Request) -> Response:
    """Answer without asking anyone else."""
    return json_answer(request, {"status": "ok"})


@router.get("/readyz", summary="Readiness: the database answers and has the right schema")
async def readyz(request: Request, service: Host) -> Response:
    """Answer 200 or 503."""
    try:
        await service.read(schema.require_ready)
    except (CimError, SQLAlchemyError, OSError) as error:
        detail = error.detail if isinstance(error, CimError) else "the database does not answer"
        return Problem(503, detail, extra={"database": False}, headers={"Retry-After": "5"}).response()
    return json_answer(request, {"status": "ready", "database": True, "migration": schema.head_revision()})


@router.get("/metrics", summary="Figures for Prometheus")
async def metrics(service: Host) -> Response:
    """Return the exposition text."""
    service.measure()
    return Response(service.metrics.text(), headers={"Cache-Control": "no-store"}, media_type=CONTENT_TYPE_LATEST)
