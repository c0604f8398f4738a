"""One building model: its spatial structure, its types, and the products hung into it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from district.bim.document import Document, Entity
from district.bim.georeference import compound_angle, degrees, georeference, site_place
from district.bim.palette import Palette
from district.bim.program import ModelProgram
from district.bim.properties import Properties, Value
from district.bim.shapes import Place, Shapes
from district.bim.site import ModelSite, as_authored

#: Models drawn in millimetres whose map conversion has the right scale, 0.001.
MILLIMETRE_SLUGS = frozenset({"office_05", "factory_02", "tower_08"})


@dataclass
class Level:
    """A storey: index 0 is the ground floor, -1 the first basement."""

    index: int
    name: str
    elevation_m: float
    height_m: float
    entity: Entity
    contained: list[Entity] = field(default_factory=list)
    spaces: list[Entity] = field(default_factory=list)

    @property
    def number(self) -> str:
        """The storey's part of a room number: 3 for the third floor, B1 for the first basement."""
        return str(self.index + 1) if self.index >= 0 else f"B{-self.index}"


@dataclass
class TypeOf:
    """A type object with its occurrences; ``source`` is its representation map, if it has a shape."""

    entity: Entity
    source: Entity | None
    occurrences: list[Entity] = field(default_factory=list)


class Model:
    """An IFC building in the making.

    ``count`` is the number of products with a representation, openings apart. Call `close` once at the end.
    """

    def __init__(self, site: ModelSite, seed: int) -> None:
        self.site = site
        self.program: ModelProgram = as_authored(site)
        slug = site.program.slug
        self.rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(zlib.crc32(slug.encode()),)))
        in_mm = site.fault == "mm_missing_scale" or slug in MILLIMETRE_SLUGS
        self.document = Document(slug, self.program.schema, seed, 1000.0 if in_mm else 1.0)
        self.shapes = Shapes(self.document, Palette(self.document, self.rng))
        self.properties = Properties(self.document)
        self.count = 0
        self._types: dict[str, TypeOf] = {}
        self._parts: dict[int, tuple[Entity, list[Entity]]] = {}
        self.project, self.ifc_site, self.building = self._spatial_structure()
        self.levels = [self._level(i) for i in range(-self.program.storeys_below, self.program.storeys_above)]
        georeference(self.document, self.shapes, self.properties, site, self.project, self.ifc_site)

    @property
    def above(self) -> list[Level]:
        """The storeys at and above ground level, from below."""
        return [level for level in self.levels if level.index >= 0]

    @property
    def below(self) -> list[Level]:
        """The basements, the deepest first."""
        return [level for level in self.levels if level.index < 0]

    def _spatial_structure(self) -> tuple[Entity, Entity, Entity]:
        rooted, shapes, name = self.document.rooted, self.shapes, self.program.name_zh
        project = rooted(
            "IfcProject",
            "project",
            Name=name,
            LongName=f"{name}建筑信息模型",
            RepresentationContexts=[shapes.model_context],
            UnitsInContext=self.document.units(),
        )
        angles: dict[str, Any] = {}
        if self.site.fault != "no_place":
            longitude, latitude = degrees(self.site)
            angles = {
                "RefLatitude": compound_angle(latitude),
                "RefLongitude": compound_angle(longitude),
                "RefElevation": self.document.length(self.site.base_height_m),
            }
        site = rooted(
            "IfcSite",
            "site",
            Name="场地",
            ObjectPlacement=shapes.local(site_place(self.site), None),
            CompositionType="ELEMENT",
            **angles,
        )
        building = rooted(
            "IfcBuilding",
            "building",
            Name=name,
            LongName=name,
            ObjectPlacement=shapes.local(Place(0.0, 0.0), site.ObjectPlacement),
            CompositionType="ELEMENT",
            ElevationOfRefHeight=self.document.length(self.site.base_height_m),
            BuildingAddress=self._address(),
        )
        return project, site, building

    def _address(self) -> Entity | None:
        if self.site.fault == "no_place":
            return None
        return self.document.new(
            "IfcPostalAddress",
            AddressLines=[self.site.address_zh],
            Town="深圳市龙岗区",
            Region="广东省",
            Country="中国",
        )

    def _level(self, index: int) -> Level:
        height_m = self.program.storey_height_m
        name = f"{index + 1}F" if index >= 0 else f"B{-index}"
        elevation_m = round(index * height_m, 4)
        entity = self.document.rooted(
            "IfcBuildingStorey",
            f"storey/{name}",
            Name=name,
            LongName=f"地上{index + 1}层" if index >= 0 else f"地下{-index}层",
            ObjectPlacement=self.shapes.local(Place(0.0, 0.0, elevation_m), self.building.ObjectPlacement),
            CompositionType="ELEMENT",
            Elevation=self.document.length(elevation_m),
        )
        return Level(index, name, elevation_m, height_m, entity)

    def type_of(
        self,
        ifc_class: str,
        name: str,
        *items: Entity,
        material: str | None = None,
        properties: Mapping[str, Mapping[str, Value]] | None = None,
        **attributes: Any,
    ) -> TypeOf:
        """Create a type object; extrusions among ``items`` become the shape that its occurrences repeat."""
        source = self.shapes.map_of(*items) if items else None
        sets = [self.properties.property_set(key, values) for key, values in (properties or {}).items()]
        entity = self.document.rooted(
            ifc_class,
            f"type/{ifc_class}/{name}",
            Name=name,
            RepresentationMaps=[source] if source else None,
            HasPropertySets=sets or None,
            **attributes,
        )
        if material:
            self.properties.make_of(material, entity)
        self._types[name] = TypeOf(entity, source)
        return self._types[name]

    def known_type(self, name: str) -> TypeOf | None:
        """Give the type of that name, if it was made."""
        return self._types.get(name)

    def product(
        self,
        ifc_class: str,
        level: Level,
        name: str,
        place: Place,
        representations: tuple[Entity, ...] = (),
        of: TypeOf | None = None,
        within: Entity | None = None,
        contained: bool = True,
        **attributes: Any,
    ) -> Entity:
        """Create a product in a storey.

        Parameters
        ----------
        place
            Relative to the storey, or to the product ``within`` when given.
        representations
            Its own shape; left empty it repeats its type's shape, if there is one.
        contained
            False for parts of another product, spaces and openings.
        """
        if not representations and of and of.source:
            representations = (self.shapes.mapped(of.source),)
        entity = self.document.rooted(
            ifc_class,
            f"{level.name}/{ifc_class}",
            Name=name,
            ObjectPlacement=self.shapes.local(place, (within or level.entity).ObjectPlacement),
            Representation=self.shapes.definition(*representations) if representations else None,
            **attributes,
        )
        if representations and ifc_class != "IfcOpeningElement":
            self.count += 1
        if of:
            of.occurrences.append(entity)
        if contained:
            level.contained.append(entity)
        return entity

    def since_ifc4(self, **attributes: Any) -> dict[str, Any]:
        """Give the attributes back where the schema's occurrences have them: nothing in IFC2X3."""
        return {} if self.document.is_2x3 else attributes

    def aggregate(self, whole: Entity, *parts: Entity) -> None:
        """Make products parts of another."""
        self._parts.setdefault(whole.id(), (whole, []))[1].extend(parts)

    def close(self) -> None:
        """Write the collected relations."""
        self._describe_building()
        rooted = self.document.rooted
        self.aggregate(self.project, self.ifc_site)
        self.aggregate(self.ifc_site, self.building)
        self.aggregate(self.building, *(level.entity for level in self.levels))
        for level in self.levels:
            if level.spaces:
                self.aggregate(level.entity, *level.spaces)
            if level.contained:
                rooted(
                    "IfcRelContainedInSpatialStructure",
                    f"{level.name}/rel/contained",
                    RelatedElements=level.contained,
                    RelatingStructure=level.entity,
                )
        for whole, parts in self._parts.values():
            rooted("IfcRelAggregates", "rel/aggregates", RelatingObject=whole, RelatedObjects=parts)
        for of in self._used_types():
            rooted("IfcRelDefinesByType", "rel/type", RelatedObjects=of.occurrences, RelatingType=of.entity)
        self.properties.write_relations()

    def _used_types(self) -> Iterator[TypeOf]:
        return (of for of in self._types.values() if of.occurrences)

    def _describe_building(self) -> None:
        program, properties = self.program, self.properties
        area_m2 = round(program.length_m * program.width_m * len(self.levels), 2)
        height_m = program.storeys_above * program.storey_height_m
        shared: dict[str, Value] = {"NumberOfStoreys": program.storeys_above, "IsLandmarked": False}
        details: dict[str, Value] = {
            "建筑名称": program.name_zh,
            "地上层数": program.storeys_above,
            "地下层数": program.storeys_below,
            "建筑高度": ("IfcLengthMeasure", self.document.length(height_m)),
        }
        if self.site.fault != "no_place":
            code = self.site.building_code
            shared = {"Reference": ("IfcIdentifier", code), **shared}
            if self.document.is_2x3:
                shared["BuildingID"] = ("IfcIdentifier", code)
            details = {"建筑编码": code, **details, "地址": self.site.address_zh}
        properties.give("Pset_BuildingCommon", shared, self.building)
        properties.give("建筑信息", details, self.building)
        properties.measure(
            "Qto_BuildingBaseQuantities",
            {"Height": ("Length", height_m), "GrossFloorArea": ("Area", area_m2)},
            self.building,
        )
        for level in self.levels:
            properties.measure(
                "Qto_BuildingStoreyBaseQuantities",
                {
                    "GrossHeight": ("Length", level.height_m),
                    "GrossFloorArea": ("Area", program.length_m * program.width_m),
                },
                level.entity,
            )
