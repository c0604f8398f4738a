"""Signing in with a key, for browsers."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from api.answers import json_answer
from api.auth import COOKIE, LONGEST_KEY
from api.dependencies import Admitted, Host
from cim.errors import Unauthenticated

router = APIRouter(tags=["session"])


class SignIn(BaseModel):
    """The key that the operator has given out."""

    key: str = Field(min_length=1, max_length=LONGEST_KEY)


@router.get("/session", summary="Who am I")
async def show(request: Request, access: Admitted) -> Response:
    """Return the caller's role and area; 'open' tells that no key exists."""
    caller = access.caller
    return json_answer(request, {"role": caller.role, "area": caller.area_code, "open": access.is_open})


@router.post("/session", status_code=204, summary="Sign in with a key")
async def sign_in(request: Request, body: SignIn, service: Host) -> Response:
    """Set the cookie that carries the key until the browser is closed."""
    if await service.keys.find(body.key.strip()) is None:
        raise Unauthenticated(
            "this key is not valid; ask the operator, who makes keys with 'cim key create'", "key_not_valid"
        )
    response = Response(status_code=204)
    is_secure = request.url.scheme == "https"
    response.set_cookie(COOKIE, body.key.strip(), path="/", httponly=True, samesite="strict", secure=is_secure)
    return response


@router.delete("/session", status_code=204, summary="Sign out")
async def sign_out() -> Response:
    """Remove the cookie; needs no valid key, so that a revoked one can be let go."""
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return response
