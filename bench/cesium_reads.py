"""Whether CesiumJS reads our 3D Tiles: ``python -m bench.cesium_reads [CESIUM [SERVICE | DISTRICT]]``.

CESIUM is the folder of an unpacked build (with Cesium.js in it; else CIM_BENCH_CESIUM). It opens buildings, pipes and
a BIM model in Debian's Chromium, waits until all tiles of the view are there, picks one object of each, and prints the
id that the tile tells, which must be that of the object that lies there. SERVICE is the address of a running service;
of a folder of the synthetic district the GIS files and one model are imported into a database of the benchmark's own;
without, the database that the settings name is served.

Ends with status 1 if something did not load, or another object was picked.
"""

from __future__ import annotations

import mimetypes
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import shapely
from playwright.sync_api import Page, Route, sync_playwright
from shapely.geometry import shape

from bench.lib.result import row, save
from bench.lib.scratch import command, scratch_database
from bench.lib.tile_servers import serve_ours
from cim.db import database_url
from cim.settings import read_settings

#: Where the page and CesiumJS are put below the service's own origin, so that no other server is needed.
PLACE = "/bench-cesium"
WINDOW = {"width": 900, "height": 700}
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
WAIT_MS = 180_000
#: How far above an object the camera is.
ABOVE_BUILDING_M, ABOVE_PIPE_M, ABOVE_MODEL_M = 150.0, 12.0, 120.0
ALL_IN_BUT_QUARANTINE = 3
NOT_INSTALLED = "CesiumJS is not installed: name the folder of its build (npm pack cesium; Build/Cesium in it)"
PAGE = f"""<!doctype html><html><head><style>
body {{ margin: 0; }} #c, #c * {{ width: 100vw; height: 100vh; }} .cesium-widget-credits {{ display: none !important; }}
</style></head><body><div id="c"></div>
<script>window.CESIUM_BASE_URL = "{PLACE}/";</script><script src="{PLACE}/Cesium.js"></script></body></html>"""
#: Opens a tileset, sees all of it and then one object from above; tells what was loaded, what failed, what was hit.
READ = """async ({ url, lon, lat, height_m, above_m, error_px }) => {
  const C = window.Cesium;
  const began = performance.now();
  window.widget ??= new C.CesiumWidget("c", { globe: false, skyBox: false, skyAtmosphere: false, baseLayer: false });
  const { scene, camera } = window.widget;
  const failed = [];
  const tileset = await C.Cesium3DTileset.fromUrl(url, { maximumScreenSpaceError: error_px });
  let loaded = 0;
  tileset.tileLoad.addEventListener(() => { loaded += 1; });
  tileset.tileFailed.addEventListener(({ url, message }) => failed.push(`${url}: ${message}`));
  scene.primitives.add(tileset);
  const complete = async () => {
    for (let pictures = 0; pictures < 5;) {
      if (performance.now() - began > 150000) throw new Error("tiles are still being loaded");
      await new Promise((next) => { const end = scene.postRender.addEventListener(() => { end(); next(); }); });
      pictures = tileset.tilesLoaded ? pictures + 1 : 0;
    }
  };
  const around = tileset.boundingSphere;
  camera.viewBoundingSphere(around, new C.HeadingPitchRange(0, -0.8, around.radius * 1.5));
  await complete();
  const seconds = (performance.now() - began) / 1000;
  camera.lookAtTransform(C.Matrix4.IDENTITY);
  const destination = C.Cartesian3.fromDegrees(lon, lat, height_m + above_m);
  camera.setView({ destination, orientation: { heading: 0, pitch: -Math.PI / 2, roll: 0 } });
  await complete();
  const hit = scene.pick(new C.Cartesian2(window.innerWidth / 2, window.innerHeight / 2));
  const names = hit?.getPropertyIds?.() ?? [];
  const told = Object.fromEntries(names.map((name) => [name, String(hit.getProperty(name))]));
  scene.primitives.remove(tileset);
  return { seconds, loaded, failed, told };
}"""


class Wanted(NamedTuple):
    """A tileset, and an object of it (None: any) that is seen from above at a place (degrees, metres)."""

    name: str
    url: str
    lon: float
    lat: float
    height_m: float
    above_m: float
    id: int | None
    error_px: int = 16


def main() -> None:
    cesium = cesium_folder()
    if cesium is None:
        print(NOT_INSTALLED)
        return
    with the_service() as address, the_page(address, cesium) as page:
        version = page.evaluate("() => window.Cesium.VERSION")
        print(f"CesiumJS {version}")
        found = [(wanted, read(page, wanted)) for wanted in choose(address)]
    save("cesium_reads", [line for wanted, result in found for line in lines(wanted, result)])
    sys.exit(0 if all(is_right(wanted, result) for wanted, result in found) else 1)


def cesium_folder() -> Path | None:
    named = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("CIM_BENCH_CESIUM")
    if not named:
        return None
    for folder in (Path(named), *(Path(named) / inner for inner in ("Build/Cesium", "package/Build/Cesium"))):
        if (folder / "Cesium.js").is_file():
            return folder.resolve()
    sys.exit(f"there is no Cesium.js in {named}")


@contextmanager
def the_service() -> Iterator[str]:
    """Return the address of a service with a district in it."""
    named = sys.argv[2] if len(sys.argv) > 2 else ""
    if named.startswith(("http://", "https://")):
        yield named.rstrip("/")
    elif named:
        with scratch_database() as url:
            bring_in(Path(named).resolve(), url)
            with serve_ours({"CIM_DATABASE_URL": url}) as served:
                yield served.address
    else:
        with serve_ours({"CIM_DATABASE_URL": database_url(read_settings())}) as served:
            yield served.address


def bring_in(district: Path, url: str) -> None:
    models = sorted((district / "ifc").glob("*.ifc"), key=lambda file: file.stat().st_size)[:1]
    places = [word for file in district.glob("ifc/placements.csv") for word in ("--place", str(file))]
    words = command("import", *(str(district / name) for name in ("gis", "raster")), *map(str, models), *places)
    done = subprocess.run(words, env=os.environ | {"CIM_DATABASE_URL": url}, check=False)
    if done.returncode not in (0, ALL_IN_BUT_QUARANTINE):
        sys.exit(f"the import ended with {done.returncode}")


@contextmanager
def the_page(address: str, cesium: Path) -> Iterator[Page]:
    """Open a page with CesiumJS in it; its files come from the folder, all else from the service."""

    def give(route: Route) -> None:
        name = route.request.url.split(PLACE, 1)[1].split("?")[0].lstrip("/")
        if not name:
            route.fulfill(body=PAGE, content_type="text/html")
            return
        file = (cesium / name).resolve()
        if not file.is_relative_to(cesium) or not file.is_file():
            route.fulfill(status=404)
            return
        route.fulfill(path=file, content_type=mimetypes.guess_type(file.name)[0] or "application/octet-stream")

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        context = chromium.new_context(viewport=WINDOW)  # type: ignore[arg-type]
        context.set_default_timeout(WAIT_MS)
        context.route(f"**{PLACE}/**", give)
        page = context.new_page()
        page.on("pageerror", lambda error: print(f"  error in the page: {error}"))
        page.goto(f"{address}{PLACE}/")
        page.wait_for_function("() => window.Cesium")
        yield page
        chromium.close()


def choose(address: str) -> list[Wanted]:
    """Return what is opened: both layers with an object each that nothing hides, and the first model."""
    models = [
        each for each in httpx.get(f"{address}/api/models").json()["models"] if each["tileset"] and each["bounds"]
    ]
    modelled = {each["building_id"] for each in models}
    buildings = [each for each in features(address, "buildings") if each["id"] not in modelled]
    pipes = features(address, "pipes")
    if not (models and buildings and pipes):
        sys.exit("the service has no buildings, no pipes or no placed model; import a district with all of them")
    block = max(buildings, key=lambda each: shape(each["geometry"]).area)
    point = shape(block["geometry"]).representative_point()
    told = block["properties"]
    top_m = (told.get("base_height_m") or 0.0) + (told.get("height_m") or 6.0)
    pipe, middle = lonely_pipe(pipes)
    model = models[0]
    west, south, east, north = model["bounds"]
    lon, lat = (west + east) / 2, (south + north) / 2
    return [
        Wanted("buildings", "/3d/buildings/tileset.json", point.x, point.y, top_m, ABOVE_BUILDING_M, block["id"]),
        Wanted("pipes", "/3d/pipes/tileset.json", middle.x, middle.y, middle.z, ABOVE_PIPE_M, pipe["id"]),
        Wanted("model", model["tileset"], lon, lat, model["center"][2], ABOVE_MODEL_M, None, 1),
    ]  # fmt: skip


def features(address: str, layer: str) -> list[dict[str, Any]]:
    answer = httpx.get(f"{address}/ogc/collections/{layer}/items", params={"limit": 1000}, timeout=60)
    answer.raise_for_status()
    return list(answer.json()["features"])


def lonely_pipe(pipes: list[dict[str, Any]]) -> tuple[dict[str, Any], shapely.Point]:
    """Return the pipe whose middle lies farthest from all others, so that none lies above it, and that middle."""
    lines = [shape(each["geometry"]) for each in pipes]
    flat = shapely.force_2d(lines)
    straight = [i for i, line in enumerate(lines) if line.geom_type == "MultiLineString" and len(line.geoms) == 1]
    middles = {i: lines[i].geoms[0].interpolate(0.5, normalized=True) for i in straight}
    tree = shapely.STRtree(flat)

    def distance(i: int) -> float:
        near = tree.query(shapely.force_2d(middles[i]), "dwithin", 3e-4)
        return min((shapely.distance(middles[i], flat[j]) for j in near if j != i), default=3e-4)

    best = max(straight, key=distance)
    return pipes[best], middles[best]


def read(page: Page, wanted: Wanted) -> dict[str, Any]:
    try:
        result = dict(page.evaluate(READ, wanted._asdict()))
    except Exception as error:
        result = {"seconds": 0.0, "loaded": 0, "failed": [str(error).splitlines()[0]], "told": {}}
    told = result["told"]
    print(f"{wanted.name}: {result['loaded']} tiles, picked id {told.get('id')}, wanted {wanted.id or 'any'}")
    for fault in result["failed"]:
        print(f"  failed: {fault}")
    return result


def is_right(wanted: Wanted, result: dict[str, Any]) -> bool:
    told = result["told"].get("id")
    return not result["failed"] and result["loaded"] > 0 and (told == str(wanted.id) if wanted.id else told is not None)


def lines(wanted: Wanted, result: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        row(f"{wanted.name}: all of it, tiles", result["loaded"], "tiles"),
        row("  until they are drawn, in software", result["seconds"], "s"),
        row("  tiles that failed", len(result["failed"]), "tiles"),
        row("  the object that lies there is picked", int(is_right(wanted, result)), ""),
    ]


if __name__ == "__main__":
    main()
