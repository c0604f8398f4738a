"""Pipes: systems of segments and fittings, joined port to port."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from district.bim.document import Entity
from district.bim.model import Level, Model, TypeOf
from district.bim.shapes import Place

_FITTING_M = 0.2


@dataclass(frozen=True)
class SystemKind:
    """A building service."""

    name: str
    predefined: str
    colour: str
    material: str


COLD_WATER = SystemKind("给水系统", "DOMESTICCOLDWATER", "water_pipe", "PPR管")
SPRINKLER = SystemKind("消防喷淋系统", "FIREPROTECTION", "fire_pipe", "镀锌钢管")
DRAINAGE = SystemKind("排水系统", "DRAINAGE", "drain_pipe", "UPVC管")
GAS = SystemKind("燃气系统", "GAS", "gas_pipe", "无缝钢管")


@dataclass
class Ends:
    """The two ports of a segment or fitting, in flow direction."""

    element: Entity
    inlet: Entity
    outlet: Entity


@dataclass
class Network:
    """A system in a model; call `close` when all of its pipes are laid."""

    model: Model
    kind: SystemKind
    members: list[Entity] = field(default_factory=list)

    def segment(self, level: Level, place: Place, length_m: float, dn_mm: int, lying: bool) -> Ends:
        """Lay a straight pipe: up from the place, or along its x axis."""
        name = f"{self.kind.name}管 DN{dn_mm} L{round(length_m * 1000)}{'H' if lying else 'V'}"
        of = self.model.known_type(name) or self._type("IfcPipeSegmentType", name, length_m, dn_mm, lying)
        pipe = self._element("IfcPipeSegment", level, name, place, of, "RIGIDSEGMENT")
        self.model.properties.give(
            "Pset_PipeSegmentTypeCommon",
            {"NominalDiameter": ("IfcPositiveLengthMeasure", self.model.document.length(dn_mm / 1000))},
            pipe.element,
        )
        return pipe

    def fitting(self, level: Level, place: Place, dn_mm: int, lying: bool) -> Ends:
        """Put a tee."""
        name = f"{self.kind.name}三通 DN{dn_mm}{'H' if lying else 'V'}"
        of = self.model.known_type(name) or self._type(
            "IfcPipeFittingType", name, _FITTING_M, round(dn_mm * 1.4), lying
        )
        return self._element("IfcPipeFitting", level, name, place, of, "JUNCTION")

    def valve(self, level: Level, place: Place, dn_mm: int, lying: bool) -> Ends:
        """Put a shut-off valve."""
        name = f"{self.kind.name}闸阀 DN{dn_mm}{'H' if lying else 'V'}"
        of = self.model.known_type(name) or self._type("IfcValveType", name, _FITTING_M, round(dn_mm * 1.9), lying)
        return self._element("IfcValve", level, name, place, of, "ISOLATING")

    def join(self, first: Ends, second: Ends) -> None:
        """Connect an outlet to an inlet."""
        self.model.document.rooted(
            "IfcRelConnectsPorts",
            f"{self.kind.name}/rel/ports",
            RelatingPort=first.outlet,
            RelatedPort=second.inlet,
        )

    def riser(self, levels: Sequence[Level], x: float, y: float, dn_mm: int) -> None:
        """Lead a pipe up through storeys, with a tee under each floor but the last, and a valve at its foot."""
        last: Ends | None = None
        for i, level in enumerate(levels):
            place = Place(x, y)
            parts = []
            if i == 0:
                parts.append(self.valve(level, place, dn_mm, False))
                place = Place(x, y, _FITTING_M)
            parts.append(self.segment(level, place, level.height_m - _FITTING_M - place.z, dn_mm, False))
            parts.append(self.fitting(level, Place(x, y, level.height_m - _FITTING_M), dn_mm, False))
            for part in parts:
                if last is not None:
                    self.join(last, part)
                last = part

    def main(self, level: Level, start: Place, bay_m: float, count: int, dn_mm: int, branch_m: float = 0.0) -> None:
        """Lead a pipe along the place's x axis, a tee each bay, and from each tee a branch to the left."""
        last: Ends | None = None
        for i in range(count):
            place = start.along(i * bay_m)
            pipe = self.segment(level, place, bay_m - _FITTING_M, dn_mm, True)
            tee = self.fitting(level, place.along(bay_m - _FITTING_M), dn_mm, True)
            if last is not None:
                self.join(last, pipe)
            self.join(pipe, tee)
            last = tee
            if branch_m:
                foot = place.along(bay_m - _FITTING_M / 2)
                turned = Place(foot.x, foot.y, foot.z, foot.rotation_deg + 90.0)
                self.segment(level, turned, branch_m, max(20, dn_mm // 2), True)

    def close(self) -> None:
        """Write the system and its relations."""
        if not self.members:
            return
        document = self.model.document
        attributes = self.model.since_ifc4(PredefinedType=self.kind.predefined, LongName=self.kind.name)
        system = document.rooted("IfcDistributionSystem", f"system/{self.kind.name}", Name=self.kind.name, **attributes)
        document.rooted("IfcRelAssignsToGroup", "rel/system", RelatedObjects=self.members, RelatingGroup=system)
        document.rooted(
            "IfcRelServicesBuildings",
            "rel/services",
            RelatingSystem=system,
            RelatedBuildings=[self.model.building],
        )

    def _type(self, ifc_class: str, name: str, length_m: float, dn_mm: int, lying: bool) -> TypeOf:
        predefined = {
            "IfcPipeSegmentType": "RIGIDSEGMENT",
            "IfcPipeFittingType": "JUNCTION",
            "IfcValveType": "ISOLATING",
        }[ifc_class]
        profile = self.model.shapes.circle(dn_mm / 2000)
        solid = self.model.shapes.extrude(profile, Place(0, 0), length_m, self.kind.colour, lying)
        return self.model.type_of(ifc_class, name, solid, material=self.kind.material, PredefinedType=predefined)

    def _element(self, ifc_class: str, level: Level, name: str, place: Place, of: TypeOf, predefined: str) -> Ends:
        document = self.model.document
        attributes = self.model.since_ifc4(PredefinedType=predefined)
        element = self.model.product(ifc_class, level, name, place, of=of, Tag=f"M{self.model.count}", **attributes)
        self.members.append(element)
        ports = [
            document.rooted(
                "IfcDistributionPort",
                f"{level.name}/port",
                Name=direction,
                FlowDirection=direction,
                **self.model.since_ifc4(PredefinedType="PIPE", SystemType=self.kind.predefined),
            )
            for direction in ("SINK", "SOURCE")
        ]
        if document.is_2x3:
            for port in ports:
                document.rooted(
                    "IfcRelConnectsPortToElement",
                    f"{level.name}/rel/port",
                    RelatingPort=port,
                    RelatedElement=element,
                )
        else:
            document.rooted("IfcRelNests", f"{level.name}/rel/port", RelatingObject=element, RelatedObjects=ports)
        return Ends(element, ports[0], ports[1])
