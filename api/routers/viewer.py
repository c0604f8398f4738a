"""The viewer's files: its page is asked for anew each time, its hashed assets are kept for ever."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from api.frontend import Frontend
from api.security_headers import PAGE_POLICY

router = APIRouter(include_in_schema=False)

PAGE_HEADERS = {"Cache-Control": "no-cache", "Content-Security-Policy": PAGE_POLICY}
ASSET_HEADERS = {"Cache-Control": "public, max-age=31536000, immutable", "Content-Security-Policy": PAGE_POLICY}
ICON_TYPE = "image/svg+xml"

NOT_BUILT = """<!doctype html><html lang="zh-CN"><meta charset="utf-8"><title>城市信息模型</title>
<style>body{font:16px/1.7 system-ui,sans-serif;max-width:40rem;margin:15vh auto;padding:0 1rem;color:#1f2937}
code{background:#f1f5f9;padding:.1em .4em;border-radius:4px}</style>
<h1>网页还没有构建</h1><p>服务已在运行，只缺网页文件。请运行 <code>./run demo</code>，或在 <code>web/</code> 中运行
<code>npm ci --ignore-scripts &amp;&amp; npm run build</code>，
然后刷新本页。接口说明在 <a href="/api/docs">/api/docs</a>。</p>
<h1 lang="en">The viewer has not been built yet</h1><p lang="en">The service runs; only the page's files are missing.
Run <code>./run demo</code>, or <code>npm ci --ignore-scripts &amp;&amp; npm run build</code> in <code>web/</code>, and
reload this page. The API is described at <a href="/api/docs">/api/docs</a>.</p></html>"""


@router.get("/")
@router.get("/index.html")
async def page(request: Request) -> Response:
    """Return the viewer, or a page that says how to build it."""
    folder = _frontend(request).viewer_folder()
    if folder is None:
        return HTMLResponse(NOT_BUILT, 503, PAGE_HEADERS | {"Retry-After": "60"})
    return FileResponse(folder / "index.html", headers=PAGE_HEADERS, media_type="text/html; charset=utf-8")


@router.get("/icon.svg")
@router.get("/favicon.ico")
async def icon(request: Request) -> Response:
    """Return the viewer's icon."""
    folder = _frontend(request).viewer_folder()
    if folder is None or not (folder / "icon.svg").is_file():
        raise HTTPException(404)
    return FileResponse(folder / "icon.svg", headers={"Cache-Control": "max-age=3600"}, media_type=ICON_TYPE)


@router.get("/assets/{name:path}")
async def asset(request: Request, name: str) -> Response:
    """Return a file of the build; its name has a hash of its content."""
    folder = _frontend(request).viewer_folder()
    if folder is None:
        raise HTTPException(404)
    response = await StaticFiles(directory=folder / "assets", check_dir=False).get_response(name, request.scope)
    if response.status_code in (200, 304):
        response.headers.update(ASSET_HEADERS)
    return response


def _frontend(request: Request) -> Frontend:
    found: Frontend = request.app.state.frontend
    return found
