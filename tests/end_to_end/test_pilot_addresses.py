"""The pilot's own register: the address of a unit finds that unit, and of a building that building."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from layers.addresses.match import match

if TYPE_CHECKING:
    from conftest import Pilot

pytestmark = pytest.mark.slow
_AT_ONCE = 2000


def test_addresses_of_units_find_their_units(pilot: Pilot) -> None:
    # Every eighth of 198,000: of every building with eight units or more there is one.
    rows = pilot.rows("select id, building_id, address from cim.unit where id % 8 = 0 order by id")
    assert len(rows) > 20_000
    answered = right = 0
    with pilot.engine.connect() as connection:
        for start in range(0, len(rows), _AT_ONCE):
            part = rows[start : start + _AT_ONCE]
            for row, found in zip(part, match(connection, [row.address for row in part]), strict=True):
                answered += found.unit_id is not None
                right += (found.unit_id, found.building_id) == (row.id, row.building_id)
    precision, recall = right / answered, right / len(rows)
    assert (precision, recall) == (1.0, 1.0)


def test_addresses_of_buildings_find_their_buildings(pilot: Pilot) -> None:
    rows = pilot.rows("select id, address from cim.building where address is not null order by id")
    assert len(rows) > 10_000
    wrong = []
    with pilot.engine.connect() as connection:
        for start in range(0, len(rows), _AT_ONCE):
            part = rows[start : start + _AT_ONCE]
            found = match(connection, [row.address for row in part])
            wrong += [one.text for row, one in zip(part, found, strict=True) if one.building_id != row.id]
    assert wrong == []
