"""What an import says of itself: counts a layer, rejected rows, notes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any, Literal

Status = Literal["imported", "unchanged", "waiting", "refused"]


@dataclass
class LayerCounts:
    """Rows of one layer; ``read == added + changed + unchanged + quarantined``, always."""

    read: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    quarantined: int = 0
    repaired: int = 0
    #: of those that are in: rows that the file has wrong and that a person has mended
    mended: int = 0

    @property
    def is_changed(self) -> bool:
        """Whether the layer looks different now."""
        return bool(self.added or self.changed or self.removed)


@dataclass(frozen=True)
class Rejected:
    """One row that could not be taken, and why; ``place`` is where it stands in the file.

    Attributes
    ----------
    geom_wkt
        As read, in the system ``crs``.
    fingerprint
        Hash of the row as delivered, which tells whether it is the same in the next version of its file.
    mended
        {"record", "geom_wkt", "at"} where a person has mended the row and it is in the model so.
    """

    place: str
    reason: str
    detail: str
    layer_name: str | None = None
    geom_wkt: str | None = None
    record: dict[str, Any] | None = None
    crs: str | None = None
    fingerprint: str | None = None
    mended: dict[str, Any] | None = None


@dataclass(frozen=True)
class Note:
    """Something worth knowing that is no rejection: a repair, a guess, a ballpark transform."""

    code: str
    message: str


@dataclass(frozen=True)
class DatasetDescription:
    """What a file says of itself, for the ``dataset`` row."""

    format: str
    crs: str | None = None
    vertical_crs: str | None = None
    transform: str | None = None
    accuracy_m: float | None = None
    is_ballpark: bool = False
    owner: str | None = None
    licence: str | None = None
    source: str | None = None
    data_date: date | None = None


@dataclass
class WriteResult:
    """What writing one file did: counts by layer id, rejected rows, notes.

    Attributes
    ----------
    mended
        Rows that the file has wrong and that came in as a person has mended them before.
    recipes
        The file's own layer -> how its rows were read, kept for rows that are mended later.
    """

    layers: dict[str, LayerCounts] = field(default_factory=dict)
    rejected: Collection[Rejected] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    mended: list[Rejected] = field(default_factory=list)
    recipes: dict[str, Any] = field(default_factory=dict)
    #: west, south, east, north of what changed, degrees; None: unknown or nothing
    bounds: tuple[float, float, float, float] | None = None


@dataclass
class ImportReport:
    """The outcome for one file."""

    dataset: str
    file: str
    importer: str
    status: Status
    layers: dict[str, LayerCounts] = field(default_factory=dict)
    quarantined: int = 0
    notes: list[Note] = field(default_factory=list)
    error: str | None = None
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)
