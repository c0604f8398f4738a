"""Every IFC file of a folder through the import, as a table: ``python -m bench.ifc_files [FOLDER]``.

A file that does not say where it stands is imported a second time at a made-up place, so that its content is measured
too. Each goes into one throw-away database; the database is the one that the settings name.
"""

from __future__ import annotations

import csv
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from rich.console import Console
from sqlalchemy import Engine, text

from bench.lib.result import RESULTS
from bench.lib.scratch import SHARED, scratch_database
from bim_import.geometry_pool import GeometryLimits
from bim_import.importer import IfcImporter
from cim.db import make_engine
from cim.importing import ImportContext, ImportOptions, import_paths
from cim.reports import ImportReport
from cim.settings import Settings

TABLE = RESULTS / "ifc_files.md"
HEAD = "| file | schema | products | elements | other | grade | without a mesh | kernels | time | outcome |"
FILE_LIMIT_S = float(os.environ.get("CIM_BENCH_FILE_LIMIT_S", "120"))
REASON_CHARS = 110
#: Systems of models whose coordinates are those of a map without saying which (see their sources).
SYSTEMS = {"DrainageSystem-1-2_RC3.ifc": "EPSG:3878", "road_Bentley_test2_RC4.ifc": "EPSG:32119"}
console = Console(stderr=True)


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else SHARED / "ifc"
    files = sorted(path for path in folder.rglob("*") if path.is_file() and "ifc" in path.name.lower())
    with scratch_database() as url, tempfile.TemporaryDirectory() as home:
        engine = make_engine(url)
        rows = [row(engine, Settings(home=Path(home)), path, folder) for path in files]
        engine.dispose()
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text("\n".join([HEAD, "|" + "---|" * (HEAD.count("|") - 1), *rows]) + "\n", encoding="utf-8")
    print(TABLE.read_text(encoding="utf-8"))


def row(engine: Engine, settings: Settings, path: Path, folder: Path) -> str:
    console.print(path.name)
    importer = IfcImporter(GeometryLimits(file_s=FILE_LIMIT_S))
    [report] = import_paths(engine, [path], ImportContext(ImportOptions(), settings), [importer])
    outcome = f"{report.status}: {report.error}" if report.error else report.status
    if report.status == "waiting":
        crs = SYSTEMS.get(path.name)
        with tempfile.TemporaryDirectory() as place_folder:
            options = ImportOptions(crs=crs) if crs else ImportOptions(place=made_up_place(Path(place_folder), report))
            [report] = import_paths(engine, [path], ImportContext(options, settings), [importer])
        if report.status != "imported":
            outcome += f"; with a made-up place {report.status}: {report.error}"
    cells = [f"`{path.relative_to(folder)}`", *content(engine, report), f"{report.seconds:.1f} s", short(outcome)]
    return "| " + " | ".join(cells) + " |"


def made_up_place(folder: Path, report: ImportReport) -> Path:
    place = folder / "place.csv"
    with place.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle)
        writer.writerow(["file", "crs", "easting", "northing", "height", "rotation", "anchor"])
        writer.writerow([report.file, "EPSG:4547", 522_000, 2_511_000, 40, 0, "centre"])
    return place


def content(engine: Engine, report: ImportReport) -> list[str]:
    """Return schema, products, elements, what the others are, grade, elements without a mesh and kernels."""
    with engine.connect() as connection:
        model = (
            connection.execute(
                text(
                    "select m.* from cim.model m join cim.dataset d on d.id = m.dataset_id where d.name = :name"
                    " order by m.id desc limit 1"
                ),
                {"name": report.dataset},
            )
            .mappings()
            .one_or_none()
        )
        if model is None:
            return [""] * 6
        kernels = connection.execute(
            text("select kernel, geometry_status, count(*) from cim.element where model_id = :model group by 1, 2"),
            {"model": model["id"]},
        ).all()
    counts: dict[str, Any] = dict(model["attributes"]["counts"])
    products = counts.pop("products")
    others = ", ".join(f"{number} {word}" for word, number in sorted(counts.items()) if word != "elements")
    missing: Counter[str] = Counter()
    used: Counter[str] = Counter()
    for kernel, status, number in kernels:
        if status == "ok":
            used[str(kernel).split("-")[0]] += number
        elif status != "none":
            missing[status] += number
    return [
        str(model["original_schema"]),
        str(products),
        str(counts.get("elements", 0)),
        others + ("" if sum(counts.values()) == products else " **(does not add up)**"),
        str(model["georeference"].get("grade")),
        ", ".join(f"{number} {word}" for word, number in sorted(missing.items())) or "0",
        ", ".join(f"{kernel} {number}" for kernel, number in used.most_common()),
    ]


def short(outcome: str) -> str:
    plain = outcome.replace("|", "/").replace("\n", " ")
    return plain if len(plain) <= REASON_CHARS else plain[: REASON_CHARS - 3] + "..."


if __name__ == "__main__":
    main()
