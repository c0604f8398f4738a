"""Geometry: placements, profiles, extrusions and mapped items, with equal small entities shared.

All lengths given to this module are metres; the document converts them to the file's unit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from district.bim.document import Document, Entity
from district.bim.palette import Palette


class Place(NamedTuple):
    """A position in metres and a rotation about z, counter-clockwise in degrees."""

    x: float
    y: float
    z: float = 0.0
    rotation_deg: float = 0.0

    def along(self, s: float, inward: float = 0.0, z: float = 0.0) -> Place:
        """Move ``s`` along the local x axis and ``inward`` along the local y axis."""
        cos, sin = _cos_sin(self.rotation_deg)
        return Place(self.x + s * cos - inward * sin, self.y + s * sin + inward * cos, self.z + z, self.rotation_deg)


class Box(NamedTuple):
    """A coloured box: lower corner and size in metres."""

    colour: str
    x: float
    y: float
    z: float
    dx: float
    dy: float
    dz: float


def _cos_sin(rotation_deg: float) -> tuple[float, float]:
    angle = math.radians(rotation_deg)
    return round(math.cos(angle), 12), round(math.sin(angle), 12)


class Shapes:
    """Makes geometry in a document's three subcontexts."""

    def __init__(self, document: Document, palette: Palette) -> None:
        self.document = document
        self.palette = palette
        self._points: dict[tuple[float, ...], Entity] = {}
        self._directions: dict[tuple[float, ...], Entity] = {}
        self._axes: dict[tuple[float, ...], Entity] = {}
        self._profiles: dict[tuple[float, ...], Entity] = {}
        self._identity: Entity | None = None
        self.model_context = self._context()
        self.body_context = self._subcontext("Body", "MODEL_VIEW")
        self.axis_context = self._subcontext("Axis", "GRAPH_VIEW")
        self.footprint_context = self._subcontext("FootPrint", "MODEL_VIEW")

    def _context(self) -> Entity:
        return self.document.new(
            "IfcGeometricRepresentationContext",
            ContextType="Model",
            CoordinateSpaceDimension=3,
            Precision=1e-5 * self.document.per_metre,
            WorldCoordinateSystem=self.axes(Place(0.0, 0.0)),
            TrueNorth=self.direction(0.0, 1.0),
        )

    def _subcontext(self, identifier: str, view: str) -> Entity:
        return self.document.new(
            "IfcGeometricRepresentationSubContext",
            ContextIdentifier=identifier,
            ContextType="Model",
            ParentContext=self.model_context,
            TargetView=view,
        )

    def point(self, *metres: float) -> Entity:
        """Give the IfcCartesianPoint, two or three coordinates."""
        key = tuple(self.document.length(value) for value in metres)
        if key not in self._points:
            self._points[key] = self.document.new("IfcCartesianPoint", Coordinates=key)
        return self._points[key]

    def direction(self, *ratios: float) -> Entity:
        """Give the IfcDirection."""
        if ratios not in self._directions:
            self._directions[ratios] = self.document.new("IfcDirection", DirectionRatios=ratios)
        return self._directions[ratios]

    def axes(self, place: Place, lying: bool = False) -> Entity:
        """Give the IfcAxis2Placement3D at a place; ``lying`` turns its z axis into the rotated x axis."""
        key = (*(self.document.length(v) for v in place[:3]), round(place.rotation_deg, 9), float(lying))
        if key not in self._axes:
            cos, sin = _cos_sin(place.rotation_deg)
            z_axis, x_axis = self.direction(0.0, 0.0, 1.0), self.direction(cos, sin, 0.0)
            if lying:
                z_axis, x_axis = x_axis, self.direction(-sin, cos, 0.0)
            elif place.rotation_deg == 0.0:
                z_axis = x_axis = None
            self._axes[key] = self.document.new(
                "IfcAxis2Placement3D", Location=self.point(*place[:3]), Axis=z_axis, RefDirection=x_axis
            )
        return self._axes[key]

    def local(self, place: Place, relative_to: Entity | None) -> Entity:
        """Create an IfcLocalPlacement."""
        return self.document.new("IfcLocalPlacement", PlacementRelTo=relative_to, RelativePlacement=self.axes(place))

    def rectangle(self, dx: float, dy: float) -> Entity:
        """Give a rectangle profile centred on its origin."""
        key = (self.document.length(dx), self.document.length(dy))
        if key not in self._profiles:
            self._profiles[key] = self.document.new(
                "IfcRectangleProfileDef", ProfileType="AREA", Position=self._origin_2d(), XDim=key[0], YDim=key[1]
            )
        return self._profiles[key]

    def circle(self, radius: float) -> Entity:
        """Give a circle profile centred on its origin."""
        key = (self.document.length(radius),)
        if key not in self._profiles:
            self._profiles[key] = self.document.new(
                "IfcCircleProfileDef", ProfileType="AREA", Position=self._origin_2d(), Radius=key[0]
            )
        return self._profiles[key]

    def polygon(self, corners: Sequence[tuple[float, float]]) -> Entity:
        """Create a closed profile from its corners, counter-clockwise, the first not repeated."""
        points = [self.point(x, y) for x, y in corners]
        line = self.document.new("IfcPolyline", Points=[*points, points[0]])
        return self.document.new("IfcArbitraryClosedProfileDef", ProfileType="AREA", OuterCurve=line)

    def _origin_2d(self) -> Entity:
        key = (0.0,)
        if key not in self._axes:
            self._axes[key] = self.document.new(
                "IfcAxis2Placement2D", Location=self.point(0.0, 0.0), RefDirection=self.direction(1.0, 0.0)
            )
        return self._axes[key]

    def extrude(
        self, profile: Entity, place: Place, depth: float, colour: str | None = None, lying: bool = False
    ) -> Entity:
        """Create an extrusion along the placement's z axis, coloured when a colour is named."""
        solid = self.document.new(
            "IfcExtrudedAreaSolid",
            SweptArea=profile,
            Position=self.axes(place, lying),
            ExtrudedDirection=self.direction(0.0, 0.0, 1.0),
            Depth=self.document.length(depth),
        )
        if colour:
            self.palette.paint(solid, colour)
        return solid

    def box(self, box: Box) -> Entity:
        """Create an extruded rectangle; an empty colour leaves it without a style."""
        centre = Place(box.x + box.dx / 2, box.y + box.dy / 2, box.z)
        return self.extrude(self.rectangle(box.dx, box.dy), centre, box.dz, box.colour)

    def body(self, *items: Entity) -> Entity:
        """Create a Body representation of extrusions."""
        return self._representation(self.body_context, "Body", "SweptSolid", items)

    def axis(self, length: float) -> Entity:
        """Create an Axis representation: a line of the length along local x."""
        line = self.document.new("IfcPolyline", Points=[self.point(0.0, 0.0), self.point(length, 0.0)])
        return self._representation(self.axis_context, "Axis", "Curve2D", (line,))

    def outline(self, dx: float, dy: float) -> Entity:
        """Create a FootPrint representation: the outline of a rectangle from the origin."""
        corners = [self.point(x, y) for x, y in ((0.0, 0.0), (dx, 0.0), (dx, dy), (0.0, dy), (0.0, 0.0))]
        line = self.document.new("IfcPolyline", Points=corners)
        return self._representation(self.footprint_context, "FootPrint", "Curve2D", (line,))

    def map_of(self, *items: Entity) -> Entity:
        """Create a representation map, to be repeated by `mapped`."""
        return self.document.new(
            "IfcRepresentationMap",
            MappingOrigin=self.axes(Place(0.0, 0.0)),
            MappedRepresentation=self.body(*items),
        )

    def mapped(self, source: Entity) -> Entity:
        """Create a Body representation that repeats a representation map."""
        if self._identity is None:
            self._identity = self.document.new(
                "IfcCartesianTransformationOperator3D", LocalOrigin=self.point(0.0, 0.0, 0.0)
            )
        item = self.document.new("IfcMappedItem", MappingSource=source, MappingTarget=self._identity)
        return self._representation(self.body_context, "Body", "MappedRepresentation", (item,))

    def definition(self, *representations: Entity) -> Entity:
        """Create an IfcProductDefinitionShape."""
        return self.document.new("IfcProductDefinitionShape", Representations=representations)

    def _representation(self, context: Entity, identifier: str, kind: str, items: Sequence[Entity]) -> Entity:
        return self.document.new(
            "IfcShapeRepresentation",
            ContextOfItems=context,
            RepresentationIdentifier=identifier,
            RepresentationType=kind,
            Items=items,
        )
