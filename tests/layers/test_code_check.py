"""Wrong official codes are told with their reason, and keep rows out only where the catalogue says so."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Engine, text

if TYPE_CHECKING:
    from conftest import Ask, Take

HEADER = "设备编码,名称,经度,纬度\n"
RIGHT = "44030700001320000001,一号,114.1,22.6\n"
WRONG = "44030700000990000001,二号,114.1,22.6\n"


def _write(path: Path, *lines: str) -> Path:
    path.write_text(HEADER + "".join(lines), encoding="utf-8")
    return path


def test_a_wrong_code_stays_a_key_and_is_told(take: Take, ask: Ask, tmp_path: Path) -> None:
    report = take(_write(tmp_path / "cameras.csv", RIGHT, WRONG))
    assert (report.layers["cameras"].added, report.quarantined) == (2, 0)
    (note,) = [note.message for note in report.notes if note.code == "invalid_codes"]
    assert "1 of 2 codes" in note
    assert "digits 11 to 13 are 099" in note
    assert ask("select count(*) from cim.camera") == [(2,)]


def test_right_codes_are_not_mentioned(take: Take, tmp_path: Path) -> None:
    report = take(_write(tmp_path / "cameras.csv", RIGHT))
    assert not [note for note in report.notes if note.code == "invalid_codes"]


def test_an_owners_own_codes_are_one_note(take: Take, tmp_path: Path) -> None:
    report = take(_write(tmp_path / "cameras.csv", "CAM-1,一,114.1,22.6\n", "CAM-2,二,114.1,22.6\n"))
    (note,) = [note.message for note in report.notes if note.code == "invalid_codes"]
    assert "none of the 2 codes" in note
    assert report.layers["cameras"].added == 2


@pytest.mark.parametrize("fields", ['{"wrong": "quarantine"}', '{"scheme": "device", "wrong": "quarantine"}'])
def test_the_catalogue_can_keep_such_rows_out(
    take: Take, ask: Ask, engine: Engine, tmp_path: Path, fields: str
) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "update cim.layer set fields = jsonb_set(fields, '{code}', (fields -> 'code') || cast(:more as jsonb))"
                " where id = 'cameras'"
            ),
            {"more": fields},
        )
    report = take(_write(tmp_path / "cameras.csv", RIGHT, WRONG))
    assert (report.layers["cameras"].added, report.layers["cameras"].quarantined) == (1, 1)
    ((place, reason, detail),) = ask("select place, reason, detail from cim.quarantine")
    assert (place, reason) == ("row 3", "invalid_code")
    assert "no type" in detail


def test_warnings_in_a_layer_of_its_own(take: Take, ask: Ask, engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "warnings.csv"
    path.write_text(
        "预警编号,名称,lon,lat\n44030741600000_20240608143000_0,暴雨,114,22\nX,雷电,114,22\n", encoding="utf-8"
    )
    assert take(path, layer="warnings").layers["warnings"].added == 2
    with engine.begin() as connection:
        connection.execute(
            text("update cim.layer set fields = fields || cast(:more as jsonb) where id = 'warnings'"),
            {"more": '{"预警编号": {"type": "string", "scheme": "warning", "wrong": "quarantine"}}'},
        )
    path.write_text(path.read_text(encoding="utf-8").replace("雷电", "大风"), encoding="utf-8")
    report = take(path, layer="warnings")
    assert report.layers["warnings"].quarantined == 1
    assert ask("select reason from cim.quarantine") == [("invalid_code",)]
