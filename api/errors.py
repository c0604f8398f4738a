"""One table from errors to HTTP status; nothing of SQL, addresses of databases or paths of the server gets out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import psycopg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api.problem import Problem
from cim import errors as cim_errors
from cim.errors import CimError
from tiles.briefing_pdf import NoBrowser

log = logging.getLogger("api")

RETRY_AFTER_S = 5
SHOWN_PATH_LENGTH = 200


class BodyTooLarge(CimError):
    """The body of the request is larger than the limit."""


#: The nearest class of an error's ancestry decides.
STATUS: dict[type[CimError], int] = {
    BodyTooLarge: 413,
    cim_errors.InvalidInput: 400,
    cim_errors.InvalidGeometry: 422,
    cim_errors.TooLarge: 422,
    cim_errors.InvalidFile: 422,
    cim_errors.UnplacedModel: 422,
    cim_errors.NotFound: 404,
    cim_errors.Unauthenticated: 401,
    cim_errors.Forbidden: 403,
    cim_errors.Conflict: 409,
    cim_errors.Busy: 503,
    NoBrowser: 501,
    cim_errors.DatabaseUnavailable: 503,
    cim_errors.DatabaseNotReady: 503,
    cim_errors.CimError: 500,
}

#: Bounds of a field in the framework's words, and the sentence of a value that does not keep them.
_BOUNDS = {
    "ge": "number_too_small", "gt": "number_too_small", "le": "number_too_large", "lt": "number_too_large",
    "min_length": "text_too_short", "max_length": "text_too_long",
}  # fmt: skip

HEADERS: dict[int, dict[str, str]] = {
    401: {"WWW-Authenticate": 'Bearer realm="cim"'},
    503: {"Retry-After": str(RETRY_AFTER_S)},
}


def problem_of(error: Exception, path: str) -> Problem:
    """Return what a caller is told of an error; unexpected ones are logged under an id, and only the id is told."""
    if isinstance(error, CimError):
        return _known(error)
    if isinstance(error, RequestValidationError):
        return _validation(error.errors())
    if isinstance(error, HTTPException):
        # While it reads a body the framework wraps whatever goes wrong; the reason is more telling.
        cause = error.__cause__
        return _known(cause) if isinstance(cause, CimError) else _http(error, path)
    if isinstance(error, SQLAlchemyError):
        return _database(error)
    return _unexpected(error)


def add_handlers(app: FastAPI) -> None:
    """Make every error of the application a problem body."""

    async def answer(request: Request, error: Exception) -> Response:
        return problem_of(error, request.url.path).response()

    for kind in (CimError, RequestValidationError, HTTPException, SQLAlchemyError, Exception):
        app.add_exception_handler(kind, answer)


def _known(error: CimError) -> Problem:
    status = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    if status == 500:
        # A setting or the cluster: its words are for the operator, and may name paths.
        return _unexpected(error)
    return Problem(status, error.detail, code=error.code, values=error.values, headers=HEADERS.get(status, {}))


def _validation(faults: Sequence[Any]) -> Problem:
    found = [
        {"where": ".".join(str(part) for part in fault["loc"]), "message": str(fault["msg"])} for fault in faults[:20]
    ]
    detail = "; ".join(f"{fault['where']}: {fault['message']}" for fault in found)
    return Problem(400, detail, code=_code_of(faults[0]), values=_values_of(faults[0]), extra={"errors": found})


def _code_of(fault: Any) -> str:
    """Return which sentence says what the framework found wrong with a field: the commonest have their own."""
    kind, bounds = str(fault["type"]), fault.get("ctx") or {}
    if kind in ("missing", "json_invalid"):
        return {"missing": "missing", "json_invalid": "body_not_json"}[kind]
    if kind.startswith(("int_", "float_")):
        return "not_a_number" if kind.startswith("float") else "not_a_whole_number"
    return next((code for bound, code in _BOUNDS.items() if bound in bounds), "field_wrong")


def _values_of(fault: Any) -> dict[str, Any]:
    """Return the field, the bound that it does not keep, and the framework's words; what was sent may be a secret."""
    name = ".".join(str(part) for part in fault["loc"][1:]) or str(fault["loc"][0])
    told: dict[str, Any] = {"field": name, "fields": [name], "reason": str(fault["msg"])}
    limits = [value for bound, value in (fault.get("ctx") or {}).items() if bound in _BOUNDS]
    return told | {"limit": limits[0]} if limits else told


def _http(error: HTTPException, path: str) -> Problem:
    headers = dict(error.headers or {})
    shown = path[:SHOWN_PATH_LENGTH]
    # The status's own name where there is no more to say: 'request_timeout'.
    code, values = HTTPStatus(error.status_code).name.lower(), {}
    if error.status_code == 404:
        detail = f"there is nothing at '{shown}'; /api/docs lists all addresses"
        code, values = "no_such_address", {"path": shown}
    elif error.status_code == 405:
        allowed = headers.get("Allow", headers.get("allow", ""))
        detail = f"this method is not allowed at '{shown}'; allowed: {allowed}"
        code, values = "method_not_allowed", {"path": shown, "allowed": allowed}
    else:
        detail = str(error.detail)
    return Problem(error.status_code, detail, code=code, values=values, headers=headers)


def _database(error: SQLAlchemyError) -> Problem:
    cause = error.orig if isinstance(error, DBAPIError) else None
    if isinstance(cause, psycopg.errors.QueryCanceled):
        return _unavailable(
            "the query took longer than the service allows; ask for a smaller area or fewer layers", "query_too_slow"
        )
    if isinstance(cause, psycopg.DataError):
        return Problem(400, "a value is out of the range that the database takes", code="value_out_of_range")
    if isinstance(error, PoolTimeoutError):
        return _known(cim_errors.Busy())
    if isinstance(cause, psycopg.OperationalError):
        log.warning("the database failed: %s", type(cause).__name__)
        return _unavailable("the database does not answer; try again in a moment", "database_unavailable")
    return _unexpected(error)


def _unavailable(detail: str, code: str) -> Problem:
    return Problem(503, detail, code=code, headers=HEADERS[503])


def _unexpected(error: Exception) -> Problem:
    fault = uuid4().hex[:12]
    log.error("unexpected error %s", fault, exc_info=error)
    return Problem(
        500, f"the service failed; its log has the reason under the id {fault}", code="failed", values={"id": fault},
        extra={"instance": f"urn:cim:{fault}"},
    )  # fmt: skip
