"""An IFC file under construction: entities by schema, owner history, units, contexts, header."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import ifcopenshell

from district.bim.guid import GlobalIds

Entity = Any

#: Item assignment looks for a transaction first, twice an attribute; there is none here, and this halves the time.
_assign: Any = getattr(ifcopenshell.entity_instance, "set_attribute_value_py", ifcopenshell.entity_instance.__setitem__)

TIME_STAMP = "2025-01-01T00:00:00"
_TIME_STAMP_S = 1735689600
_APPLICATION = "CIM synthetic district"

#: Classes of IFC4 that IFC2X3 says by another name.
_CLASS_IN_2X3 = {
    "IfcWall": "IfcWallStandardCase",
    "IfcFurniture": "IfcFurnishingElement",
    "IfcPipeSegment": "IfcFlowSegment",
    "IfcPipeFitting": "IfcFlowFitting",
    "IfcValve": "IfcFlowController",
    "IfcPump": "IfcFlowMovingDevice",
    "IfcSanitaryTerminal": "IfcFlowTerminal",
    "IfcLightFixture": "IfcFlowTerminal",
    "IfcFireSuppressionTerminal": "IfcFlowTerminal",
    "IfcDoorType": "IfcDoorStyle",
    "IfcWindowType": "IfcWindowStyle",
    "IfcDistributionSystem": "IfcSystem",
}
_ATTRIBUTE_IN_2X3 = {
    ("IfcStair", "PredefinedType"): "ShapeType",
    ("IfcRoof", "PredefinedType"): "ShapeType",
    ("IfcStairFlight", "NumberOfRisers"): "NumberOfRiser",
    ("IfcTransportElement", "PredefinedType"): "OperationType",
}


class Document:
    """An ``ifcopenshell.file`` with the few things that every entity needs.

    Parameters
    ----------
    slug, seed
        Give the GlobalIds.
    schema
        ``IFC2X3``, ``IFC4`` or ``IFC4X3``.
    per_metre
        File length units in a metre: 1 or 1000.
    """

    def __init__(self, slug: str, schema: str, seed: int, per_metre: float = 1.0) -> None:
        self.file: Any = ifcopenshell.file(schema=schema)  # type: ignore[arg-type]
        self.is_2x3 = schema == "IFC2X3"
        self.per_metre = per_metre
        self.ids = GlobalIds(slug, seed)
        self._schema: Any = ifcopenshell.ifcopenshell_wrapper.schema_by_name(self.file.schema_identifier)
        self._indexes: dict[str, dict[str, int]] = {}
        self.history = self._owner_history()

    def length(self, metres: float) -> float:
        """Convert metres to the file's unit, rounded to a tenth of a millimetre."""
        return round(metres * self.per_metre, 4 if self.per_metre == 1.0 else 1)

    def class_name(self, ifc_class: str) -> str:
        """Translate an IFC4 class to the file's schema."""
        return _CLASS_IN_2X3.get(ifc_class, ifc_class) if self.is_2x3 else ifc_class

    def new(self, ifc_class: str, **attributes: Any) -> Entity:
        """Create an entity of the IFC4 class; attributes that IFC2X3 lacks are renamed or left out."""
        name = self.class_name(ifc_class)
        indexes = self._indexes.get(name) or self._index(name)
        entity = self.file.create_entity(name)
        for attribute, value in attributes.items():
            if value is None:
                continue
            index = indexes.get(attribute)
            if index is None:
                index = self._renamed(ifc_class, attribute, indexes)
            if index >= 0:
                _assign(entity, index, value)
        return entity

    def rooted(self, ifc_class: str, key: str, **attributes: Any) -> Entity:
        """Create an IfcRoot: an entity with a GlobalId from ``key`` and the owner history."""
        return self.new(ifc_class, GlobalId=self.ids.of(key), OwnerHistory=self.history, **attributes)

    def _index(self, name: str) -> dict[str, int]:
        declared = self._schema.declaration_by_name(name).as_entity().all_attributes()
        self._indexes[name] = {attribute.name(): i for i, attribute in enumerate(declared)}
        return self._indexes[name]

    def _renamed(self, ifc_class: str, attribute: str, indexes: dict[str, int]) -> int:
        renamed = _ATTRIBUTE_IN_2X3.get((ifc_class, attribute)) if self.is_2x3 else None
        if renamed:
            return indexes[renamed]
        if self.is_2x3:
            return -1
        msg = f"{ifc_class} has no attribute {attribute} in {self.file.schema_identifier}."
        raise KeyError(msg)

    def _owner_history(self) -> Entity:
        person = self.new("IfcPerson", FamilyName="合成城区")
        organisation = self.new("IfcOrganization", Name="Synthetic district")
        user = self.new("IfcPersonAndOrganization", ThePerson=person, TheOrganization=organisation)
        application = self.new(
            "IfcApplication",
            ApplicationDeveloper=organisation,
            Version="1",
            ApplicationFullName=_APPLICATION,
            ApplicationIdentifier="cim-district",
        )
        return self.new(
            "IfcOwnerHistory",
            OwningUser=user,
            OwningApplication=application,
            ChangeAction="NOCHANGE",
            CreationDate=_TIME_STAMP_S,
        )

    def units(self) -> Entity:
        """Create the unit assignment: metre or millimetre, square and cubic metre, degree."""
        milli = "MILLI" if self.per_metre != 1.0 else None
        radian = self.new("IfcSIUnit", UnitType="PLANEANGLEUNIT", Name="RADIAN")
        degree = self.new(
            "IfcConversionBasedUnit",
            Dimensions=self.new("IfcDimensionalExponents", **dict.fromkeys(_DIMENSIONS, 0)),
            UnitType="PLANEANGLEUNIT",
            Name="DEGREE",
            ConversionFactor=self.new(
                "IfcMeasureWithUnit",
                ValueComponent=self.value("IfcPlaneAngleMeasure", math.pi / 180.0),
                UnitComponent=radian,
            ),
        )
        units = [
            self.new("IfcSIUnit", UnitType="LENGTHUNIT", Prefix=milli, Name="METRE"),
            self.new("IfcSIUnit", UnitType="AREAUNIT", Name="SQUARE_METRE"),
            self.new("IfcSIUnit", UnitType="VOLUMEUNIT", Name="CUBIC_METRE"),
            degree,
        ]
        return self.new("IfcUnitAssignment", Units=units)

    def value(self, measure: str, value: Any) -> Entity:
        """Wrap a value in a defined type such as ``IfcLabel``."""
        return self.file.create_entity(measure, value)

    def write(self, path: Path, header_schema: str | None = None) -> None:
        """Write the file with a fixed header; ``header_schema`` replaces the schema identifier in it."""
        header = self.file.header
        header.file_description.description = ("ViewDefinition [CoordinationView]",)
        header.file_name.name = path.name
        header.file_name.time_stamp = TIME_STAMP
        header.file_name.author = ("合成城区",)
        header.file_name.organization = ("Synthetic district",)
        header.file_name.preprocessor_version = "IfcOpenShell"
        header.file_name.originating_system = _APPLICATION
        header.file_name.authorization = "none"
        if header_schema:
            header.file_schema.schema_identifiers = (header_schema,)
        self.file.write(str(path))


_DIMENSIONS = (
    "LengthExponent",
    "MassExponent",
    "TimeExponent",
    "ElectricCurrentExponent",
    "ThermodynamicTemperatureExponent",
    "AmountOfSubstanceExponent",
    "LuminousIntensityExponent",
)
