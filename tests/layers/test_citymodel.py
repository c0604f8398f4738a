"""City models made by hand in every version, and real ones: buildings, parts, surfaces, axis order, heights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from pyproj import Transformer

E, N, H = 522_000.0, 2_511_000.0, 30.0  # in Longgang, EPSG:4547
#: A house of 10 x 8 m: box of 6 m with a part of 4 x 8 m and 3 m beside it.
HOUSE, PART = (0, 0, 10, 8, 6), (10, 0, 4, 8, 3)
FOOTPRINT = shapely.box(E, N, E + 14, N + 8)


def corners(box: tuple[int, ...]) -> list[list[float]]:
    x, y, width, depth, height = box
    ring = [(x, y), (x + width, y), (x + width, y + depth), (x, y + depth)]
    return [[E + a, N + b, H + z] for z in (0, height) for a, b in ring]


#: Ground (seen from below), roof, four walls, as corners of the box.
FACES = {"GroundSurface": [[0, 3, 2, 1]], "RoofSurface": [[4, 5, 6, 7]],
         "WallSurface": [[0, 1, 5, 4], [1, 2, 6, 5], [2, 3, 7, 6], [3, 0, 4, 7]]}  # fmt: skip


def solid(first: int, lod: str, version: str) -> dict[str, Any]:
    faces = [(kind, face) for kind, all_faces in FACES.items() for face in all_faces]
    kinds = list(FACES)
    return {
        "type": "Solid",
        "lod": float(lod) if version == "1.0" else lod,
        "boundaries": [[[[first + n for n in face]] for _, face in faces]],
        "semantics": {
            "surfaces": [{"type": kind} for kind in kinds],
            "values": [[kinds.index(kind) for kind, _ in faces]],
        },
    }


def city(version: str, *, sequence: bool = False) -> list[dict[str, Any]]:
    vertices = corners(HOUSE) + corners(PART)
    header: dict[str, Any] = {"type": "CityJSON", "version": version, "CityObjects": {}, "vertices": []}
    header["metadata"] = {
        "referenceSystem": "urn:ogc:def:crs:EPSG::4547" if version == "1.0"
        else "https://www.opengis.net/def/crs/EPSG/0/4547"
    }  # fmt: skip
    objects = {
        "b1-part": {"type": "BuildingPart", "parents": ["b1"], "attributes": {"roofType": "flat"},
                    "geometry": [solid(8, "2", version)]},
        "b1": {"type": "Building", "children": ["b1-part"], "geometry": [solid(0, "2", version)],
               "attributes": {"name": "一号楼", "measuredHeight": 6.5, "storeysAboveGround": 2,
                              "yearOfConstruction": "1998", "usage": "住宅", "owner": "x"}},
    }  # fmt: skip
    if version != "1.0":
        header["transform"] = {"scale": [0.001] * 3, "translate": [E, N, H]}
        vertices = [[round((a - b) * 1000) for a, b in zip(v, (E, N, H), strict=True)] for v in vertices]
    if sequence:
        return [header, {"type": "CityJSONFeature", "id": "b1", "CityObjects": objects, "vertices": vertices}]
    return [header | {"CityObjects": objects, "vertices": vertices}]


def gml(version: str, srs_name: str, order: tuple[int, int]) -> str:
    def polygons(box: tuple[int, ...]) -> str:
        points = corners(box)
        text = ""
        for kind, faces in FACES.items():
            for face in faces:
                ring = [points[n] for n in [*face, face[0]]]
                numbers = " ".join(f"{p[order[0]]!r} {p[order[1]]!r} {p[2]!r}" for p in ring)
                inner = (
                    f"<gml:MultiSurface><gml:surfaceMember><gml:Polygon><gml:exterior><gml:LinearRing><gml:posList>"
                    f"{numbers}</gml:posList></gml:LinearRing></gml:exterior></gml:Polygon></gml:surfaceMember>"
                    "</gml:MultiSurface>"
                )
                outer, prefix, space = (
                    ("core:boundary", "con", "core") if version == "3.0" else ("bldg:boundedBy", *["bldg"] * 2)
                )
                level = f"{space}:lod2MultiSurface"
                text += f"<{outer}><{prefix}:{kind}><{level}>{inner}</{level}></{prefix}:{kind}></{outer}>"
        return text

    spaces = {
        "core": f"http://www.opengis.net/citygml/{version}", "bldg": f"http://www.opengis.net/citygml/building/{version}",
        "con": "http://www.opengis.net/citygml/construction/3.0", "gen": f"http://www.opengis.net/citygml/generics/{version}",
        "gml": "http://www.opengis.net/gml/3.2" if version == "3.0" else "http://www.opengis.net/gml",
    }  # fmt: skip
    part = "buildingPart" if version == "3.0" else "consistsOfBuildingPart"
    heads = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in spaces.items())
    low, high = corners(PART)[0], corners(PART)[6]
    envelope = [" ".join(repr(p[n]) for n in (*order, 2)) for p in (low, high)]
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><core:CityModel {heads}><gml:boundedBy>'
        f'<gml:Envelope srsName="{srs_name}" srsDimension="3"><gml:lowerCorner>{envelope[0]}</gml:lowerCorner>'
        f"<gml:upperCorner>{envelope[1]}</gml:upperCorner></gml:Envelope></gml:boundedBy><core:cityObjectMember>"
        '<bldg:Building gml:id="b1"><gml:name>一号楼</gml:name><gen:stringAttribute name="owner">'
        "<gen:value>x</gen:value></gen:stringAttribute><bldg:usage>住宅</bldg:usage><bldg:yearOfConstruction>1998</bldg:yearOfConstruction>"
        '<bldg:storeysAboveGround>2</bldg:storeysAboveGround><bldg:measuredHeight uom="m">6.5</bldg:measuredHeight>'
        f"{polygons(HOUSE)}<bldg:{part}><bldg:BuildingPart gml:id='b1-part'>{polygons(PART)}</bldg:BuildingPart>"
        f"</bldg:{part}></bldg:Building></core:cityObjectMember></core:CityModel>"
    )


def written(tmp_path: Path, kind: str, version: str) -> Path:
    if kind == "gml":
        path = tmp_path / "town.gml"
        # EPSG:4547 puts north first; the place tells which of the two orders a file has.
        path.write_text(gml(version, "urn:ogc:def:crs:EPSG::4547", (1, 0) if version == "2.0" else (0, 1)), "utf-8")
        return path
    documents = city(version, sequence=kind == "sequence")
    path = tmp_path / ("town.city.jsonl" if kind == "sequence" else "town.city.json")
    path.write_text("\n".join(json.dumps(document) for document in documents) + "\n", "utf-8")
    return path


@pytest.mark.parametrize(
    ("kind", "version"),
    [("cityjson", "1.0"), ("cityjson", "1.1"), ("cityjson", "2.0"), ("sequence", "1.1"), ("sequence", "2.0"),
     ("gml", "1.0"), ("gml", "2.0"), ("gml", "3.0")],
)  # fmt: skip
def test_a_house_with_a_part(take: Any, ask: Any, tmp_path: Path, kind: str, version: str) -> None:
    report = take(written(tmp_path, kind, version))
    assert report.status == "imported", report.error
    counts = report.layers["buildings"]
    assert (counts.read, counts.added, counts.quarantined) == (1, 1, 0)
    [row] = ask(
        "select source_key, fields, attributes, lod2_surfaces, ST_AsBinary(geom) g, ST_AsBinary(lod2) s,"
        " ST_SRID(lod2) srid from building_source"
    )
    assert row.source_key == "b1"
    assert row.fields == {"name": "一号楼", "use": "住宅", "height_m": 6.5, "base_height_m": 30.0, "storeys_above": 2,
                          "year_built": 1998}  # fmt: skip
    assert row.attributes["owner"] == "x"
    assert row.attributes["parts"] == 1
    to_degrees = Transformer.from_crs(4547, 4490, always_xy=True)
    expected = shapely.transform(FOOTPRINT, lambda c: np.column_stack(to_degrees.transform(c[:, 0], c[:, 1])))
    found = shapely.from_wkb(bytes(row.g))
    assert shapely.area(shapely.symmetric_difference(found, expected)) < 1e-6 * expected.area
    # The shell back in metres is closed: each edge of both boxes is walked once each way, and its volume is theirs.
    back = Transformer.from_crs(4490, 4547, always_xy=True)
    shell = shapely.from_wkb(bytes(row.s))
    assert row.srid == 4490
    assert len(shell.geoms) == len(row.lod2_surfaces) == 12
    assert sorted(row.lod2_surfaces) == sorted("GRWWWW" * 2)
    volume = 0.0
    for polygon in shell.geoms:
        points = shapely.get_coordinates(polygon, include_z=True)[:-1]
        x, y = back.transform(points[:, 0], points[:, 1])
        p = np.column_stack([x - E, y - N, points[:, 2] - H])
        volume += sum(np.dot(p[0], np.cross(p[n], p[n + 1])) for n in range(1, len(p) - 1)) / 6
    assert volume == pytest.approx(10 * 8 * 6 + 4 * 8 * 3, rel=1e-5)
    [dataset] = ask("select format, crs from dataset")
    assert version in dataset.format


@pytest.mark.parametrize(
    ("srs_name", "order"),
    [
        ("http://www.opengis.net/def/crs/EPSG/0/6697", (1, 0)),
        ("urn:ogc:def:crs:EPSG::6697", (1, 0)),
        ("urn:ogc:def:crs,crs:EPSG::6668,crs:EPSG::6695", (1, 0)),
        ("EPSG:4326", (0, 1)),
    ],
)
def test_latitude_comes_first_where_the_definition_says_so(
    take: Any, ask: Any, tmp_path: Path, srs_name: str, order: tuple[int, int]
) -> None:
    """A square of 0.001 degrees in Tokyo."""
    ring = [(139.71, 35.67), (139.711, 35.67), (139.711, 35.671), (139.71, 35.671), (139.71, 35.67)]
    numbers = " ".join(f"{p[order[0]]} {p[order[1]]} 12.5" for p in ring)
    text = gml("2.0", srs_name, (0, 1))
    start, end = text.index("<bldg:boundedBy>"), text.index("</bldg:Building></core")
    outline = (
        "<bldg:lod0FootPrint><gml:MultiSurface><gml:surfaceMember><gml:Polygon><gml:exterior><gml:LinearRing>"
        f"<gml:posList>{numbers}</gml:posList></gml:LinearRing></gml:exterior></gml:Polygon></gml:surfaceMember>"
        "</gml:MultiSurface></bldg:lod0FootPrint>"
    )
    path = tmp_path / "tokyo.gml"
    path.write_text(text[:start] + outline + text[end:], "utf-8")
    assert take(path).status == "imported"
    [row] = ask("select ST_XMin(geom) w, ST_YMin(geom) s, ST_XMax(geom) e, ST_YMax(geom) n, lod2 from building_source")
    assert (row.w, row.s, row.e, row.n) == pytest.approx((139.71, 35.67, 139.711, 35.671), abs=1e-7)
    assert row.lod2 is None
    [dataset] = ask("select vertical_crs from dataset")
    assert dataset.vertical_crs == ("EPSG:6695" if "66" in srs_name else None)


def test_bad_members_wait_and_bad_files_are_refused(take: Any, ask: Any, tmp_path: Path) -> None:
    header, feature = city("2.0", sequence=True)
    broken = json.loads(json.dumps(feature).replace("b1", "b2"))
    broken["CityObjects"]["b2"]["geometry"][0]["boundaries"][0][0][0][0] = 99
    empty = {"type": "CityJSONFeature", "id": "b3", "CityObjects": {"b3": {"type": "Building"}}, "vertices": []}
    lines = [
        json.dumps(header),
        json.dumps(feature),
        json.dumps(broken),
        "{oops",
        json.dumps(empty),
        json.dumps(feature),
    ]
    path = tmp_path / "town.city.jsonl"
    path.write_text("\n".join(lines), "utf-8")
    counts = take(path).layers["buildings"]
    assert (counts.read, counts.added, counts.quarantined) == (5, 1, 4)
    assert sorted(ask("select place, reason from quarantine")) == [
        ("b1", "duplicate_key"), ("b2", "unreadable_geometry"), ("b3", "missing_geometry"),
        ("line 4", "unreadable_row"),
    ]  # fmt: skip
    entity = tmp_path / "entity.gml"
    text = gml("2.0", "EPSG:4547", (0, 1))
    entity.write_text(
        text.replace("<core:CityModel", '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><core:CityModel', 1),
        "utf-8",
    )
    assert "entities" in take(entity).error
    cut = tmp_path / "cut.gml"
    cut.write_text(text[:-200], "utf-8")
    assert take(cut).status == "refused"
    nowhere = tmp_path / "nowhere.city.json"
    nowhere.write_text(json.dumps(city("2.0")[0] | {"metadata": {}}), "utf-8")
    assert "--crs" in take(nowhere).error
    assert take(nowhere, crs="EPSG:4547").layers["buildings"].added == 1


@pytest.mark.shared
def test_rotterdam(take: Any, ask: Any, shared_data: Path) -> None:
    path = shared_data / "city" / "3-20-DELFSHAVEN.city.json"
    document = json.loads(path.read_text("utf-8"))
    report = take(path)
    counts = report.layers["buildings"]
    parents = [key for key, item in document["CityObjects"].items() if not item.get("parents")]
    assert (counts.read, counts.added) == (len(parents), 853)
    # Sum of the ground surfaces' areas by the shoelace formula, on the file's own integers.
    vertices = np.array(document["vertices"]) * document["transform"]["scale"] + document["transform"]["translate"]
    total = 0.0
    for item in document["CityObjects"].values():
        for geometry in item["geometry"]:
            semantics = geometry["semantics"]
            for surface, number in zip(geometry["boundaries"], semantics["values"], strict=True):
                if semantics["surfaces"][number]["type"] == "GroundSurface":
                    for part, ring in enumerate(surface):
                        x, y = vertices[ring][:, 0], vertices[ring][:, 1]
                        area = abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2
                        total += area if part == 0 else -area
    wkb = [bytes(row[0]) for row in ask("select ST_AsBinary(geom) from building_source")]
    to_metres = Transformer.from_crs(4326, 28992, always_xy=True)
    metres = shapely.transform(shapely.from_wkb(wkb), lambda c: np.column_stack(to_metres.transform(c[:, 0], c[:, 1])))
    assert shapely.area(metres).sum() == pytest.approx(total, rel=0.01)
    [row] = ask("select count(*), count(lod2), sum(ST_NumGeometries(lod2)) n from building_source")
    assert row[0] == row[1] == 853
    surfaces = sum(len(g["boundaries"]) for item in document["CityObjects"].values() for g in item["geometry"])
    assert row.n == surfaces


@pytest.mark.shared
def test_the_same_buildings_as_cityjson_and_citygml(take: Any, ask: Any, shared_data: Path) -> None:
    for name in ("citygml4j_lod2_buildings_v2.city.json", "citygml4j_lod2_buildings_v3.gml"):
        assert take(shared_data / "city" / name).layers["buildings"].added == 100
    [row] = ask(
        "select count(*), max(ST_Area(ST_SymDifference(a.geom, b.geom)) / ST_Area(a.geom)) apart,"
        " count(*) filter (where a.fields - 'base_height_m' = b.fields - 'base_height_m') same,"
        " count(*) filter (where ST_NumGeometries(a.lod2) = ST_NumGeometries(b.lod2)) shells"
        " from building_source a join building_source b using (source_key) where a.dataset_id < b.dataset_id"
    )
    assert (row[0], row.same, row.shells) == (100, 100, 100)
    assert row.apart < 1e-6


@pytest.mark.shared
def test_tokyo_and_the_hague(take: Any, ask: Any, shared_data: Path) -> None:
    take(shared_data / "city" / "plateau_53394517_CityGML2_iUR.gml")
    [row] = ask(
        "select ST_X(ST_Centroid(geom)) x, ST_Y(ST_Centroid(geom)) y, fields, ST_NumGeometries(lod2) n,"
        " ST_ZMin(lod2) low, ST_ZMax(lod2) high from building_source"
    )
    assert (row.x, row.y) == pytest.approx((139.7178, 35.6787), abs=2e-3)
    assert row.fields["height_m"] == 31.7
    assert row.n == 650
    assert 16 <= row.low < row.high <= 90
    [dataset] = ask("select crs, vertical_crs from dataset")
    assert tuple(dataset) == ("EPSG:6697", "EPSG:6695")
    report = take(shared_data / "city" / "denhaag_random_5.city.jsonl")
    assert report.layers["buildings"].added == 5
    [dataset] = ask("select format, vertical_crs from dataset where name like 'denhaag%'")
    assert tuple(dataset) == ("CityJSONSeq 1.1", "EPSG:5709")
    refused = take(shared_data / "city" / "val3dity_with-errors.city.json")
    assert (refused.status, "JSON" in refused.error) == ("refused", True)


@pytest.mark.shared
def test_delft(take: Any, ask: Any, shared_data: Path) -> None:
    path = shared_data / "place_delft" / "testarea.json"
    objects = json.loads(path.read_text("utf-8"))["CityObjects"]
    report = take(path)
    assert sum(counts.read for counts in report.layers.values()) == len(objects) == 570
    assert report.quarantined == 0
    assert report.layers["buildings"].read == 160
    heights = {row.source_key: row.fields["height_m"] for row in ask("select source_key, fields from building_source")}
    for key, item in objects.items():
        if item["type"] == "Building":
            assert heights[key] == pytest.approx(item["attributes"]["measuredHeight"])
