"""What the parser of ifcopenshell would drop or misread is put right in a copy, or told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ifcopenshell
import pytest

from bim_import.drafts import adapt, split_arguments
from bim_import.header import read_header
from bim_import.readable import Readable, readable_copy
from bim_import.reader import open_model
from cim.errors import InvalidFile

FILE = (
    "ISO-10303-21;\nHEADER;\nFILE_DESCRIPTION((''),'2;1');\nFILE_NAME('','',(''),(''),'','','');\n"
    "FILE_SCHEMA(('{schema}'));\nENDSEC;\nDATA;\n"
    "#1=IFCPROJECT('0000000000000000000001',$,'{name}',$,$,$,$,(#3),#2);\n#2=IFCUNITASSIGNMENT((#4));\n"
    "#3=IFCGEOMETRICREPRESENTATIONCONTEXT($,'Model',3,$,#5,$);\n#4=IFCSIUNIT(*,.LENGTHUNIT.,$,.METRE.);\n"
    "#5=IFCAXIS2PLACEMENT3D(#6,$,$);\n#6=IFCCARTESIANPOINT((0.,0.,0.));\n"
    "#7=IFCWALL('0000000000000000000002',$,'W',$,$,$,$,$,$);\n{more}ENDSEC;\nEND-ISO-10303-21;\n"
)


def opened(tmp_path: Path, content: bytes) -> tuple[Any, dict[str, str]]:
    """Parse a file as the importer does; return it, and its notes by code."""
    path = tmp_path / "a.ifc"
    path.write_bytes(content)
    header = read_header(path)
    folder = tmp_path / "copy"
    folder.mkdir()
    readable = readable_copy(path, header, folder)
    model = open_model(readable.path, header, readable.notes)
    return model.file, {note.code: note.message for note in model.notes}


def step(name: str = "P", schema: str = "IFC4", more: str = "", encoding: str = "utf-8") -> bytes:
    return FILE.format(name=name, schema=schema, more=more).encode(encoding)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (r"\X2\5EFA7B51\X0\ A", "建筑 A"),
        (r"\X4\0001F3E0\X0\x", "🏠x"),
        (r"\X2\D83CDFE05EFA\X0\x", "🏠建x"),
        (r"W\S\dnd", "Wänd"),
        (r"\PE\\S\0", "А"),  # ISO 8859-5, a Cyrillic letter
        (r"\X\E4", "ä"),
        ("O''Hara", "O'Hara"),
        (r"C:\\plans", "C:\\plans"),
    ],
)
def test_escapes_of_iso_10303_21(tmp_path: Path, written: str, read: str) -> None:
    assert opened(tmp_path, step(written))[0].by_type("IfcProject")[0].Name == read


@pytest.mark.parametrize(
    ("text", "encoding", "said"),
    [
        ("深圳市龙岗区图书馆", "utf-8", "UTF-8"),
        ("深圳市龙岗区图书馆", "gb18030", "GB 18030"),
        ("𠮷野家 🏠", "utf-8", "UTF-8"),
        ("Wände für Zürich", "utf-8", "UTF-8"),
        ("Wände für Zürich", "cp1252", "Windows-1252"),
        # The second byte of this character is a backslash, of which the parser would make an escape.
        ("龙岗区立交桥与誠信大厦的建筑", "gbk", "GB 18030"),
    ],
)
def test_raw_text_arrives_right_and_is_noted(tmp_path: Path, text: str, encoding: str, said: str) -> None:
    file, notes = opened(tmp_path, step(text, encoding=encoding))
    assert file.by_type("IfcProject")[0].Name == text
    assert said in notes["encoding"]


def test_raw_text_beside_escapes(tmp_path: Path) -> None:
    assert opened(tmp_path, step(r"建\X2\7B51\X0\物"))[0].by_type("IfcProject")[0].Name == "建筑物"


def test_a_byte_order_mark_is_taken_off(tmp_path: Path) -> None:
    file, notes = opened(tmp_path, b"\xef\xbb\xbf" + step("建筑"))
    assert file.by_type("IfcProject")[0].Name == "建筑"
    assert "encoding" in notes


def test_a_clean_file_is_read_as_it_lies(tmp_path: Path) -> None:
    path = tmp_path / "a.ifc"
    path.write_bytes(step())
    assert readable_copy(path, read_header(path), tmp_path) == Readable(path)


PRODUCT = "#{}={}('000000000000000000000{}',$,'n',$,$,$,$,{});\n"


@pytest.mark.parametrize("schema", ["IFC4X1", "IFC4X2", "IFC4X3_RC1", "IFC4X3_RC2", "IFC4X3_RC3", "IFC4X3_RC4"])
def test_entities_that_drafts_name_otherwise(tmp_path: Path, schema: str) -> None:
    more = "".join(
        PRODUCT.format(number, name, number, rest)
        for number, name, rest in (
            (10, "IFCSLABELEMENTEDCASE", "'t',.FLOOR."),
            (11, "IFCSLABSTANDARDCASE", "'t',.ROOF."),
            (12, "IFCPROXY", ".PRODUCT.,'t'"),
            (13, "IFCBUILDINGELEMENT", "'t'"),
            (14, "IFCSOLIDSTRATUM", "'t'"),
            (15, "ifcWallElementedCase", "'t',$"),
            (16, "IFCDOORSTANDARDCASE", "'t',2.,1.,.DOOR.,.SINGLE_SWING_LEFT.,$"),
        )
    )
    more += "#20=IFCDOORSTYLE('0000000000000000000020',$,'s',$,$,$,$,'t',.REVOLVING.,.WOOD.,.T.,.F.);\n"
    file, notes = opened(tmp_path, step(schema=schema, more=more))
    found = {one.id(): one for one in file if one.id() >= 10}
    assert {number: one.is_a() for number, one in found.items()} == {
        10: "IfcSlab", 11: "IfcSlab", 12: "IfcBuildingElementProxy", 13: "IfcBuiltElement",
        14: "IfcGeotechnicalStratum", 15: "IfcWall", 16: "IfcDoor", 20: "IfcDoorType",
    }  # fmt: skip
    assert {one.Tag for one in found.values()} == {"t"}
    assert (found[10].PredefinedType, found[11].PredefinedType) == ("FLOOR", "ROOF")
    assert (found[14].PredefinedType, found[16].OverallHeight) == ("SOLID", 2.0)
    assert (found[20].OperationType, found[20].ParameterTakesPrecedence) == ("REVOLVING", True)
    assert "1 IFCPROXY as IFCBUILDINGELEMENTPROXY" in notes["draft_entities"]


def test_names_within_texts_and_longer_names_stay(tmp_path: Path) -> None:
    more = "#10=IFCWALL('0000000000000000000010',$,'#11=IFCPROXY(1)',$,$,$,$,$,$);\n"
    more += "#11=IFCBUILDINGELEMENTPROXY('0000000000000000000011',$,'it''s (a), b',$,$,$,$,$,$);\n"
    file, notes = opened(tmp_path, step(schema="IFC4X3_RC4", more=more))
    assert file.by_id(10).Name == "#11=IFCPROXY(1)"
    assert file.by_id(11).is_a("IfcBuildingElementProxy")
    assert "draft_entities" not in notes


def test_attributes_that_changed_their_places() -> None:
    part = [b"'g'", b"$", b"'n'", b"$", b"$", b"#1", b"$", b"$", b"$"]
    assert adapt("IFCFACILITYPART", [*part, b"IFCROADPARTTYPEENUM(.CARRIAGEWAY.)", b".LATERAL."]) == (
        "IFCROADPART",
        [*part, b".LATERAL.", b".CARRIAGEWAY."],
    )
    assert adapt("IFCFACILITYPART", [*part, b"IFCRAILWAYPARTTYPEENUM(.TRACKSTRUCTURE.)", b"$"])[1][-1] == b".TRACK."
    faces = [b"#1", b".T.", b"$", b"((1,2,3))", b"$"]
    assert adapt("IFCTRIANGULATEDFACESET", faces)[1] == [b"#1", b"$", b".T.", b"((1,2,3))", b"$"]
    placement = [b"#1", b"#2", b"#3", b"#4", b"#5"]
    assert adapt("IFCLINEARPLACEMENT", placement)[1] == [b"$", b"$", b"#5"]


@pytest.mark.parametrize(
    ("scales", "name", "factors"),
    [
        (b"1000.,$,$", "IFCMAPCONVERSION", []),
        (b"0.5,0.5,0.5", "IFCMAPCONVERSION", []),
        (b"0.5,0.5,1.", "IFCMAPCONVERSIONSCALED", [b"1.", b"1.0", b"2.0"]),
    ],
)
def test_scales_along_the_axes(scales: bytes, name: str, factors: list[bytes]) -> None:
    values, end = split_arguments(b"#1,#2,0.,0.,0.,1.,0.," + scales + b");", 0)
    assert end == 21 + len(scales) + 1
    found, written = adapt("IFCMAPCONVERSION", values)
    assert (found, written[8:]) == (name, factors)


def test_what_the_schema_lacks_is_counted(tmp_path: Path) -> None:
    more = "#10=IFCALIGNMENTCURVE(#11,$,$);\n#11=IFCALIGNMENT2DHORIZONTAL(0.,());\n#12=IFCALIGNMENTCURVE(#11,$,$);\n"
    _, notes = opened(tmp_path, step(schema="IFC4X1", more=more))
    assert notes["not_read"].startswith("3 of 10 instances")
    assert "2 IFCALIGNMENTCURVE" in notes["not_read"]


def test_values_that_the_schema_lacks_are_counted(tmp_path: Path) -> None:
    more = "#10=IFCANNOTATION('0000000000000000000010',$,'n',$,$,$,$,.ASBUILTLINE.);\n"
    _, notes = opened(tmp_path, step(schema="IFC4X3", more=more))
    assert "1 .ASBUILTLINE. of IfcAnnotationTypeEnum" in notes["unknown_literals"]


def test_a_parser_that_stops_is_noticed(tmp_path: Path) -> None:
    content = step(
        more="#10=IFCORGANIZATION('x';\n" + "".join(PRODUCT.format(n, "IFCWALL", n, "$,$") for n in (11, 12))
    )
    with pytest.raises(InvalidFile):
        opened(tmp_path, content)


@pytest.mark.shared
def test_nothing_of_a_real_draft_is_lost(shared_data: Path, tmp_path: Path) -> None:
    for path in sorted((shared_data / "ifc/ifc4x3").glob("*.ifc")):
        file, notes = opened(_fresh(tmp_path, path.stem), path.read_bytes())
        assert "not_read" not in notes, path.name
        assert "dangling_references" not in notes, path.name
        assert file.by_type("IfcProduct")
    assert "IFCSOLIDSTRATUM as IFCGEOTECHNICALSTRATUM" in _notes(shared_data, tmp_path, "earthworks_12d_EPSG7856_RC3")
    file, _ = opened(_fresh(tmp_path, "b"), (shared_data / "ifc/ifc4x3/road_Bentley_test2_RC4.ifc").read_bytes())
    assert {one.PredefinedType for one in file.by_type("IfcRoadPart")} >= {"CARRIAGEWAY", "SIDEWALK", "ROADSIDE"}
    assert {one.UsageType for one in file.by_type("IfcRoadPart")} == {"LATERAL"}


def _fresh(tmp_path: Path, name: str) -> Path:
    folder = tmp_path / name
    folder.mkdir()
    return folder


def _notes(shared_data: Path, tmp_path: Path, stem: str) -> str:
    content = (shared_data / f"ifc/ifc4x3/{stem}.ifc").read_bytes()
    return opened(_fresh(tmp_path, f"{stem}_again"), content)[1]["draft_entities"]


@pytest.mark.shared
def test_chinese_and_japanese_names_of_real_files(shared_data: Path) -> None:
    for name, text in (
        ("ifc4/chinese_TestModel_IFC4Add2.ifc", "墙"),
        ("ifc2x3/japanese_revit2013_unicode.ifc", "内壁"),
    ):
        path = shared_data / "ifc" / name
        model = open_model(path, read_header(path))
        assert any(text in (one.Name or "") for one in model.file.by_type("IfcRoot")), name
        assert isinstance(model.file, ifcopenshell.file)
