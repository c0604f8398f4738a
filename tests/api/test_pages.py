"""The viewer's files, the API's page and the scenes: caching, policies, and nothing beside them."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import httpx
import pytest
from sqlalchemy import Engine

from api.frontend import Frontend
from api.security_headers import PAGE_POLICY, scene_policy

Clients = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.mark.anyio
async def test_the_page_is_asked_for_anew_and_its_assets_are_kept(clients: Clients) -> None:
    async with clients() as client:
        page = await client.get("/")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert page.headers["cache-control"] == "no-cache"
        assert page.headers["content-security-policy"] == PAGE_POLICY
        unchanged = await client.get("/", headers={"If-None-Match": page.headers["etag"]})
        asset = await client.get("/assets/main-abc123.js")
        assert "immutable" in asset.headers["cache-control"]
        assert asset.headers["content-type"].startswith("text/javascript")
        assert asset.headers["content-encoding"] == "gzip"
        part = await client.get("/assets/main-abc123.js", headers={"Range": "bytes=0-5"})
        assert (part.status_code, part.text) == (206, "export")
        missing = await client.get("/assets/gone-123.js")
        assert missing.status_code == 404
        assert "immutable" not in missing.headers.get("cache-control", "")
    assert unchanged.status_code in (200, 304)


@pytest.mark.anyio
async def test_without_a_build_the_page_says_how_to_make_one(clients: Clients, frontend: Frontend) -> None:
    shutil.rmtree(frontend.viewer[0])
    async with clients() as client:
        answer = await client.get("/")
        assert answer.status_code == 503
        assert "npm run build" in answer.text
        assert (await client.get("/assets/main-abc123.js")).status_code == 404
        assert (await client.get("/api/layers")).status_code == 200


@pytest.mark.anyio
async def test_the_page_of_the_api_uses_its_own_files_only(clients: Clients, frontend: Frontend) -> None:
    async with clients() as client:
        assert (await client.get("/api/docs")).status_code == 503
    folder = frontend.viewer[0] / "swagger"
    folder.mkdir()
    for name in ("swagger-ui-bundle.js", "swagger-ui.css", "package.json"):
        (folder / name).write_text("/* swagger */")
    object.__setattr__(frontend, "swagger", (folder,))
    async with clients() as client:
        page = await client.get("/api/docs")
        assert page.status_code == 200
        assert "://" not in page.text
        assert "<script>" not in page.text
        for name in ("swagger-ui-bundle.js", "swagger-ui.css", "start.js"):
            assert (await client.get(f"/api/docs/{name}")).status_code == 200
        for name in ("package.json", "..%2findex.html", "x"):
            assert (await client.get(f"/api/docs/{name}")).status_code == 404


@pytest.mark.anyio
async def test_a_scene_loads_nothing_from_outside(clients: Clients, city: Engine) -> None:
    async with clients() as client:
        page = await client.get("/scenes/overview.html")
        assert page.status_code == 200
        assert page.headers["content-type"].startswith("text/html")
        assert "'unsafe-inline'" not in page.headers["content-security-policy"].split("style-src")[0]
        for word in ("https://", "//cdn", "unpkg", "mapbox.com"):
            assert word not in page.text, word
        for source in static_addresses(page.text):
            assert (await client.get(source)).status_code == 200, source
        assert (await client.get("/scenes/nope.html")).status_code == 404
        for name in ("../../../etc/passwd", "..%2f..%2fsecret", "nope.js", ""):
            assert (await client.get(f"/scenes/static/{name}")).status_code == 404, name


def static_addresses(html: str) -> list[str]:
    """Return the addresses of scripts and style sheets of a page."""
    return re.findall(r"""(?:src|href)=["'](/scenes/static/[^"']+)["']""", html)


def test_the_policy_of_a_scene_names_its_inline_scripts_and_no_others() -> None:
    html = '<script src="/a.js"></script><script type="text/javascript">let a = 1;\n</script><SCRIPT>b()</SCRIPT>'
    policy = scene_policy(html)
    for script in ("let a = 1;\n", "b()"):
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert policy.count("sha256-") == 2
    assert "unsafe-inline" not in policy.split("style-src")[0]
