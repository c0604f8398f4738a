"""The sensors of registers, described as SensorThings entities."""

from __future__ import annotations

from sqlalchemy import Connection, delete, exists, select

from cim.importing import AfterImport
from cim.tables import location, sensor, thing
from layers.sql import statement

#: What an import may bring that changes a sensor, the building that it hangs in or its cell.
LAYERS = frozenset({"sensors", "observations", "buildings", "grid_cells"})


def describe_after_import(connection: Connection, after: AfterImport) -> None:
    """Describe the sensors that an import brought; the same import again changes nothing."""
    if LAYERS & (set(after.result.layers) | after.previous_layers):
        describe_sensors(connection)


def describe_sensors(connection: Connection) -> None:
    """Describe all sensors of registers, and forget the things of those that are gone."""
    connection.execute(statement("sensor_area"))
    connection.execute(statement("sensor_describe"))
    for table in (thing, location):
        is_there = exists(select(sensor.c.id).where(sensor.c.id == table.c.id))
        connection.execute(delete(table).where(table.c.is_registered, ~is_there))
