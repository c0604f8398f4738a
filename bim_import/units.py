"""Units of a file: what a number of a measure has to be multiplied by, and the unit that it is in then.

Numbers are stored in SI units (kilograms, not grams) so that models of different programs can be compared; plane angles
are in degrees and temperatures in degrees Celsius, as people say them. A unit that no SI unit stands for (pieces,
currencies) stays as it is and is named.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import ifcopenshell.util.unit

_SYMBOLS = {
    "METRE": "m", "SQUARE_METRE": "m2", "CUBIC_METRE": "m3", "GRAM": "kg", "SECOND": "s", "AMPERE": "A", "KELVIN": "K",
    "DEGREE_CELSIUS": "°C", "MOLE": "mol", "CANDELA": "cd", "RADIAN": "rad", "STERADIAN": "sr", "HERTZ": "Hz",
    "NEWTON": "N", "PASCAL": "Pa", "JOULE": "J", "WATT": "W", "COULOMB": "C", "VOLT": "V", "FARAD": "F", "OHM": "ohm",
    "SIEMENS": "S", "WEBER": "Wb", "TESLA": "T", "HENRY": "H", "LUMEN": "lm", "LUX": "lx", "BECQUEREL": "Bq",
    "GRAY": "Gy", "SIEVERT": "Sv",
}  # fmt: skip
#: Units of the schema for measures that a file assigns none to (IFC 4.3.2, IfcUnitEnum and IfcDerivedUnitEnum).
_DEFAULTS = {
    "LENGTHUNIT": "m", "AREAUNIT": "m2", "VOLUMEUNIT": "m3", "MASSUNIT": "kg", "TIMEUNIT": "s", "FORCEUNIT": "N",
    "PRESSUREUNIT": "Pa", "POWERUNIT": "W", "ENERGYUNIT": "J", "FREQUENCYUNIT": "Hz", "ELECTRICVOLTAGEUNIT": "V",
    "ELECTRICCURRENTUNIT": "A", "ELECTRICRESISTANCEUNIT": "ohm", "ILLUMINANCEUNIT": "lx", "LUMINOUSFLUXUNIT": "lm",
    "LUMINOUSINTENSITYUNIT": "cd", "THERMALTRANSMITTANCEUNIT": "W/(m2.K)", "THERMALCONDUCTANCEUNIT": "W/(m.K)",
    "THERMALRESISTANCEUNIT": "m2.K/W", "SPECIFICHEATCAPACITYUNIT": "J/(kg.K)", "MASSDENSITYUNIT": "kg/m3",
    "VOLUMETRICFLOWRATEUNIT": "m3/s", "MASSFLOWRATEUNIT": "kg/s", "LINEARVELOCITYUNIT": "m/s",
    "ACCELERATIONUNIT": "m/s2", "HEATFLUXDENSITYUNIT": "W/m2", "MODULUSOFELASTICITYUNIT": "Pa",
    "SOUNDPRESSUREUNIT": "Pa", "MASSPERLENGTHUNIT": "kg/m", "PLANEANGLEUNIT": "deg",
    "THERMODYNAMICTEMPERATUREUNIT": "°C", "AREADENSITYUNIT": "kg/m2", "LINEARFORCEUNIT": "N/m",
    "PLANARFORCEUNIT": "N/m2", "TORQUEUNIT": "N.m", "DYNAMICVISCOSITYUNIT": "Pa.s",
}  # fmt: skip
#: Measures whose names do not lead to their unit by the rule of the schema.
_UNIT_TYPES = {"IfcSoundPowerMeasure": "POWERUNIT", "IfcVolumetricFlowRateMeasure": "VOLUMETRICFLOWRATEUNIT"}
_KELVIN_OFFSET = -273.15
_DIGITS = 12


_library: Any = ifcopenshell.util.unit


class Unit(NamedTuple):
    """Stored value = written value x ``factor`` + ``offset``, in the unit ``symbol`` (None: a mere number)."""

    factor: float = 1.0
    offset: float = 0.0
    symbol: str | None = None

    def apply(self, value: Any) -> Any:
        """Return a value as it is stored; what is no number stays as it is."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return value
        if self.factor == 1.0 and self.offset == 0.0:
            return value
        converted = value * self.factor + self.offset
        if converted == 0 or not math.isfinite(converted):
            return converted
        # A decimal point moved, not the noise of the multiplication.
        return float(f"{converted:.{_DIGITS}g}")


class Units:
    """The units of one file: those of the project, and those that a property brings itself."""

    def __init__(self, file: Any) -> None:
        self._assigned: dict[str, Any] = {}
        assignment = file.by_type("IfcProject")[0].UnitsInContext if file.by_type("IfcProject") else None
        for unit in (assignment.Units if assignment is not None else None) or ():
            kind = getattr(unit, "UnitType", None) or ("MONETARY" if unit.is_a("IfcMonetaryUnit") else None)
            if kind:
                self._assigned.setdefault(kind, unit)
        self._known: dict[tuple[str, int], Unit] = {}

    def of(self, measure: str, own: Any | None = None) -> Unit:
        """Return the unit of a measure, e.g. 'IfcLengthMeasure'; ``own`` is the unit that the property brings."""
        key = (measure, own.id() if own is not None else 0)
        if key not in self._known:
            self._known[key] = self._find(measure, own)
        return self._known[key]

    def _find(self, measure: str, own: Any | None) -> Unit:
        if not measure.endswith("Measure") and own is None:
            return Unit()
        kind = _UNIT_TYPES.get(measure) or str(_library.get_measure_unit_type(measure))
        if measure == "IfcMonetaryMeasure":
            kind = "MONETARY"
        unit = own if own is not None else self._assigned.get(kind)
        if unit is None:
            # The schema's angle is the radian.
            return Unit(math.degrees(1) if kind == "PLANEANGLEUNIT" else 1.0, 0.0, _DEFAULTS.get(kind))
        return _as_spoken(_si(unit))


def _as_spoken(unit: Unit) -> Unit:
    if unit.symbol == "rad":
        return Unit(math.degrees(unit.factor), 0.0, "deg")
    if unit.symbol == "K":
        return Unit(unit.factor, unit.offset + _KELVIN_OFFSET, "°C")
    return unit


def _si(unit: Any) -> Unit:
    if unit.is_a("IfcDerivedUnit"):
        return _derived(unit)
    if unit.is_a("IfcMonetaryUnit"):
        return Unit(symbol=str(unit.Currency))
    factor, offset = 1.0, 0.0
    while unit.is_a("IfcConversionBasedUnit"):
        step = float(unit.ConversionFactor.ValueComponent.wrappedValue)
        offset += float(getattr(unit, "ConversionOffset", None) or 0.0) * factor
        factor *= step
        unit = unit.ConversionFactor.UnitComponent
        if unit.is_a("IfcDerivedUnit"):
            derived = _derived(unit)
            return Unit(factor * derived.factor, 0.0, derived.symbol)
    if not unit.is_a("IfcSIUnit"):
        return Unit(factor, 0.0, str(getattr(unit, "Name", None) or "") or None)
    factor *= float(ifcopenshell.util.unit.get_named_unit_scale(unit))
    name = str(unit.Name).replace("METER", "METRE")
    if name == "GRAM":
        factor /= 1000.0
    return Unit(factor, offset, _SYMBOLS.get(name, name))


def _derived(unit: Any) -> Unit:
    factor = 1.0
    above: list[str] = []
    below: list[str] = []
    for part in unit.Elements:
        base = _si(part.Unit)
        exponent = int(part.Exponent)
        factor *= base.factor**exponent
        # A difference of temperatures is the same in both.
        symbol = "K" if base.symbol == "°C" else base.symbol or "1"
        symbol += str(abs(exponent)) if abs(exponent) != 1 else ""
        (above if exponent > 0 else below).append(symbol)
    text = ".".join(above) or "1"
    if below:
        text += "/" + (below[0] if len(below) == 1 else f"({'.'.join(below)})")
    return Unit(factor, 0.0, text)
