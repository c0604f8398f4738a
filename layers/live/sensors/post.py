"""What a client posted: where the address puts it, single observations, and the links that are answered."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from cim.errors import InvalidInput
from layers.live.sensors.address import Address
from layers.live.sensors.data_array import Sent, read_reference
from layers.live.sensors.reading import Readings, latest_us, read_times


def within(address: Address) -> dict[str, int]:
    """Return the links that an address gives a new entity: of ``Things(1)/Datastreams`` it is the thing.

    Raises
    ------
    InvalidInput
        Where the entity cannot be linked so.
    """
    if len(address.steps) == 1:
        return {}
    before = address.steps[-2]
    if before.key is None or len(before.key) != 1:
        raise InvalidInput("entities are created in a set, or below one entity like Things(1)/Datastreams")
    name = before.entities.singular
    if name not in address.last.entities.links:
        raise InvalidInput(f"create it in {address.last.entities.plural}, and name it in {before.entities.plural}")
    return {name: before.key[0]}


def read_observation(said: Any, links: Mapping[str, int]) -> tuple[Readings, str] | None:
    """Return a single observation of a known datastream, and its id; None where there is more in it.

    Raises
    ------
    InvalidInput
    """
    if not isinstance(said, dict) or said.get("FeatureOfInterest") is not None:
        return None
    stream = {"@iot.id": links["Datastream"]} if "Datastream" in links else said.get("Datastream")
    if isinstance(stream, dict) and "name" in stream:
        return None
    if "result" not in said:
        raise InvalidInput("Observations: result must be there")
    number = read_reference(stream, "Datastream")
    us, detail = read_times(said, latest_us())
    readings = Readings()
    readings.add(number, us, said["result"], detail)
    return readings, f"{number}-{us}"


def shown_lines(sent: Sent, unknown: Collection[int], root: str) -> list[str]:
    """Return what became of each line of data arrays: its link, or 'error' and why."""
    readings = sent.readings
    head = f"{root}/Observations('"
    found = []
    for line in sent.lines:
        if isinstance(line, str):
            found.append(f"error: {line}")
        elif readings.sensor[line] in unknown:
            found.append(f"error: Datastreams({readings.sensor[line]}) is not there; create it first")
        else:
            found.append(f"{head}{readings.sensor[line]}-{readings.us[line]}')")
    return found


def entity_link(root: str, plural: str, number: str) -> str:
    """Return the address of an entity."""
    return f"{root}/{plural}('{number}')" if plural == "Observations" else f"{root}/{plural}({number})"


def links_of(plural: str, number: str, link: str) -> dict[str, Any]:
    """Return what is answered of a new entity."""
    return {"@iot.id": number if plural == "Observations" else int(number), "@iot.selfLink": link}
