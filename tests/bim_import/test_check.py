"""IDS files on models, and the commands that check and ask."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from bim_import.originals import LARGEST_BYTES, Original, keep, sweep, unpack
from cim.reports import ImportReport
from cim.settings import Settings
from cim.tables import model
from tests import command

Run = Callable[..., ImportReport]
IDS = """<?xml version="1.0" encoding="utf-8"?>
<ids xmlns="http://standards.buildingsmart.org/IDS" xmlns:xs="http://www.w3.org/2001/XMLSchema"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
 xsi:schemaLocation="http://standards.buildingsmart.org/IDS http://standards.buildingsmart.org/IDS/1.0/ids.xsd">
<info><title>交付要求</title></info>
<specifications>{body}</specifications></ids>"""
WALLS = """<specification name="walls say whether they are outside" ifcVersion="{version}">
<applicability minOccurs="1" maxOccurs="unbounded"><entity><name><simpleValue>IFCWALL</simpleValue></name></entity>
</applicability><requirements><property dataType="IFCBOOLEAN"><propertySet><simpleValue>Pset_WallCommon</simpleValue>
</propertySet><baseName><simpleValue>IsExternal</simpleValue></baseName></property></requirements></specification>"""


def cim(settings: Settings, *words: str) -> command.Done:
    return command.cim(settings.home, settings.database_url, *words)


@pytest.fixture
def imported(run_import: Run, make_house: Any, tmp_path: Path) -> Path:
    """A house of four walls, one of which (the parapet) has no property set."""
    path = make_house().write(tmp_path / "house.ifc")
    assert run_import(path).status == "imported"
    return path


def test_a_stored_model_is_checked_without_its_file(imported: Path, settings: Settings, tmp_path: Path) -> None:
    ids = tmp_path / "walls.ids"
    ids.write_text(IDS.format(body=WALLS.format(version="IFC4")), "utf-8")
    imported.unlink()
    page = tmp_path / "report.html"
    done = cim(settings, "check", "试验楼", str(ids), "--json", "--html", str(page))
    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    [found] = report["specifications"]
    assert (report["title"], report["status"]) == ("交付要求", False)
    assert (found["applicable"], found["passed"], found["is_skipped"]) == (4, 3, False)
    [failed] = found["requirements"][0]["failed"]
    assert (failed["name"], failed["ifc_class"]) == ("parapet", "IfcWall")
    assert failed["reason"]
    assert "parapet" in page.read_text("utf-8")
    plain = cim(settings, "check", "house.ifc", str(ids))
    assert plain.returncode == 1
    assert "parapet" in plain.stderr
    assert "FAIL" in plain.stdout


def test_exit_status_tells_the_truth(make_house: Any, settings: Settings, tmp_path: Path) -> None:
    path = make_house("IFC4").write(tmp_path / "house.ifc")
    good = tmp_path / "good.ids"
    good.write_text(IDS.format(body=WALLS.format(version="IFC4").replace("IFCWALL<", "IFCSPACE<").replace(
        "Pset_WallCommon", "Pset_SpaceCommon")), "utf-8")  # fmt: skip
    assert cim(settings, "check", str(path), str(good)).returncode == 0
    other = tmp_path / "other.ids"
    other.write_text(IDS.format(body=WALLS.format(version="IFC2X3")), "utf-8")
    done = cim(settings, "check", str(path), str(other), "--json")
    assert done.returncode == 1  # nothing was checked: that is no pass
    assert json.loads(done.stdout)["specifications"][0]["is_skipped"] is True
    bad = tmp_path / "bad.ids"
    bad.write_text("<ids>", "utf-8")
    done = cim(settings, "check", str(path), str(bad))
    assert done.returncode not in (0, 1) or "no valid IDS" in done.stderr
    assert "bad.ids" in done.stderr
    done = cim(settings, "check", "nothing", str(good))
    assert "neither a file nor a model 'nothing'" in done.stderr


def test_a_model_whose_file_is_gone_says_so(imported: Path, engine: Engine, settings: Settings, tmp_path: Path) -> None:
    ids = tmp_path / "walls.ids"
    ids.write_text(IDS.format(body=WALLS.format(version="IFC4")), "utf-8")
    for path in (settings.files / "models").iterdir():
        path.unlink()
    done = cim(settings, "check", "house.ifc", str(ids))
    assert done.returncode == 1
    assert "give the path of the file" in done.stderr


def test_originals_are_kept_whole_and_swept_when_nobody_names_them(
    imported: Path, run_import: Run, engine: Engine, settings: Settings, tmp_path: Path
) -> None:
    folder = settings.files / "models"
    with engine.connect() as connection:
        known = connection.scalar(select(model.c.attributes))["original"]
        assert known["size_bytes"] == imported.stat().st_size < LARGEST_BYTES
        assert unpack(folder, known["sha256"], tmp_path / "again.ifc")
        assert (tmp_path / "again.ifc").read_bytes() == imported.read_bytes()
        stray = tmp_path / "stray.ifc"
        stray.write_bytes(b"old")
        original = Original(stray, folder)
        keep(original, original.describe())
        assert sweep(connection, folder) == 0  # it may belong to an import that has not ended
        [path] = [one for one in folder.iterdir() if known["sha256"] not in one.name]
        os.utime(path, (0, 0))
        # any import does it, also of what is there already
        assert run_import(imported).status == "unchanged"
        assert sweep(connection, folder) == 0
        assert [one.name for one in folder.iterdir()] == [f"{known['sha256']}.ifc.gz"]


def test_queries_on_the_command_line(imported: Path, settings: Settings) -> None:
    asked = "IfcWall and psets.Pset_WallCommon.LoadBearing = false"
    done = cim(settings, "query", asked, "--json")
    assert done.returncode == 0, done.stderr
    assert {row["name"] for row in json.loads(done.stdout)} == {"wall 0", "wall 1", "wall 2"}
    rows = list(csv.DictReader(io.StringIO(cim(settings, "query", "IfcSlab", "--csv", "--model", "house.ifc").stdout)))
    assert len(rows) == 4
    spaces = cim(
        settings, "query", "floor_area_m2 > 50 and psets.Pset_SpaceCommon.IsExternal = false", "--layer", "spaces"
    )
    assert "3 found" in spaces.stderr
    wrong = cim(settings, "query", "IfcWal")
    assert wrong.returncode != 0
    assert "did you mean IfcWall" in wrong.stderr
    assert "there is no model 'x'" in cim(settings, "query", "IfcWall", "--model", "x").stderr
