"""What the routes ask for: the service, who calls, and under which address."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Query, Request

from api.auth import Access
from api.service import Service
from cim.access import Caller

LARGEST_ID = 2**63 - 1


def service_of(request: Request) -> Service:
    """Return the service of this process."""
    found: Service = request.app.state.service
    return found


def access_of(request: Request) -> Access:
    """Return how the request was let in."""
    found: Access = request.scope["state"]["access"]
    return found


def caller_of(request: Request) -> Caller:
    """Return who calls."""
    return access_of(request).caller


def base_url_of(request: Request) -> str:
    """Return scheme and authority under which the service was called, without a slash at the end."""
    return str(request.base_url).rstrip("/")


Host = Annotated[Service, Depends(service_of)]
Admitted = Annotated[Access, Depends(access_of)]
Who = Annotated[Caller, Depends(caller_of)]
BaseUrl = Annotated[str, Depends(base_url_of)]
AsOf = Annotated[str | None, Query(max_length=200, description="As it was recorded at this moment (RFC 3339)")]
ObjectId = Annotated[int, Path(ge=1, le=LARGEST_ID, description="The object's id")]
