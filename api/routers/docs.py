"""The API's page: swagger-ui from this service's own files, with no inline script."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, HTMLResponse, Response

from api.frontend import SWAGGER_FILES
from api.security_headers import PAGE_POLICY

router = APIRouter(prefix="/api/docs", include_in_schema=False)

HEADERS = {"Cache-Control": "no-cache", "Content-Security-Policy": PAGE_POLICY}
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>CIM API</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="/icon.svg">
<link rel="stylesheet" href="/api/docs/swagger-ui.css"></head>
<body><div id="page"></div><script src="/api/docs/swagger-ui-bundle.js"></script>
<script src="/api/docs/start.js"></script>
</body></html>"""
START = """SwaggerUIBundle({url: "/api/openapi.json", dom_id: "#page", deepLinking: true, validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis], layout: "BaseLayout"});
"""
MISSING = """<!doctype html><html lang="en"><meta charset="utf-8"><title>CIM API</title>
<p>The files of this page are not installed; the viewer's build brings them (run <code>./run demo</code>). The
description itself is at <a href="/api/openapi.json">/api/openapi.json</a>.</p></html>"""


@router.get("")
async def page(request: Request) -> Response:
    """Return the page."""
    is_there = all(request.app.state.frontend.swagger_file(name) for name in SWAGGER_FILES)
    return HTMLResponse(PAGE if is_there else MISSING, 200 if is_there else 503, HEADERS)


@router.get("/start.js")
async def start() -> Response:
    """Return the script that fills the page."""
    return Response(START, headers=HEADERS, media_type="text/javascript")


@router.get("/{name}")
async def file(request: Request, name: str) -> Response:
    """Return one of swagger-ui's two files."""
    found = request.app.state.frontend.swagger_file(name) if name in SWAGGER_FILES else None
    if found is None:
        raise HTTPException(404)
    return FileResponse(found, headers={"Cache-Control": "max-age=3600"})
