"""What is wrong in the district on purpose, and what an importer must make of it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

Expectation = Literal["quarantine", "conflict", "refuse", "report"]


@dataclass(frozen=True)
class Fault:
    """One planted fault.

    Attributes
    ----------
    file, layer
        Where it lies, relative to the district's folder.
    key
        Source key of the record, or the model's slug, or the file itself.
    expect
        ``quarantine``: the record is rejected. ``conflict``: both values are kept. ``refuse``: the file is
        rejected unless told more. ``report``: it comes in, mended, and the report names it.
    """

    kind: str
    file: str
    layer: str | None
    key: str
    detail: str
    expect: Expectation


@dataclass
class Truth:
    """All that ``truth.json`` says."""

    seed: int
    scale: str
    counts: dict[str, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    buildings: dict[str, dict[str, Any]] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write it, keys sorted, whole or not at all."""
        content = {
            "seed": self.seed,
            "scale": self.scale,
            "counts": self.counts,
            "faults": [asdict(fault) for fault in self.faults],
            "buildings": self.buildings,
        }
        part = path.with_suffix(".part")
        part.write_text(json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        part.replace(path)


def earlier_truth(path: Path, seed: int, scale: str) -> Truth:
    """Read what an earlier run of the same seed and scale said, so that half a run keeps the other half.

    An empty truth when there was none.
    """
    truth = Truth(seed, scale)
    if not path.exists():
        return truth
    content = json.loads(path.read_text(encoding="utf-8"))
    if (content["seed"], content["scale"]) != (seed, scale):
        return truth
    truth.counts.update(content["counts"])
    truth.faults.extend(Fault(**fault) for fault in content["faults"])
    return truth
