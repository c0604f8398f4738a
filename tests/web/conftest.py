"""The real service with a small imported district, and a real browser that may talk to nothing else."""

from __future__ import annotations

import io
import itertools
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from ctypes.util import find_library
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, Request, Route, ViewportSize, expect, sync_playwright

from cim.db import make_engine
from cim.keys import create_key
from district.bim.site import author_models
from district.make import make_district, make_town
from district.models import model_sites
from district.scales import SCALES
from layers.live.events.types import seed_types

REPOSITORY = Path(__file__).parents[2]
SCREENSHOTS = REPOSITORY / "tests" / "screenshots"
START_S = 90
MAP_MS = 120_000
WINDOW: ViewportSize = {"width": 1280, "height": 800}
#: Pixels that are drawn for one of the page, to the side: drawing in software takes most of the time of these tests.
#: For pictures to look at: CIM_TEST_DENSITY=1.
DENSITY = float(os.environ.get("CIM_TEST_DENSITY", "0.5"))
#: Enough models to look at, quick to import.
MODELS = {"office_01", "office_02"}
SEED = 20260301
#: The generator plants faults on purpose: then the import's status says that some rows wait in the quarantine.
ALL_IN_BUT_QUARANTINE = 3
FLAGS = [
    "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
]  # fmt: skip
#: Drawing in software: Mesa's takes half of the time of the browser's own.
MESA = ["--use-gl=angle", "--use-angle=gl-egl", "--ignore-gpu-blocklist"]
SWIFTSHADER = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


def _cim(*words: str | Path, env: dict[str, str], allow: tuple[int, ...] = (0,)) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "cim", *words], env=env, cwd=env["CIM_HOME"], capture_output=True, text=True
    )
    assert done.returncode in allow, f"cim {words[0]} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _environment(home: Path, database_url: str) -> dict[str, str]:
    home.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CIM_")}
    return {**kept, "CIM_HOME": str(home), "CIM_DATABASE_URL": database_url}


@contextmanager
def _serving(env: dict[str, str]) -> Iterator[str]:
    """Run the service on a free port; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = Path(env["CIM_HOME"]) / "serve.log"
    with log.open("wb") as output:
        command = [sys.executable, "-m", "cim", "serve", "--port", str(port)]
        server = subprocess.Popen(command, env=env, cwd=env["CIM_HOME"], stdout=output, stderr=output)
        try:
            _wait_until_ready(f"http://127.0.0.1:{port}", server, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(30)


def _wait_until_ready(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        assert server.poll() is None, f"cim serve ended:\n{log.read_text()[-3000:]}"
        try:
            if httpx.get(f"{address}/readyz", timeout=5).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    pytest.fail(f"cim serve is not ready after {START_S} s:\n{log.read_text()[-3000:]}")


@pytest.fixture(scope="session")
def _viewer_built() -> None:
    """The viewer's build; made here when only its packages are installed."""
    if (REPOSITORY / "web" / "dist" / "index.html").exists():
        return
    npm = shutil.which("npm", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if npm is None or not (REPOSITORY / "web" / "node_modules").exists():
        pytest.skip("needs the viewer's build: npm ci --ignore-scripts && npm run build in web/")
    subprocess.run([npm, "run", "build"], cwd=REPOSITORY / "web", check=True, capture_output=True)


class DemoCity(NamedTuple):
    """A running service, its database and home; the latter two are None where somebody else runs it."""

    address: str
    database_url: str | None
    home: Path | None


class KeyedService(NamedTuple):
    """The address of an empty service that wants a key, and a key of each of two roles."""

    address: str
    viewer: str
    commander: str


@pytest.fixture(scope="session")
def demo_city(
    clone_database: Callable[[], AbstractContextManager[str]],
    tmp_path_factory: pytest.TempPathFactory,
    _viewer_built: None,
) -> Iterator[DemoCity]:
    """The service with a sample district and two models in it.

    CIM_TEST_SERVICE names one that runs already, which spares the import while one works on the viewer.
    """
    if running := os.environ.get("CIM_TEST_SERVICE"):
        yield DemoCity(running, None, None)
        return
    folder = tmp_path_factory.mktemp("web")
    folder.chmod(0o755)
    with clone_database() as url:
        env = _environment(folder / "home", url)
        district = folder / "district"
        make_district(district, SCALES["sample"], SEED, only="gis")
        sites = model_sites(make_town(SCALES["sample"], SEED).buildings)
        chosen = [site for site in sites if site.program.slug in MODELS]
        author_models(chosen, district / "ifc", SEED, 2, lambda _site, _products: None)
        parts = [district / name for name in ("gis", "raster", "registers", "live", "ifc")]
        place = district / "ifc" / "placements.csv"
        _cim("import", *parts, "--place", place, env=env, allow=(0, ALL_IN_BUT_QUARANTINE))
        with _serving(env) as address:
            yield DemoCity(address, url, Path(env["CIM_HOME"]))


@pytest.fixture(scope="session")
def demo_service(demo_city: DemoCity) -> str:
    """The address of the service with a sample district."""
    return demo_city.address


@pytest.fixture(scope="session")
def keyed_service(
    clone_database: Callable[[], AbstractContextManager[str]],
    tmp_path_factory: pytest.TempPathFactory,
    _viewer_built: None,
) -> Iterator[KeyedService]:
    """An empty service that wants a key."""
    with clone_database() as url:
        engine = make_engine(url)
        with engine.begin() as connection:
            viewer, commander = (create_key(connection, role) for role in ("viewer", "commander"))
        engine.dispose()
        with _serving(_environment(tmp_path_factory.mktemp("keyed") / "home", url)) as address:
            yield KeyedService(address, viewer, commander)


def _has_mesa() -> bool:
    drivers = Path("/usr/lib").glob("*/dri/swrast_dri.so")
    return find_library("EGL_mesa") is not None and any(drivers)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, drawing in software.

    A module's own: while it is there an event loop runs in this process, and tests with another loop may come next.
    """
    path = os.environ.get("CIM_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("needs Chromium (apt install chromium, or CIM_TEST_CHROMIUM)")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=path, args=[*FLAGS, *(MESA if _has_mesa() else SWIFTSHADER)]
        )
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A fresh browser profile; the module fails if any page asked another machine for anything."""
    made = browser.new_context(
        viewport=WINDOW, device_scale_factor=DENSITY, reduced_motion="reduce", locale="zh-CN"
    )
    # drawing in software takes seconds a picture on a busy machine: these are limits, not expectations
    made.set_default_timeout(MAP_MS)
    expect.set_options(timeout=MAP_MS)
    outside: list[str] = []
    faults: list[str] = []

    def guard(route: Route, request: Request) -> None:
        if urlsplit(request.url).hostname in ("127.0.0.1", "localhost"):
            route.fallback()
        else:
            outside.append(request.url)
            route.abort()

    made.route("http*://**/*", guard)
    made.on("weberror", lambda error: faults.append(str(error.error)))
    yield made
    made.close()
    assert outside == [], "requests left the machine"
    assert faults == [], "errors in the page's scripts"


#: Resolves when the map has drawn everything that its camera sees.
IDLE = """() => new Promise((resolve) => {
  const { map } = window.cimViewer;
  const check = () => (map.loaded() && !map.isMoving() ? resolve() : map.once("idle", check));
  map.once("idle", check);
  map.triggerRepaint();
})"""


@pytest.fixture
def settle() -> Callable[[Page], None]:
    """Wait until the map is at rest and complete."""
    return lambda page: page.evaluate(IDLE)


@pytest.fixture(scope="module")
def open_page(context: BrowserContext, demo_service: str) -> Callable[[str], Page]:
    """Open the viewer with a fragment (its state) and wait until it is ready; the page stays open."""

    def visit(fragment: str) -> Page:
        page = context.new_page()
        page.goto(f"{demo_service}/#{fragment}")
        page.wait_for_selector("body[data-ready=true]")
        page.evaluate(IDLE)
        return page

    return visit


@pytest.fixture(scope="module")
def viewer(open_page: Callable[[str], Page], centre: tuple[float, float]) -> Page:
    """The one viewer of a module: a new page has all its shaders to compile, which takes most of its time."""
    return open_page(f"c={centre[0]:.6f},{centre[1]:.6f},17.5,0,0")


@pytest.fixture
def open_viewer(viewer: Page, centre: tuple[float, float]) -> Callable[[str], Page]:
    """Follow a link in the viewer; one without a camera is seen from near above, which is quick to draw."""

    def visit(fragment: str = "") -> Page:
        if not fragment.startswith("c="):
            fragment = f"c={centre[0]:.6f},{centre[1]:.6f},17.5,0,0&{fragment}"
        viewer.set_viewport_size(WINDOW)
        viewer.evaluate("(fragment) => { location.hash = fragment; }", fragment)
        viewer.evaluate(IDLE)
        return viewer

    return visit


@pytest.fixture(scope="session")
def centre(demo_service: str) -> tuple[float, float]:
    """The district's middle: longitude, latitude."""
    lon, lat = httpx.get(f"{demo_service}/api/config").json()["center"]
    return lon, lat


@pytest.fixture
def shoot() -> Callable[[Page, str], None]:
    """Write a screenshot to look at."""

    def take(page: Page, name: str) -> None:
        SCREENSHOTS.mkdir(exist_ok=True)
        page.screenshot(path=SCREENSHOTS / f"{name}.png")

    return take


def as_seen(png: bytes) -> NDArray[np.uint8]:
    """Return a screenshot as pixels of the page, rows x columns x 3, however densely it is drawn."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    size = (round(image.width / DENSITY), round(image.height / DENSITY))
    return np.asarray(image.resize(size, Image.Resampling.NEAREST))


#: Resolves when the viewer has read the open events.
EVENTS_READ = """async () => { const { viewer } = window.cimViewer; const end = performance.now() + 60000;
  while (viewer.book.state === "wait") {
    if (performance.now() > end) throw new Error("the events are still being read");
    await new Promise((next) => setTimeout(next, 50));
  } }"""
#: Reports of no other type are ever joined with one another.
OTHER_TYPE = "X00"
_number = itertools.count()


def has(page: Page, selector: str, name: str, value: Any) -> None:
    """Wait until an element has a value as an attribute, written as JavaScript writes it."""
    text = value if isinstance(value, re.Pattern) else str(value).removesuffix(".0")
    expect(page.locator(selector)).to_have_attribute(name, text)


@pytest.fixture(scope="session")
def event_types(demo_city: DemoCity) -> None:
    """The types of events, and how long each may wait."""
    if demo_city.database_url is None:
        return
    engine = make_engine(demo_city.database_url)
    with engine.begin() as connection:
        seed_types(connection)
    engine.dispose()


@pytest.fixture
def post(demo_service: str, event_types: None) -> Iterator[Callable[..., int]]:
    """Post an event as another system would; returns its id. They are closed after the test."""
    made: list[int] = []

    def send(**said: Any) -> int:
        now = datetime.now(UTC)
        key = f"{now.timestamp()}-{next(_number)}"
        body = {"source": "试验", "source_key": key, "type": OTHER_TYPE, "occurred_at": now.isoformat()} | said
        answer = httpx.post(f"{demo_service}/events", json=body).raise_for_status().json()
        assert answer["status"] == "created"
        made.append(answer["id"])
        return int(answer["id"])

    yield send
    for number in made:
        httpx.post(f"{demo_service}/events/{number}/state", json={"state": "close", "by": "试验", "note": "试验结束"})


@pytest.fixture
def live(open_viewer: Callable[..., Page], centre: tuple[float, float]) -> Callable[..., Page]:
    """Open the viewer from near above, with few layers; its events have been read."""

    def visit(more: str = "", zoom: float = 17.5) -> Page:
        quiet = "off=models,pipes,roads,parking"
        page = open_viewer(f"c={centre[0]:.6f},{centre[1]:.6f},{zoom},0,0&{quiet}{more}")
        page.evaluate(EVENTS_READ)
        return page

    return visit
