"""The composition root of the web service: everything is made here, once a process, and passed on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import APIRouter, FastAPI
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from api.auth import Gatekeeper
from api.edge import Edge
from api.errors import add_handlers
from api.frontend import Frontend, installed_frontend
from api.routers import (
    buildings,
    cameras,
    catalogue,
    city3d,
    config,
    demarcation,
    docs,
    drainage,
    events,
    flood,
    grids,
    health,
    incidents,
    live,
    models3d,
    networks,
    objects,
    ogc,
    ogc_items,
    parking,
    query,
    receipts,
    routing,
    scenes,
    search,
    sensors,
    sensorthings,
    sensorthings_write,
    session,
    styles,
    terrain,
    tiles,
    tracks,
    viewer,
    webhooks,
    zone_lists,
    zones,
)
from api.service import Service
from api.tile_path import TilePath, is_tile
from cim.db import database_url
from cim.logs import configure_logs
from cim.orphan import end_with_parent
from cim.settings import Settings, read_settings

ROUTERS: Sequence[APIRouter] = tuple(
    module.router
    for module in (
        health, session, config, catalogue, tiles, styles, terrain, models3d, city3d, scenes, objects, buildings,
        search, query, receipts, routing, demarcation, zones, zone_lists, incidents, networks, drainage, flood, grids,
        cameras, events, tracks, webhooks, sensors, parking, sensorthings, sensorthings_write, ogc, ogc_items, live,
        docs, viewer,
    )
)  # fmt: skip
DESCRIPTION = "IFC building models and GIS layers as one map. Coordinates are longitude, latitude; times are RFC 3339."


def make_app(settings: Settings, url: str, frontend: Frontend | None = None) -> ASGIApp:
    """Return the service as an ASGI application.

    Parameters
    ----------
    url
        The database's SQLAlchemy address.
    frontend
        Where the viewer's files are; by default where the build puts them.
    """
    service = Service(settings, url)
    application = make_api(service, frontend or installed_frontend())
    # Level 5 costs half of level 9 and loses 2 % of size on JSON.
    inner = Crossing(TilePath(service), GZipMiddleware(application, minimum_size=1000, compresslevel=5), application)
    return Edge(Gatekeeper(inner, service.keys), service.metrics)


def make_api(service: Service, frontend: Frontend) -> FastAPI:
    """Return the routes, without what stands before them."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with service.running():
            yield

    app = FastAPI(
        title="CIM",
        version=version("cim"),
        description=DESCRIPTION,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.service = service
    app.state.frontend = frontend
    add_handlers(app)
    for router in ROUTERS:
        app.include_router(router)
    return app


class Crossing:
    """ASGI: tiles go their own short way, all else through the framework."""

    def __init__(self, tile_path: ASGIApp, others: ASGIApp, lifespan: ASGIApp) -> None:
        self.tile_path = tile_path
        self.others = others
        self.lifespan = lifespan

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send a request its way."""
        if scope["type"] == "lifespan":
            await self.lifespan(scope, receive, send)
        elif is_tile(scope):
            await self.tile_path(scope, receive, send)
        else:
            await self.others(scope, receive, send)


def create() -> ASGIApp:
    """Return the service of a worker process, from the environment."""
    end_with_parent()
    settings = read_settings()
    configure_logs(settings.log)
    return make_app(settings, database_url(settings))
