"""Whole imports of IFC models against the plain iterator of ifcopenshell: ``python -m bench.ifc_import [FILE ...]``.

For each model, each in processes of their own, one after the other:

- ours: reading, geometry, properties and database, into an empty database, with two workers;
- the peer: ``ifcopenshell.geom.iterator`` with the OpenCASCADE kernel and one thread over the same products;
- the same file again, a new version with other bytes but the same content, and one with one solid changed, into the
  same database;
- memory: the sum of the proportional set sizes (PSS) of importer and geometry workers, sampled, and of a process that
  only opens the file. The database's own processes are not counted.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import zipfile
from pathlib import Path
from typing import Any

import ifcopenshell

from bench.lib.result import ROOT, Goal, row, save
from bench.lib.scratch import SHARED, make_district, scratch_database

REAL = (
    "ifc2x3/Office_A_20110811.ifc",
    "ifc4/AC20-FZK-Haus.ifc",
    "ifc2x3/Duplex_A_georeferenced.ifc",
    "ifc2x3/janesville_restaurant_27MB.ifc.zip",
    "ifc2x3/tekla_mini_project.ifc",
)
DISTRICT = ("hospital_01.ifc", "tower_01.ifc", "office_05.ifc")
TIME_GOAL, AGAIN_GOAL = Goal(0.6, of_peer=True), Goal(0.2, of_peer=True)
MEMORY_FACTOR, MEMORY_EXTRA_MB = 3.0, 300.0
#: The goal for time holds for files that keep the plain iterator busy for so long.
LONG_S = 5.0
SAMPLE_S = 0.05
_FIRST = "the first import"

IMPORT = """
import sys, time
from pathlib import Path
from bim_import.importer import IfcImporter
from cim.db import make_engine
from cim.importing import ImportContext, ImportOptions, import_paths
from cim.settings import Settings

url, path, place = sys.argv[1:4]
began = time.perf_counter()
context = ImportContext(ImportOptions(place=Path(place), workers=2), Settings(home=Path(path).parent, database_url=url))
(report,) = import_paths(make_engine(url), [Path(path)], context, [IfcImporter()])
if report.status not in ("imported", "unchanged"):
    sys.exit(f"{report.status}: {report.error}")
print(time.perf_counter() - began)
"""
PLAIN = """
import sys, time
import ifcopenshell, ifcopenshell.geom
from bim_import.content import sort_content
from bim_import.geometry import with_body

began = time.perf_counter()
file = ifcopenshell.open(sys.argv[1])
opened = time.perf_counter() - began
content = sort_content(file)
bodies = with_body([*content.elements, *content.spaces])
settings = ifcopenshell.geom.settings()
settings.set("use-world-coords", False)
began = time.perf_counter()
iterator = ifcopenshell.geom.iterator(settings, file, 1, include=bodies, geometry_library="opencascade")
has_more = iterator.initialize()
while has_more:
    iterator.get()
    has_more = iterator.next()
print(opened + time.perf_counter() - began)
"""
OPEN = """
import sys, time
import ifcopenshell
file = ifcopenshell.open(sys.argv[1])
file.by_type("IfcProduct")
time.sleep(0.5)
print(0)
"""


def pss_mb(process: int) -> float:
    """Return the proportional set size of a process and its children."""
    total = 0.0
    try:
        rollup = Path(f"/proc/{process}/smaps_rollup").read_text()
        total += float(rollup.partition("Pss:")[2].split()[0]) / 1024
        for thread in Path(f"/proc/{process}/task").iterdir():
            for child in (thread / "children").read_text().split():
                total += pss_mb(int(child))
    except (OSError, ValueError, IndexError):
        pass  # it has just ended
    return total


def run(code: str, *arguments: str) -> tuple[float, float]:
    """Run code in a process of its own; return the seconds that it prints and its peak memory in MB."""
    peak = 0.0
    done = threading.Event()
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    ) as process:

        def sample() -> None:
            nonlocal peak
            while not done.wait(SAMPLE_S):
                peak = max(peak, pss_mb(process.pid))

        thread = threading.Thread(target=sample)
        thread.start()
        out, errors = process.communicate()
        done.set()
        thread.join()
    if process.returncode:
        sys.exit(f"failed: {errors.decode()[-2000:]}")
    return float(out.split()[-1]), peak


def renumbered(data: bytes) -> bytes:
    """Return the same content with other STEP numbers."""
    numbers = sorted({int(number) for number in re.findall(rb"#(\d+)", data)})
    start = random.Random(len(data)).randrange(1000, 9000)
    other = {number: b"#%d" % (start + 2 * place) for place, number in enumerate(numbers)}
    return re.sub(rb"#(\d+)", lambda found: other[int(found[1])], data)


def one_changed(data: bytes) -> bytes:
    """Return the content with the depth of one extrusion changed by a hundredth."""
    depth = re.compile(rb"(IFCEXTRUDEDAREASOLID\([^)]*,)([0-9.E+-]+)(\))")
    found = depth.search(data)
    if found is None:
        sys.exit("the model has no extrusion to change")
    return data[: found.start(2)] + b"%.6f" % (float(found[2]) * 1.01) + data[found.end(2) :]


def work_on(url: str, path: Path, folder: Path) -> list[dict[str, Any]]:
    place = folder / "places.csv"
    place.write_text(f"file,crs,easting,northing,height,rotation\n{path.name},EPSG:4547,522000,2512000,10,0\n")
    target = folder / path.name
    data = path.read_bytes()
    load = os.getloadavg()[0]
    target.write_bytes(data)
    first_s, first_mb = run(IMPORT, url, str(target), str(place))
    plain_s, _ = run(PLAIN, str(target))
    _, open_mb = run(OPEN, str(target))
    same_s, _ = run(IMPORT, url, str(target), str(place))
    target.write_bytes(renumbered(data))
    again_s, _ = run(IMPORT, url, str(target), str(place))
    target.write_bytes(one_changed(renumbered(data)))
    changed_s, _ = run(IMPORT, url, str(target), str(place))
    name = f"{path.name} ({len(data) / 1e6:.1f} MB)"
    print(f"{name}: load {load:.1f} before", flush=True)
    peer = f"ifcopenshell {ifcopenshell.version} iterator, OpenCASCADE, 1 thread"
    rows = [
        row(
            f"{name}: whole import", first_s, "s", peer=peer, peer_value=plain_s,
            goal=TIME_GOAL if plain_s >= LONG_S else None,
        ),
        row(
            f"{name}: peak memory", first_mb, "MB", peer="opening the file", peer_value=open_mb,
            goal=Goal(round(MEMORY_FACTOR * open_mb + MEMORY_EXTRA_MB)),
        ),
        row(f"{name}: same file again", same_s, "s", peer=_FIRST, peer_value=first_s, goal=AGAIN_GOAL),
        row(f"{name}: same content again", again_s, "s", peer=_FIRST, peer_value=first_s, goal=AGAIN_GOAL),
        row(f"{name}: again, one solid changed", changed_s, "s", peer=_FIRST, peer_value=first_s, goal=AGAIN_GOAL),
    ]  # fmt: skip
    for one in rows:
        print(
            f"  {one['work']}: {one['ours']} {one['unit']}, {one['ratio']} of {one['peer']}, met: {one['met']}",
            flush=True,
        )
    return rows


def models(folder: Path) -> list[Path]:
    """Return the models that are there, and say which are not."""
    found = []
    for name in REAL:
        path = SHARED / "ifc" / name
        if not path.exists():
            print(f"{name} is not there (folder of real data, CIM_TEST_DATA): skipped")
        elif path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                (member,) = [one for one in archive.namelist() if one.lower().endswith(".ifc")]
                found.append(Path(archive.extract(member, folder)))
        else:
            found.append(path)
    district = make_district(folder / "district", "--only", "ifc")
    return found + [district / "ifc" / name for name in DISTRICT]


def main() -> None:
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as directory:
        for path in [Path(one) for one in sys.argv[1:]] or models(Path(directory)):
            with scratch_database() as url, tempfile.TemporaryDirectory() as folder:
                rows += work_on(url, path, Path(folder))
    save("ifc_import", rows)


if __name__ == "__main__":
    main()
