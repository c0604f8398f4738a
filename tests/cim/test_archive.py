"""Archives are unpacked within limits, or refused and nothing is left."""

from __future__ import annotations

import zipfile
from contextlib import ExitStack
from pathlib import Path

import pytest

from cim.archive import unpack
from cim.errors import InvalidFile, TooLarge
from cim.sources import Source, gather


def test_a_zip_bomb_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as handle, handle.open("model.ifc", "w") as sink:
        for _ in range(100):
            sink.write(bytes(1 << 20))
    folder = tmp_path / "out"
    with pytest.raises(TooLarge, match="ZIP bomb"):
        unpack(bomb, folder)
    assert not folder.exists()


@pytest.mark.parametrize("name", ["../evil.txt", "/etc/evil.txt", "a/../../evil.txt", "..\\evil.txt"])
def test_names_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as handle:
        handle.writestr(name, "x")
    with pytest.raises(InvalidFile, match="leads out"):
        unpack(path, tmp_path / "out")


def test_a_broken_archive_is_reported_and_the_folder_goes_on(tmp_path: Path) -> None:
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 not really")
    (tmp_path / "good.csv").write_text("a\n1\n")
    with ExitStack() as stack:
        found = list(gather([tmp_path], stack))
    assert isinstance(found[0], InvalidFile)
    assert "broken.zip" in str(found[0])
    assert isinstance(found[1], Source)


def test_a_shapefile_is_one_source_with_its_companions(tmp_path: Path) -> None:
    for ending in ("shp", "shx", "dbf", "prj"):
        (tmp_path / f"道路.{ending}").write_bytes(ending.encode())
    (tmp_path / "other.dbf").write_bytes(b"alone")
    with ExitStack() as stack:
        found = {source.name: source for source in gather([tmp_path], stack) if isinstance(source, Source)}
    assert set(found) == {"道路.shp", "other.dbf"}
    assert len(found["道路.shp"].parts) == 4


def test_an_archive_of_one_file_keeps_the_archives_name(tmp_path: Path) -> None:
    path = tmp_path / "dem.hgt.zip"
    with zipfile.ZipFile(path, "w") as handle:
        handle.writestr("N47E009.hgt", b"data")
    with ExitStack() as stack:
        (source,) = gather([path], stack)
        assert isinstance(source, Source)
        assert (source.name, source.path.name) == ("dem.hgt.zip", "N47E009.hgt")


def test_a_missing_path_is_named(tmp_path: Path) -> None:
    with ExitStack() as stack:
        (error,) = gather([tmp_path / "nothing.gpkg"], stack)
    assert isinstance(error, InvalidFile)
    assert "nothing.gpkg" in str(error)
