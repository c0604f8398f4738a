"""Several processes write readings of the same sensors at one time, also the first of a month."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, func, insert, select

from cim.access import OPEN_CALLER
from cim.tables import last_observation, observation, sensor
from layers.live.sensors.observe import observe
from layers.live.sensors.reading import Readings
from layers.live.sensors.shown import us_of

SENSORS, ROUNDS, WRITERS = 50, 12, 4


def test_writers_do_not_get_in_each_others_way(engine: Engine) -> None:
    with engine.begin() as connection:
        rows = [{"layer_id": "sensors", "source_key": f"S{n}", "code": f"S{n}"} for n in range(SENSORS)]
        ids = list(connection.execute(insert(sensor).returning(sensor.c.id), rows).scalars())
    starts = [datetime(2025, 1 + number, 1, tzinfo=UTC) for number in range(ROUNDS)]

    def write(writer: int) -> None:
        own = ids if writer % 2 else ids[::-1]
        for start in starts:
            batch = Readings()
            for number, one in enumerate(own):
                batch.add(one, us_of(start + timedelta(seconds=number)), writer)
            with engine.begin() as connection:
                observe(connection, batch, OPEN_CALLER)

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS)))
    with engine.connect() as connection:
        count = connection.execute(select(func.count()).select_from(observation)).scalar_one()
        # Those from the front tell the same times, and so do those from the back.
        assert count == SENSORS * ROUNDS * 2
        assert connection.execute(select(func.count()).select_from(last_observation)).scalar_one() == SENSORS
