"""Events as CAP alerts and CloudEvents, in and out."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import shapely

from cim.errors import InvalidInput
from layers.live.events.cap import read_cap, write_cap
from layers.live.events.cloudevents import read_cloudevent

ALERT = """<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>A1</identifier><sender>met@x</sender>
<sent>2026-03-01T08:00:00+08:00</sent><status>{status}</status><msgType>{message}</msgType><scope>{scope}</scope>
<info><event>Rain</event><severity>Severe</severity><headline>暴雨橙色预警</headline>
<area><areaDesc>龙岗</areaDesc>{area}</area></info></alert>"""


def alert(area: str = "", status: str = "Actual", message: str = "Alert", scope: str = "Public") -> bytes:
    return ALERT.format(area=area, status=status, message=message, scope=scope).encode()


def test_an_alert_is_read() -> None:
    found = read_cap(alert("<polygon>22.6,114.1 22.6,114.3 22.8,114.3 22.6,114.1</polygon>"))
    assert (found.source, found.source_key, found.severity) == ("CAP met@x", "A1", 2)
    assert (found.title, found.type) == ("暴雨橙色预警", "A06")
    assert found.occurred_at == datetime(2026, 3, 1, tzinfo=UTC)
    assert found.area is not None
    # longitude first, whatever the standard writes first
    assert found.area.equals(shapely.Polygon([(114.1, 22.6), (114.3, 22.6), (114.3, 22.8)]))
    assert found.attributes["areas"] == ["龙岗"]
    circle = read_cap(alert("<circle>22.7,114.2 1.0</circle>")).area
    assert circle is not None
    west, south, east, north = circle.bounds
    assert (north - south) * 111.2 == pytest.approx(2.0, rel=0.01)
    assert (east - west) * 111.2 * 0.9225 == pytest.approx(2.0, rel=0.01)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "no XML"),
        (b"<alert>", "no XML"),
        (b"<alert/>", "no CAP alert"),
        (alert(scope=""), "lacks scope"),
        (alert(status="Test"), "'Test'"),
        (alert(status="Real"), "use one of Actual"),
        (alert(message="Ack"), "is an 'Ack'"),
        (alert("<polygon>22,114 22,115 23,115</polygon>"), "not closed"),
        (alert("<polygon>22;114 22,115 23,115 22;114</polygon>"), "latitude,longitude"),
        (alert("<polygon>114,22 114,23 115,23 114,22</polygon>"), "no place on earth"),
        (alert("<circle>22.7,114.2 wide</circle>"), "no number"),
        (alert("<circle>22.7,114.2 nan</circle>"), "no number"),
        (b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]>" + alert(), "entities"),
        (b"<a>" + b" " * 2**20 + b"</a>", "1024 kB"),
    ],
)
def test_what_is_no_alert_in_force_is_refused(body: bytes, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        read_cap(body)


def test_real_alerts(shared_data: Path) -> None:
    refused = {"invalid.cap": "lacks scope", "xee.cap": "entities"}
    areas, spots = {"canada.cap", "thunderstorm.cap", "australia.cap"}, {"earthquake.cap", "earthquake_signed.cap"}
    files = sorted((shared_data / "conformance" / "cap").glob("*.cap"))
    assert len(files) == 10
    for file in files:
        if file.name in refused:
            with pytest.raises(InvalidInput, match=refused[file.name]):
                read_cap(file.read_bytes())
            continue
        found = read_cap(file.read_bytes())
        assert found.source.startswith("CAP ")
        assert found.title, file.name
        assert (found.area is not None) == (file.name in areas), file.name
        assert (found.longitude is not None) == (file.name in spots), file.name


def test_an_event_is_written_as_an_alert_and_read_again() -> None:
    event: dict[str, Any] = {
        "id": 7, "state": "dispatch", "type": "烟雾报警", "title": "7层\x07烟雾", "description": None, "severity": 1,
        "occurred_at": datetime(2026, 3, 1, tzinfo=UTC), "address": "坪翔二街5号", "grid_cell_code": None,
        "longitude": 114.2, "latitude": 22.7,
    }  # fmt: skip
    found = read_cap(write_cap(event, None, sender="cim.local"))
    assert (found.title, found.severity, found.source_key) == ("7层烟雾", 1, "cim-event-7-dispatch")
    assert found.area is not None
    assert found.area.contains(shapely.Point(114.2, 22.7))
    zone = shapely.box(114.1, 22.6, 114.3, 22.8)
    again = read_cap(write_cap(event, zone, sender="cim.local")).area
    assert again is not None
    assert again.symmetric_difference(zone).area < 1e-9
    assert b"<msgType>Cancel" in write_cap(event | {"state": "close"}, None, sender="cim.local")


def test_a_cloudevent_is_read() -> None:
    said = {"specversion": "1.0", "id": "9", "source": "/ai/1", "type": "烟火识别", "time": "2026-03-01T00:00:00Z",
            "data": {"longitude": 114.2, "latitude": 22.7}}  # fmt: skip
    found = read_cloudevent(said)
    assert (found.source, found.source_key, found.type, found.longitude) == ("/ai/1", "9", "烟火识别", 114.2)
    assert found.occurred_at == datetime(2026, 3, 1, tzinfo=UTC)
    for wrong, says in (
        ([], "JSON object"),
        (said | {"id": ""}, "lacks id"),
        (said | {"specversion": "0.3"}, "1.0 is read"),
        (said | {"data": "x"}, "must be a JSON object"),
        (said | {"data": {"colour": 1}}, "colour"),
        (said | {"data_base64": "aa"}, "data_base64"),
    ):
        with pytest.raises(InvalidInput, match=says):
            read_cloudevent(wrong)
