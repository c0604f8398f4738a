"""One table from errors to HTTP status; nothing of SQL, addresses of databases or paths of the server gets out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
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
    return Problem(status, error.detail, headers=HEADERS.get(status, {}))


def _validation(faults: Sequence[Any]) -> Problem:
    found = [
        {"where": ".".join(str(part) for part in fault["loc"]), "message": str(fault["msg"])} for fault in faults[:20]
    ]
    detail = "; ".join(f"{fault['where']}: {fault['message']}" for fault in found)
    return Problem(400, detail, extra={"errors": found})


def _http(error: HTTPException, path: str) -> Problem:
    headers = dict(error.headers or {})
    shown = path[:SHOWN_PATH_LENGTH]
    if error.status_code == 404:
        detail = f"there is nothing at '{shown}'; /api/docs lists all addresses"
    elif error.status_code == 405:
        detail = f"this method is not allowed at '{shown}'; allowed: {headers.get('Allow', headers.get('allow', ''))}"
    else:
        detail = str(error.detail)
    return Problem(error.status_code, detail, headers=headers)


def _database(error: SQLAlchemyError) -> Problem:
    cause = error.orig if isinstance(error, DBAPIError) else None
    if isinstance(cause, psycopg.errors.QueryCanceled):
        return _unavailable("the query took longer than the service allows; ask for a smaller area or fewer layers")
    if isinstance(cause, psycopg.DataError):
        return Problem(400, "a value is out of the range that the database takes")
    if isinstance(error, PoolTimeoutError):
        return _unavailable("the server is busy; try again in a moment")
    if isinstance(cause, psycopg.OperationalError):
        log.warning("the database failed: %s", type(cause).__name__)
        return _unavailable("the database does not answer; try again in a moment")
    return _unexpected(error)


def _unavailable(detail: str) -> Problem:
    return Problem(503, detail, headers=HEADERS[503])


def _unexpected(error: Exception) -> Problem:
    fault = uuid4().hex[:12]
    log.error("unexpected error %s", fault, exc_info=error)
    return Problem(
        500, f"the service failed; its log has the reason under the id {fault}", extra={"instance": f"urn:cim:{fault}"}
    )
