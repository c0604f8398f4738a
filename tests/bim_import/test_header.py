from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from bim_import.header import looks_like_ifc, normalise, read_header
from bim_import.readable import readable_copy
from cim.errors import InvalidFile
from cim.reports import ImportReport
from cim.tables import model

STEP = "ISO-10303-21;\nHEADER;\nFILE_DESCRIPTION((''),'2;1');\nFILE_SCHEMA(('{}'));\nENDSEC;\nDATA;\nENDSEC;\n"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("IFC2X3", "IFC2X3"),
        ("IFC2X_FINAL", "IFC2X3"),
        ("IFC2X3_TC1", "IFC2X3"),
        ("IFC4", "IFC4"),
        ("IFC4_ADD2_TC1", "IFC4"),
        ("IFC4X1", "IFC4X3_ADD2"),
        ("IFC4X2", "IFC4X3_ADD2"),
        ("IFC4X3", "IFC4X3_ADD2"),
        ("IFC4X3_RC1", "IFC4X3_ADD2"),
        ("IFC4X3_RC4", "IFC4X3_ADD2"),
        ("IFC4X3_TC1", "IFC4X3_ADD2"),
        ("IFC4X3_ADD1", "IFC4X3_ADD2"),
    ],
)
def test_every_known_schema_is_read_as_one_that_the_parser_has(written: str, read: str) -> None:
    assert normalise(written) == read


@pytest.mark.parametrize("written", ["IFC5", "AP214", "IFC9X9", "IFC", ""])
def test_unknown_schemas_are_refused_by_name(written: str) -> None:
    with pytest.raises(InvalidFile, match=f"'{written}'"):
        normalise(written)


def test_the_copy_changes_nothing_but_the_schema(tmp_path: Path) -> None:
    path = tmp_path / "a.ifc"
    body = STEP.format("IFC4X3_RC3") + "/* " + "x" * 200_000 + " */END-ISO-10303-21;\n"
    path.write_text(body)
    folder = tmp_path / "copy"
    folder.mkdir()
    header = read_header(path)
    assert header.original_schema == "IFC4X3_RC3"
    assert readable_copy(path, header, folder).path.read_text() == body.replace("IFC4X3_RC3", "IFC4X3_ADD2")
    assert path.read_text() == body


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("hello\n", "not a STEP file"),
        (STEP.format("IFC4"), "cut off"),
        (STEP.replace("FILE_SCHEMA(('{}'));\n", "") + "END-ISO-10303-21;", "no FILE_SCHEMA"),
        (STEP.format("IFC7") + "END-ISO-10303-21;", "IFC7"),
        ('<?xml version="1.0"?><ifcXML xmlns="http://www.buildingsmart-tech.org/ifcXML/IFC4"/>', "ifcXML"),
    ],
)
def test_what_is_no_ifc_is_refused_with_the_reason(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "a.ifc"
    path.write_text(content)
    with pytest.raises(InvalidFile, match=said):
        read_header(path)


@pytest.mark.parametrize(
    ("head", "name", "expected"),
    [
        (STEP.format("IFC4").encode(), "model.txt", True),
        (b"nothing", "model.IFC", True),
        (b"<?xml version='1.0'?><ifc:ifcXML/>", "model.xml", True),
        (STEP.format("AUTOMOTIVE_DESIGN").encode(), "part.stp", False),
        (b'{"type": "FeatureCollection"}', "a.geojson", False),
        (b"a,b\n1,2\n", "a.csv", False),
    ],
)
def test_recognition_is_by_content_and_by_claim(head: bytes, name: str, expected: bool) -> None:
    assert looks_like_ifc(head, name) is expected


@pytest.mark.parametrize("schema", ["IFC2X3", "IFC4", "IFC4X1", "IFC4X2", "IFC4X3_RC1", "IFC4X3_RC2", "IFC4X3_ADD2"])
@pytest.mark.parametrize("ending", [".ifczip", ".ifc.zip"])
def test_zipped_files_of_every_schema_keep_its_name(
    run_import: Callable[..., ImportReport], engine: Engine, make_house: Any, tmp_path: Path, schema: str, ending: str
) -> None:
    written = {"IFC2X3": "IFC2X3", "IFC4X3_ADD2": "IFC4X3"}.get(schema, "IFC4")
    made = make_house(written, place=False)
    values = {"Eastings": 522000.0, "Northings": 2512000.0}
    made.pset(made.project, "ePSet_MapConversion", **values)
    made.pset(made.project, "ePSet_ProjectedCRS", Name="EPSG:4547")
    text = made.write(tmp_path / "house.ifc").read_text()
    path = tmp_path / f"house{ending}"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("house.ifc", re.sub(r"FILE_SCHEMA\(\('\w+'\)\)", f"FILE_SCHEMA(('{schema}'))", text))
    report = run_import(path)
    assert report.status == "imported", report.error
    with engine.connect() as connection:
        row = connection.execute(select(model)).one()
    assert (row.original_schema, row.ifc_schema) == (schema, normalise(schema))
    assert row.attributes["counts"]["products"] > 10


def test_a_byte_order_mark_does_not_hide_the_header(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbf" + (STEP.format("IFC4") + "END-ISO-10303-21;\n").encode()
    assert looks_like_ifc(content, "model.txt")
    path = tmp_path / "a.ifc"
    path.write_bytes(content)
    assert read_header(path).schema == "IFC4"
