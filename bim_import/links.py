"""Relations between the objects of a file: members of groups, connected ports, what bounds, covers, serves or controls.

Ports are no objects of the map: they stand in the attributes of the element that has them, and two connected ports are
a link from element to element, in the direction of flow where the ports tell it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from bim_import.property_values import text_or_none


class Link(NamedTuple):
    """One relation between two things of a file (STEP ids); ``key`` is the same in every version of the file."""

    key: str
    kind: str
    source: int
    target: int
    attributes: dict[str, Any]


#: relation -> (kind, attribute of the source, attribute of the target); the other way round than the file where that
#: reads better: 'from' acts on 'to'.
_SIMPLE: dict[str, tuple[str, str | tuple[str, ...], str | tuple[str, ...]]] = {
    "IfcRelAssignsToGroup": ("member", "RelatingGroup", "RelatedObjects"),
    "IfcRelServicesBuildings": ("serves", "RelatingSystem", "RelatedBuildings"),
    "IfcRelFlowControlElements": ("controls", "RelatedControlElements", "RelatingFlowElement"),
    "IfcRelCoversBldgElements": ("covers", "RelatedCoverings", "RelatingBuildingElement"),
    "IfcRelCoversSpaces": ("covers", "RelatedCoverings", ("RelatingSpace", "RelatedSpace")),
    "IfcRelReferencedInSpatialStructure": ("references", "RelatingStructure", "RelatedElements"),
    "IfcRelConnectsElements": ("connects", "RelatingElement", "RelatedElement"),
}
_SOURCE, _SINK = "SOURCE", "SINK"


class Ports:
    """The ports of a file and the elements that have them."""

    def __init__(self, file: Any) -> None:
        self.owner = dict(_owners(file))
        self.connections = list(file.by_type("IfcRelConnectsPorts"))
        self._connected = {
            port.id() for one in self.connections for port in (one.RelatingPort, one.RelatedPort) if port is not None
        }
        self._of: dict[int, list[Any]] = {}
        for port in file.by_type("IfcPort"):
            if port.id() in self.owner:
                self._of.setdefault(self.owner[port.id()].id(), []).append(port)

    def describe(self, element: int) -> list[dict[str, Any]] | None:
        """Return the ports of an element (STEP id), None where it has none."""
        ports = self._of.get(element)
        if ports is None:
            return None
        return [
            {
                "global_id": port.GlobalId,
                "name": text_or_none(port.Name),
                "flow": text_or_none(getattr(port, "FlowDirection", None)),
                "type": text_or_none(getattr(port, "PredefinedType", None)),
                "system": text_or_none(getattr(port, "SystemType", None)),
                "is_connected": port.id() in self._connected,
            }
            for port in sorted(ports, key=lambda port: (str(port.Name), str(port.GlobalId)))
        ]

    def links(self) -> Iterator[Link]:
        """Yield the connected pairs of elements."""
        for relation in self.connections:
            first, second = relation.RelatingPort, relation.RelatedPort
            if first is None or second is None or first.id() not in self.owner or second.id() not in self.owner:
                continue
            source, target = self.owner[first.id()], self.owner[second.id()]
            flows = (getattr(first, "FlowDirection", None), getattr(second, "FlowDirection", None))
            if flows[0] == _SINK or (flows[1] == _SOURCE and flows[0] != _SOURCE):
                first, second, source, target = second, first, target, source
            realizing = getattr(relation, "RealizingElement", None)
            attributes = {
                "from_port": first.GlobalId,
                "to_port": second.GlobalId,
                "is_directed": _is_directed(flows),
                "realizing_global_id": realizing.GlobalId if realizing is not None else None,
            }
            yield Link(relation.GlobalId, "port", source.id(), target.id(), _given(attributes))


def _owners(file: Any) -> Iterator[tuple[int, Any]]:
    """Yield ports and their elements, the relation that counts in the end last."""
    ports = {port.id() for port in file.by_type("IfcPort")}
    for name in ("IfcRelAggregates", "IfcRelNests") if ports else ():
        for relation in file.by_type(name):
            for port in relation.RelatedObjects or ():
                if port.id() in ports and relation.RelatingObject is not None:
                    yield port.id(), relation.RelatingObject
    # IFC2X3, and IFC4 for ports that are not built in.
    for relation in file.by_type("IfcRelConnectsPortToElement"):
        if relation.RelatingPort is not None and relation.RelatedElement is not None:
            yield relation.RelatingPort.id(), relation.RelatedElement


def _is_directed(flows: tuple[str | None, str | None]) -> bool:
    """Tell whether two ports agree on the direction: out of one, into the other."""
    known = [flow for flow in flows if flow in (_SOURCE, _SINK)]
    return bool(known) and (len(known) == 1 or known[0] != known[1])


def read_links(file: Any, ports: Ports) -> list[Link]:
    """Return the relations of a file, each pair of a kind once but for ports."""
    found: dict[str, Link] = {}
    for link in [*ports.links(), *_simple(file), *_boundaries(file), *_fillings(file)]:
        found.setdefault(link.key, link)
    return list(found.values())


def _simple(file: Any) -> Iterator[Link]:
    known = {name for name in _SIMPLE if _exists(file, name)}
    for name in sorted(known):
        kind, source, target = _SIMPLE[name]
        for relation in file.by_type(name):
            for one in _entities(relation, source):
                for other in _entities(relation, target):
                    attributes = {"relation": relation.is_a()} if kind == "connects" else {}
                    yield _pair(kind, one, other, attributes)


def _boundaries(file: Any) -> Iterator[Link]:
    for relation in file.by_type("IfcRelSpaceBoundary"):
        space, element = relation.RelatingSpace, relation.RelatedBuildingElement
        if space is not None and element is not None:
            attributes = {
                "physical": text_or_none(relation.PhysicalOrVirtualBoundary),
                "side": text_or_none(relation.InternalOrExternalBoundary),
            }
            yield _pair("bounds", space, element, _given(attributes))


def _fillings(file: Any) -> Iterator[Link]:
    hosts = {
        relation.RelatedOpeningElement.id(): relation.RelatingBuildingElement
        for relation in file.by_type("IfcRelVoidsElement")
        if relation.RelatedOpeningElement is not None
    }
    for relation in file.by_type("IfcRelFillsElement"):
        opening, filling = relation.RelatingOpeningElement, relation.RelatedBuildingElement
        host = hosts.get(opening.id()) if opening is not None else None
        if host is not None and filling is not None:
            yield _pair("fills", filling, host, {})


def _pair(kind: str, source: Any, target: Any, attributes: dict[str, Any]) -> Link:
    key = f"{kind}:{_name(source)}:{_name(target)}"
    return Link(key, kind, source.id(), target.id(), attributes)


def _name(entity: Any) -> str:
    return str(getattr(entity, "GlobalId", None) or f"#{entity.id()}")


def _entities(relation: Any, names: str | tuple[str, ...]) -> list[Any]:
    for name in (names,) if isinstance(names, str) else names:
        value = getattr(relation, name, None)
        if value is not None:
            return list(value) if isinstance(value, tuple | list) else [value]
    return []


def _exists(file: Any, name: str) -> bool:
    try:
        return bool(file.by_type(name))
    except RuntimeError:  # a schema without this class
        return False


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
