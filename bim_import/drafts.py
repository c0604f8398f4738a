"""Entities of IFC4X1, IFC4X2 and the drafts of IFC4X3 as IFC4X3_ADD2 has them.

The parser reads drafts by the final schema: it drops an entity that the final one lacks, and takes attributes by their
position. The table here was made by comparing the attribute lists of IFC4X1, IFC4X2, IFC4X3_RC1 to RC4, IFC4X3, TC1
and ADD1 with those of ADD2. Attributes that were only appended or cut off at the end need no entry, and neither do
those that only changed their name. An entity is known by its name and the number of its attributes.

Not carried over, since ADD2 has nothing of the kind: the curves of IfcAlignment2D... and IfcAlignmentCurve, and the
distances of linear placements before RC3 (their Cartesian position is kept). The reader counts what is dropped.
"""

from __future__ import annotations

import mmap
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from cim.reports import Note

Arguments = list[bytes]
#: What to write for each attribute: a position in the draft, or a literal.
Picks = Sequence[int | bytes]

_SAME = (
    "BEAMSTANDARDCASE:BEAM COLUMNSTANDARDCASE:COLUMN DOORSTANDARDCASE:DOOR MEMBERSTANDARDCASE:MEMBER "
    "OPENINGSTANDARDCASE:OPENINGELEMENT PLATESTANDARDCASE:PLATE SLABELEMENTEDCASE:SLAB SLABSTANDARDCASE:SLAB "
    "WALLELEMENTEDCASE:WALL WINDOWSTANDARDCASE:WINDOW PLANT:GEOGRAPHICELEMENT BUILDINGELEMENT:BUILTELEMENT "
    "BUILDINGELEMENTTYPE:BUILTELEMENTTYPE"
)
#: Other name, same attributes.
RENAMED = {f"IFC{old}": f"IFC{new}" for old, new in (pair.split(":") for pair in _SAME.split())}
_ROOTED = tuple(range(7))  # GlobalId to Representation of a product
#: (name, number of attributes) -> (name, attributes).
REARRANGED: dict[tuple[str, int], tuple[str, Picks]] = {
    ("IFCPROXY", 9): ("IFCBUILDINGELEMENTPROXY", (*_ROOTED, 8, b"$")),
    ("IFCSOLIDSTRATUM", 8): ("IFCGEOTECHNICALSTRATUM", (*range(8), b".SOLID.")),
    ("IFCVOIDSTRATUM", 8): ("IFCGEOTECHNICALSTRATUM", (*range(8), b".VOID.")),
    ("IFCWATERSTRATUM", 8): ("IFCGEOTECHNICALSTRATUM", (*range(8), b".WATER.")),
    ("IFCDOORSTYLE", 12): ("IFCDOORTYPE", (*range(8), b"$", b".NOTDEFINED.", 8, 10, b"$")),
    ("IFCWINDOWSTYLE", 12): ("IFCWINDOWTYPE", (*range(8), b"$", b".NOTDEFINED.", 9, 10, b"$")),
    ("IFCALIGNMENT", 9): ("IFCALIGNMENT", (*_ROOTED, 8)),
    ("IFCALIGNMENTCANTSEGMENT", 10): ("IFCALIGNMENTCANTSEGMENT", (*range(8), 9)),
    ("IFCBRIDGEPART", 10): ("IFCBRIDGEPART", (*range(9), b".NOTDEFINED.", 9)),
    ("IFCGRIDPLACEMENT", 2): ("IFCGRIDPLACEMENT", (b"$", 0, 1)),
    ("IFCLINEARPLACEMENT", 4): ("IFCLINEARPLACEMENT", (b"$", b"$", 3)),
    ("IFCLINEARPLACEMENT", 5): ("IFCLINEARPLACEMENT", (b"$", b"$", 4)),
    ("IFCLINEARPLACEMENTWITHINCLINATION", 6): ("IFCLINEARPLACEMENT", (b"$", b"$", 4)),
    ("IFCLINEARSPANPLACEMENT", 6): ("IFCLINEARPLACEMENT", (b"$", b"$", 4)),
    ("IFCGEOGRAPHICCRS", 5): ("IFCGEOGRAPHICCRS", (*range(5), b"$")),
}
#: Parts of facilities say by the type of their value what they are.
_PARTS = {b"ROAD": "ROADPART", b"RAILWAY": "RAILWAYPART", b"BRIDGE": "BRIDGEPART", b"MARINE": "MARINEPART"}
#: Words of IfcRailwayPartTypeEnum that the final schema changed.
_TRACKS = {
    b"TRACKSTRUCTUREPART": b"TRACKPART", b"TRACKSTRUCTURE": b"TRACK", b"LINESIDESTRUCTUREPART": b"LINESIDEPART",
    b"LINESIDESTRUCTURE": b"LINESIDE", b"DILATATIONSUPERSTRUCTURE": b"DILATIONTRACK",
    b"PLAINTRACKSUPERSTRUCTURE": b"PLAINTRACK", b"PLAINTRACKSUPESTRUCTURE": b"PLAINTRACK",
    b"TURNOUTSUPERSTRUCTURE": b"TURNOUTTRACK",
}  # fmt: skip
_REAL = re.compile(rb"\s*[-+]?\d+\.?\d*(?:[eE][-+]?\d+)?\s*")
_TYPED = re.compile(rb"\s*(?:IFC(\w+?)(?:PART)?(?:COMMON|FIXED|NONFIXED)?TYPEENUM\s*\(\s*)?(\.\w+\.)\s*\)?\s*", re.I)


def _facility_part(values: Arguments) -> tuple[str, Arguments]:
    """Rearrange (..., PredefinedType, UsageType), the first as a value that names its type."""
    found = _TYPED.fullmatch(values[9])
    kind = found.group(1) if found else None
    literal = found.group(2).strip(b".") if found else b""
    name = _PARTS.get((kind or b"").upper().removesuffix(b"PART"), "FACILITYPARTCOMMON")
    value = b"." + _TRACKS.get(literal, literal) + b"." if literal else values[9]
    return f"IFC{name}", [*values[:9], values[10], value]


def _railway_part(values: Arguments) -> tuple[str, Arguments]:
    word = values[10].strip().strip(b".")
    return "IFCRAILWAYPART", [*values[:10], b"." + _TRACKS[word] + b"."] if word in _TRACKS else values


def _transport(values: Arguments) -> tuple[str, Arguments]:
    found = _TYPED.fullmatch(values[8])
    return "IFCTRANSPORTELEMENT", [*values[:8], found.group(2)] if found else values


def _triangles(name: str) -> Callable[[Arguments], tuple[str, Arguments]]:
    def swap(values: Arguments) -> tuple[str, Arguments]:
        # One edition of IFC4X3 has Closed before Normals; a Boolean in that place tells.
        is_swapped = values[1].strip() in {b".T.", b".F."}
        return name, [values[0], values[2], values[1], *values[3:]] if is_swapped else values

    return swap


def _interference(values: Arguments) -> tuple[str, Arguments]:
    # RC4 and the first IFC4X3 have InterferenceSpace, a reference, before the type, which is a text.
    is_early = values[9].strip() in {b".T.", b".F.", b".U."}
    picked = [*values[:7], values[8], values[9], values[7]] if is_early else values
    return "IFCRELINTERFERESELEMENTS", picked


def _kerb(name: str) -> Callable[[Arguments], tuple[str, Arguments]]:
    def without_mountable(values: Arguments) -> tuple[str, Arguments]:
        is_boolean = values[-1].strip() in {b".T.", b".F."}
        return name, [*values[:-1], b".NOTDEFINED."] if is_boolean else values

    return without_mountable


def _conversion(values: Arguments) -> tuple[str, Arguments]:
    """Keep ScaleY and ScaleZ of RC3 to TC1, where they say something, as the factors of IfcMapConversionScaled."""
    scale, *others = (float(text) if _REAL.fullmatch(text) else None for text in values[7:])
    if all(other is None or other == (scale or 1.0) for other in others):
        return "IFCMAPCONVERSION", values[:8]
    factors = [b"%r" % (1.0 if other is None else other / (scale or 1.0)) for other in others]
    return "IFCMAPCONVERSIONSCALED", [*values[:8], b"1.", *factors]


#: (name, number of attributes) -> how to rewrite them.
_BY_CONTENT: dict[tuple[str, int], Callable[[Arguments], tuple[str, Arguments]]] = {
    ("IFCFACILITYPART", 11): _facility_part,
    ("IFCBRIDGEPART", 11): lambda values: _bridge_part(values),
    ("IFCRAILWAYPART", 11): _railway_part,
    ("IFCTRANSPORTELEMENT", 9): _transport,
    ("IFCTRIANGULATEDFACESET", 5): _triangles("IFCTRIANGULATEDFACESET"),
    ("IFCTRIANGULATEDIRREGULARNETWORK", 6): _triangles("IFCTRIANGULATEDIRREGULARNETWORK"),
    ("IFCRELINTERFERESELEMENTS", 10): _interference,
    ("IFCKERB", 9): _kerb("IFCKERB"),
    ("IFCKERBTYPE", 10): _kerb("IFCKERBTYPE"),
    ("IFCMAPCONVERSION", 10): _conversion,
}
_USAGES = (b".LATERAL.", b".LONGITUDINAL.", b".REGION.", b".VERTICAL.")


def _bridge_part(values: Arguments) -> tuple[str, Arguments]:
    # RC1 and RC2 have the usage last, the final schema the kind.
    is_early = values[10].strip() in _USAGES
    return "IFCBRIDGEPART", [*values[:9], values[10], values[9]] if is_early else values


_KNOWN = sorted({*RENAMED, *(name for name, _ in (*REARRANGED, *_BY_CONTENT))}, key=len, reverse=True)
_INSTANCE = re.compile(rb"(#\d+\s*=\s*)(" + "|".join(_KNOWN).encode() + rb")(\s*)\(", re.IGNORECASE)
_TOKEN = re.compile(rb"'(?:[^']|'')*'|[(),]")


def adapt_file(path: Path, target: Path) -> list[Note]:
    """Write a copy with the entities of drafts as the final schema has them; return what was renamed."""
    renamed: Counter[str] = Counter()
    with (
        path.open("rb") as handle,
        mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as content,
        target.open("wb") as sink,
    ):
        done = 0
        for found in _INSTANCE.finditer(content):
            if found.start() < done:  # within a text of the one before
                continue
            name = found.group(2).decode().upper()
            values, end = split_arguments(content, found.end())
            new, written = adapt(name, values)
            if new == name and written == values:
                continue
            sink.write(content[done : found.start()])
            sink.write(found.group(1) + new.encode() + b"(" + b",".join(written) + b")")
            done = end
            if new != name:
                renamed[f"{name} as {new}"] += 1
        sink.write(content[done:])
    said = ", ".join(f"{count} {names}" for names, count in sorted(renamed.items()))
    return (
        [Note("draft_entities", f"entities of a draft were read as those of the final schema: {said}")] if said else []
    )


def adapt(name: str, values: Arguments) -> tuple[str, Arguments]:
    """Return name and attributes in IFC4X3_ADD2.

    >>> adapt("IFCPROXY", [b"'g'", b"$", b"'n'", b"$", b"$", b"#1", b"#2", b".PRODUCT.", b"'tag'"])[1][-2:]
    [b"'tag'", b'$']
    """
    key = (name, len(values))
    if key in _BY_CONTENT:
        return _BY_CONTENT[key](values)
    if key in REARRANGED:
        new, picks = REARRANGED[key]
        return new, [values[pick] if isinstance(pick, int) else pick for pick in picks]
    return RENAMED.get(name, name), values


def split_arguments(content: bytes | mmap.mmap, start: int) -> tuple[Arguments, int]:
    """Return the top-level arguments that begin at ``start``, behind the bracket, and where the closing one ends."""
    values, depth, begin = [], 1, start
    for token in _TOKEN.finditer(content, start):
        sign = token.group()
        if sign == b"(":
            depth += 1
        elif sign == b")":
            depth -= 1
        if depth == 0 or (sign == b"," and depth == 1):
            values.append(bytes(content[begin : token.start()]))
            begin = token.end()
        if depth == 0:
            return values, token.end()
    return values, len(content)
