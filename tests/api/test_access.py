"""Who is let in: open on loopback without a key; with keys nothing but by a key."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import anyio
import httpx
import pytest
from sqlalchemy import Engine

from cim.keys import revoke_key

pytestmark = pytest.mark.anyio

Clients = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
PROBLEM = "application/problem+json"


async def test_without_a_key_this_machine_is_the_administrator(clients: Clients) -> None:
    async with clients() as client:
        answer = await client.get("/session")
    assert answer.json() == {"role": "admin", "area": None, "open": True}


@pytest.mark.parametrize("address", ["192.168.1.7", "::ffff:192.168.1.7"])
async def test_without_a_key_no_other_machine_is_served(clients: Clients, address: str) -> None:
    async with clients(address=address) as client:
        answer = await client.get("/api/config")
    assert answer.status_code == 401
    assert "cim key create" in answer.json()["detail"]


async def test_a_proxy_on_this_machine_does_not_make_its_clients_administrators(clients: Clients) -> None:
    async with clients() as client:
        answer = await client.get("/api/config", headers={"X-Forwarded-For": "192.168.1.7"})
    assert answer.status_code == 401


async def test_a_rebound_name_is_refused_and_the_names_of_this_machine_are_served(clients: Clients) -> None:
    foreign = ["evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.nip.io", "", "[", "0.0.0.0"]
    own = ["localhost", "localhost:9", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST"]
    async with clients() as client:
        for host in foreign:
            answer = await client.get("/api/config", headers={"Host": host})
            assert (answer.status_code, answer.headers["content-type"]) == (403, PROBLEM), host
        for host in own:
            assert (await client.get("/api/config", headers={"Host": host})).status_code == 200, host


async def test_another_sites_page_changes_nothing(clients: Clients) -> None:
    foreign = [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"},
               {"Origin": "http://["}, {"Origin": "http://localhost:9999"}]  # fmt: skip
    async with clients() as client:
        for headers in foreign:
            for path in ("/session", "/query/inventory"):
                assert (await client.post(path, json={}, headers=headers)).status_code == 403, (path, headers)


PATHS = ["/api/config", "/api/layers", "/api/models", "/api/openapi.json", "/api/docs", "/metrics", "/live", "/session",
         "/tiles/buildings.json", "/tiles/buildings/0/0/0.mvt", "/terrain.json", "/terrain/0/0/0.png",
         "/styles/base.json", "/ogc/", "/ogc/collections", "/objects/1", "/buildings/1/dossier", "/search?q=a",
         "/3d/models/1/tileset.json", "/scenes/overview.html", "/scenes/static/pydeck.js", "/nothing", "//api/config",
         "/assets", "/Assets/x", "/API/config", "/%2e%2e/api/config"]  # fmt: skip


async def test_with_a_key_every_other_path_asks_for_it(clients: Clients, make_key: Callable[..., str]) -> None:
    make_key("viewer")
    async with clients() as client:
        for path in PATHS:
            for method in ("GET", "HEAD", "POST", "OPTIONS"):
                if (method, path) == ("POST", "/session"):
                    continue
                answer = await client.request(method, path)
                assert (answer.status_code, answer.headers["content-type"]) == (401, PROBLEM), (method, path)
                assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_liveness_and_the_viewer_need_no_key(clients: Clients, make_key: Callable[..., str]) -> None:
    make_key("viewer")
    async with clients(address="192.168.1.7") as client:
        for path in ("/healthz", "/readyz", "/", "/assets/main-abc123.js", "/icon.svg"):
            assert (await client.get(path)).status_code == 200, path


async def test_a_key_gives_its_role(clients: Clients, make_key: Callable[..., str]) -> None:
    keys = {role: make_key(role, "440307") for role in ("viewer", "service", "planner", "commander", "admin")}
    async with clients(address="192.168.1.7") as client:
        for role, key in keys.items():
            answer = await client.get("/session", headers={"Authorization": f"Bearer {key}"})
            assert answer.json() == {"role": role, "area": "440307", "open": False}


async def test_sign_in_sets_a_cookie_that_works_and_sign_out_removes_it(
    clients: Clients, make_key: Callable[..., str]
) -> None:
    key = make_key("planner")
    async with clients() as client:
        signed_in = await client.post("/session", json={"key": key})
        assert signed_in.status_code == 204
        cookie = signed_in.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert (await client.get("/session")).json()["role"] == "planner"
        foreign = await client.post("/query/inventory", json={}, headers={"Origin": "http://evil.example"})
        assert foreign.status_code == 403
        assert (await client.delete("/session")).status_code == 204
        assert (await client.get("/session")).status_code == 401


async def test_a_wrong_key_is_refused(clients: Clients, make_key: Callable[..., str]) -> None:
    make_key("viewer")
    async with clients() as client:
        for key in ("", "wrong", "cim_" + "x" * 43, "钥匙", "a" * 100_000, "a\x00b"):
            assert (await client.post("/session", json={"key": key})).status_code in (400, 401)
            header = {b"Authorization": b"Bearer " + key.encode()[:5000]}
            assert (await client.get("/session", headers=header)).status_code == 401
            cookie = {b"Cookie": b"cim_session=" + key.encode()[:5000]}
            assert (await client.get("/session", headers=cookie)).status_code == 401


async def test_a_revoked_key_is_refused_within_five_seconds(
    clients: Clients, make_key: Callable[..., str], engine: Engine
) -> None:
    make_key("admin")
    key = make_key("viewer")
    async with clients(authorization=f"Bearer {key}") as client:
        assert (await client.get("/session")).status_code == 200
        with engine.begin() as connection:
            revoke_key(connection, key)
        await anyio.sleep(5)
        assert (await client.get("/session")).status_code == 401


async def test_a_first_key_closes_the_service_within_five_seconds(
    clients: Clients, make_key: Callable[..., str]
) -> None:
    async with clients() as client:
        assert (await client.get("/session")).status_code == 200
        make_key("viewer")
        await anyio.sleep(5)
        assert (await client.get("/session")).status_code == 401
