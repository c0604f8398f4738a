"""Bad requests: every one gets a problem body that says what was wrong, and none a 5xx or words of the database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import psycopg
import pytest
from sqlalchemy.exc import DataError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from api.edge import BODY_LIMIT
from api.errors import problem_of
from cim.errors import CimError, ClusterFailure, InvalidGeometry, NotFound, TooLarge

pytestmark = pytest.mark.anyio

Clients = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
LEAKS = ("select ", "psycopg", "sqlalchemy", "traceback", "/work", "/root", "/tmp", "site-packages", "host=")


def check_problem(answer: httpx.Response, what: object) -> dict[str, Any]:
    """Check the form of a problem and return it."""
    assert 400 <= answer.status_code < 500, (what, answer.status_code, answer.text[:300])
    assert answer.headers["content-type"] == "application/problem+json", what
    body: dict[str, Any] = answer.json()
    assert body["status"] == answer.status_code
    assert body["title"]
    assert body["detail"]
    assert len(answer.content) < 4000, what
    shown = f"{body['detail']} {body.get('values')}".lower()
    assert not [leak for leak in LEAKS if leak in shown and leak not in str(what).lower()], (what, shown)
    return body


async def test_the_wrong_method_is_told_the_right_one(client: httpx.AsyncClient) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH", "BREW"):
        answer = await client.request(method, "/api/layers")
        assert answer.status_code == 405
        assert "GET" in answer.headers["allow"]
        check_problem(answer, method)


BODIES = [b"", b"{", b"null", b"[]", b'"x"', b"[" * 100_000, b'{"key":' * 5000, b'{"key": NaN}', b'{"key": 1e999}',
          b'{"key": ' + b"9" * 10_000 + b"}", b'{"key": "\\ud800"}', b'{"key": "\\u0000"}', b"\xff\xfe\x00", b"key=1",
          b'{"key": {"key": []}}', b'{"other": 1}']  # fmt: skip


async def test_garbage_bodies_are_refused(client: httpx.AsyncClient) -> None:
    for body in BODIES:
        for kind in ("application/json", "text/plain", "application/x-www-form-urlencoded", "nonsense", ""):
            answer = await client.post("/session", content=body, headers={"Content-Type": kind})
            check_problem(answer, (body[:40], kind))


async def test_a_body_over_the_limit_is_refused_by_its_length_and_while_it_comes(client: httpx.AsyncClient) -> None:
    by_length = await client.post("/session", content=b"", headers={"Content-Length": str(BODY_LIMIT + 1)})
    assert check_problem(by_length, "length")["status"] == 413
    sent = 0

    async def parts() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 20 * BODY_LIMIT:
            sent += 1024 * 1024
            yield b" " * 1024 * 1024

    streamed = await client.post("/session", content=parts())
    assert check_problem(streamed, "stream")["status"] == 413
    assert sent <= BODY_LIMIT + 2 * 1024 * 1024


@pytest.mark.parametrize(
    ("address", "code", "values"),
    [
        ("/zones/999999", "no_such_zone", {"id": 999999}),
        ("/search?q=%20", "search_empty", {}),
        ("/search?q=x&limit=0", "number_too_small", {"field": "limit", "limit": 1}),
        ("/search", "missing", {"fields": ["q"]}),
        ("/search?q=x&bbox=1,2,3", "bbox_wrong", {"given": "1,2,3"}),
        ("/sensors/7/series?points=many", "not_a_whole_number", {"field": "points"}),
        ("/query/nearest?from=114.2", "not_a_position", {"field": "from", "given": "[114.2]"}),
        ("/query/route?from=114.2,22.7", "missing", {"fields": ["to"]}),
        ("/terrain/height?lon=200&lat=0", "not_on_earth", {"given": "200.0, 0.0"}),
        ("/networks/gas/isolate?from=1", "no_such_network", {"given": "gas"}),
        ("/ogc/collections/ghosts/items", "no_such_layer", {"layer": "ghosts"}),
        ("/nowhere", "no_such_address", {"path": "/nowhere"}),
    ],
)
async def test_a_problem_has_its_sentence_by_a_code_and_its_values(
    client: httpx.AsyncClient, address: str, code: str, values: dict[str, Any]
) -> None:
    body = check_problem(await client.get(address), address)
    assert body["code"] == code, body
    assert {name: body["values"].get(name) for name in values} == values


async def test_an_error_in_a_part_has_its_own_sentence_within(client: httpx.AsyncClient) -> None:
    """What comes from the field names the entry, and says of it what it would say of one that is sent alone."""
    incident = (await client.post("/incidents", json={"name": "积水", "by": "李四"})).json()
    entry = {"uuid": "7e0f6a86-5dd1-4c4b-9c73-0a36a3a4d0aa", "kind": "note"}
    sent = {"format": "cim-incident-additions", "incident": incident["uuid"], "by": "李四", "entries": [entry]}
    answer = await client.post(f"/incidents/{incident['id']}/additions", json=sent)
    body = check_problem(answer, sent)
    assert (body["code"], body["values"]["part"]) == ("in_part", "entries[0]")
    assert body["values"]["reason"]["code"] == "note_needs_text_or_place"


async def test_a_head_is_a_get_without_a_body(client: httpx.AsyncClient) -> None:
    for path in ("/healthz", "/api/layers", "/tiles/buildings.json", "/", "/nothing", "/live"):
        head = await client.head(path)
        assert head.content == b"", path
        if path != "/live":
            got = await client.get(path)
            assert (head.status_code, head.headers["content-type"]) == (got.status_code, got.headers["content-type"])


async def test_every_answer_has_the_security_headers(client: httpx.AsyncClient) -> None:
    for path in ("/", "/healthz", "/nothing", "/api/layers", "/tiles/buildings/14/1/1.mvt", "/assets/main-abc123.js"):
        headers = (await client.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff", path
        policy = headers["content-security-policy"]
        script = next((part for part in policy.split("; ") if part.startswith("script-src")), "default-src 'none'")
        assert "unsafe-inline" not in script, path
        assert "'unsafe-eval'" not in script, path


class Unheard(CimError):
    """A new kind of error."""


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidGeometry("the ring crosses itself at 114.2 22.7"), 422),
        (TooLarge("too many"), 422),
        (NotFound(), 404),
        (OperationalError("select secret", {}, psycopg.errors.QueryCanceled("select secret")), 503),
        (OperationalError("select secret", {}, psycopg.OperationalError("host=/secret failed")), 503),
        (DataError("select secret", {}, psycopg.errors.NumericValueOutOfRange("secret")), 400),
        (ProgrammingError("select secret", {}, psycopg.errors.UndefinedColumn("secret")), 500),
        (PoolTimeoutError("secret pool"), 503),
        (ClusterFailure("the folder /secret is not ours"), 500),
        (Unheard("secret"), 500),
        (RuntimeError("secret"), 500),
        (ExceptionGroup("secret", [ValueError("secret")]), 500),
    ],
)
def test_errors_become_their_status_and_tell_no_secret(error: Exception, status: int) -> None:
    problem = problem_of(error, "/x")
    assert (problem.code is None) == (status == 422), "only a sentence of its own may be without a code"
    assert problem.status == status
    assert b"secret" not in problem.body()
    if status == 503:
        assert int(problem.headers["Retry-After"]) > 0
