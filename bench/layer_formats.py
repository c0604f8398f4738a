"""What becomes of every file of the shared data: rows read, imported, quarantined, and why.

Run as ``python -m bench.layer_formats [--write]`` (or ``./run bench layer_formats``). The files come, in order of name,
into a database made for the run on the server that the settings name. One that does not say all of itself is tried
first as it is and then with the options of ``layer_formats.toml``. ``--write`` puts the table into docs/layers.md.
"""

from __future__ import annotations

import sys
import time
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, select, text

from bench.lib.result import row, save
from bench.lib.scratch import SHARED, scratch_database
from cim.db import make_engine
from cim.importing import ImportContext, ImportOptions, import_paths
from cim.reports import ImportReport
from cim.settings import Settings, read_settings
from cim.tables import quarantine

FOLDERS = ("city", "dem", "osm", "pipes", "place_delft", "place_liechtenstein", "place_santboi", "shenzhen")
BEGIN, END = "<!-- files: begin -->", "<!-- files: end -->"
COMPANIONS = {".shx", ".dbf", ".cpg", ".prj"}
HERE = Path(__file__).parent
DOCUMENT = HERE.parent / "docs" / "layers.md"


def main() -> None:
    if not (SHARED / "SOURCES.md").exists():
        sys.exit(f"the shared data are not there: {SHARED.name}; say where with CIM_TEST_DATA")
    settings = read_settings()
    options = tomllib.loads((HERE / "layer_formats.toml").read_text("utf-8"))
    with scratch_database() as url:
        engine = make_engine(url)
        rows = [line for path in files(SHARED) for line in tried(engine, settings, path, options)]
        engine.dispose()
    lines = table(rows)
    sys.stdout.write("\n".join(lines) + "\n")
    save("layer_formats", [row(f"{line['file']} {line['crs']}".strip(), line["seconds"], "s") for line in rows])
    if "--write" in sys.argv:
        before, _, rest = DOCUMENT.read_text("utf-8").partition(BEGIN)
        DOCUMENT.write_text("\n".join([before + BEGIN, "", *lines, "", END + rest.partition(END)[2]]), "utf-8")


def files(folder: Path) -> list[Path]:
    """Return the files of the folders; the reference of the Shenzhen districts before what is compared with it."""
    found = [path for name in FOLDERS for path in sorted((folder / name).iterdir()) if path.suffix not in COMPANIONS]
    return sorted(found, key=lambda path: (path.parent.name, "gcj02" in path.name, path.name))


def tried(engine: Engine, settings: Settings, path: Path, options: dict[str, Any]) -> list[dict[str, Any]]:
    """Import a file as it is, and with its options where it was not taken."""
    first = taken(engine, settings, path, None)
    own = options.get(path.name)
    if first["status"] == "imported" or own is None:
        return [first]
    return [first, taken(engine, settings, path, own["crs"])]


def taken(engine: Engine, settings: Settings, path: Path, crs: str | None) -> dict[str, Any]:
    """Import one file and return its line of the table."""
    began = time.perf_counter()
    [report] = import_paths(engine, [path], ImportContext(ImportOptions(crs=crs), settings))
    seconds = time.perf_counter() - began
    counts = list(report.layers.values())
    for layer_id, c in report.layers.items():
        if c.read != c.added + c.changed + c.unchanged + c.quarantined:
            sys.exit(f"{path.name}, {layer_id}: the rows do not add up: {c}")
    with engine.connect() as connection:
        format_name = connection.execute(
            text("select format from dataset where name = :name"), {"name": report.dataset}
        ).scalar()
        reasons = why(connection, report)
    return {
        "file": f"{path.parent.name}/{path.name}",
        "format": format_name or report.importer,
        "crs": crs or "",
        "status": report.status,
        "layers": ", ".join(report.layers),
        "read": sum(c.read for c in counts),
        "imported": sum(c.read - c.quarantined for c in counts),
        "quarantined": sum(c.quarantined for c in counts),
        "repaired": sum(c.repaired for c in counts),
        "why": reasons,
        "seconds": round(seconds, 1),
    }


def why(connection: Connection, report: ImportReport) -> str:
    """Return why a file, or some of its rows, were not taken."""
    if report.error:
        return report.error.removeprefix(f"'{report.file}': ")
    reasons = connection.execute(
        select(quarantine.c.reason).where(quarantine.c.dataset_name == report.dataset, ~quarantine.c.is_resolved)
    ).scalars()
    return ", ".join(f"{reason} {count}" for reason, count in sorted(Counter(reasons).items()))


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Return the table in Markdown."""
    lines = [
        "| file | format | layers | read | imported | quarantined | repaired | why |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for line in rows:
        name = line["file"] + (f" `--crs {line['crs']}`" if line["crs"] else "")
        layers = line["layers"] or line["status"]
        numbers = [
            str(line[name]) if line["layers"] else "" for name in ("read", "imported", "quarantined", "repaired")
        ]
        reasons = line["why"].replace("|", "/")
        lines.append("| " + " | ".join([name, line["format"], layers, *numbers, reasons[:200]]) + " |")
    return lines


if __name__ == "__main__":
    main()
