"""Rows of the catalogue in memory: what a notice tells of is read again, or taken from the notice itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import orjson
import psycopg
import pytest
from sqlalchemy import Engine, update

from api.versions import LayerVersions
from cim.access import Caller
from cim.db import driver_url
from cim.errors import NotFound
from cim.provenance import touch_layers
from cim.tables import layer
from layers.catalogue import LayerRow, get_layer

pytestmark = pytest.mark.anyio
PLANNER = Caller("planner")


class Readings:
    """Reads as the service does, and counts."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.count = 0

    async def __call__(self, function: Callable[..., Any]) -> Any:
        self.count += 1
        with self.engine.connect() as connection:
            return function(connection)


Told = Callable[[], dict[str, Any]]


@pytest.fixture
def told(engine: Engine) -> Iterator[Told]:
    """The next notice, as a listener hears it."""
    url = driver_url(engine.url.render_as_string(hide_password=False))
    with psycopg.connect(url, autocommit=True) as listening:
        listening.execute("listen cim_live")

        def hear() -> dict[str, Any]:
            [notice] = listening.notifies(timeout=20, stop_after=1)
            return dict(orjson.loads(notice.payload))

        yield hear


def read_anew(engine: Engine) -> LayerRow:
    with engine.connect() as connection:
        return get_layer(connection, "events", PLANNER)


async def test_a_version_is_taken_from_the_notice(engine: Engine, told: Told) -> None:
    readings = Readings(engine)
    versions = LayerVersions(readings)
    (before,) = await versions.rows(["events"], PLANNER)
    with engine.begin() as connection:
        touch_layers(connection, ["events"], None, None, only_objects=True)
    versions.hear(told())
    (after,) = await versions.rows(["events"], PLANNER)
    assert after == read_anew(engine)
    assert after.version == before.version + 1
    assert readings.count == 1


async def test_an_older_notice_changes_nothing(engine: Engine, told: Told) -> None:
    versions = LayerVersions(Readings(engine))
    with engine.begin() as connection:
        touch_layers(connection, ["events"], None, None, only_objects=True)
    late = told()
    with engine.begin() as connection:
        touch_layers(connection, ["events"], None, None)
    (known,) = await versions.rows(["events"], PLANNER)
    versions.hear(late)
    assert await versions.rows(["events"], PLANNER) == [known]


async def test_what_the_catalogue_says_is_read_again(engine: Engine, told: Told) -> None:
    readings = Readings(engine)
    versions = LayerVersions(readings)
    await versions.rows(["events"], PLANNER)
    with engine.begin() as connection:
        connection.execute(update(layer).where(layer.c.id == "events").values(visibility="planner"))
        touch_layers(connection, ["events"], None, None)
    versions.hear(told())
    with pytest.raises(NotFound):
        await versions.rows(["events"], Caller("viewer"))
    assert readings.count == 2
