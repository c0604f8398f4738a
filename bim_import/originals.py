"""The files of models as they came, kept beside the database by checksum, so that they can be checked again later.

They lie gzipped in ``files/models`` under ``CIM_HOME``; ``attributes.original`` of the model says which is its own.
Files beyond a limit are not kept, and those that no model names any more are removed a day later at the next import.
"""

from __future__ import annotations

import gzip
import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Select, select

from cim.packed_file import keep_packed, sweep_packed
from cim.tables import model

#: Larger files are not kept.
LARGEST_BYTES = 1 << 30
_ENDING = ".ifc.gz"
_LEVEL = 3


@dataclass(frozen=True)
class Original:
    """A file, and where the originals are kept."""

    path: Path
    folder: Path

    def describe(self) -> dict[str, Any]:
        """Return checksum, size and whether the file is kept, for the model's attributes."""
        with self.path.open("rb") as handle:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
        size = self.path.stat().st_size
        return {"sha256": digest, "size_bytes": size, "is_kept": size <= LARGEST_BYTES}


def originals_folder(files: Path) -> Path:
    """Return where they lie among the deployment's files."""
    return files / "models"


def keep(original: Original, described: dict[str, Any]) -> None:
    """Copy a file to its place, whole or not at all; nothing happens where it is already there."""
    if described["is_kept"]:
        keep_packed(original.path, _place(original.folder, described["sha256"]), _LEVEL)


def unpack(folder: Path, checksum: str, target: Path) -> bool:
    """Write a kept file to ``target`` and tell whether there was one."""
    source = _place(folder, checksum)
    if not source.exists():
        return False
    with gzip.open(source, "rb") as packed, target.open("wb") as sink:
        shutil.copyfileobj(packed, sink, 1 << 20)
    return True


def named_originals() -> Select[Any]:
    """Return the statement for the checksums of the files of all models."""
    return select(model.c.attributes["original"]["sha256"].astext).where(model.c.attributes.has_key("original"))


def sweep(connection: Connection, folder: Path) -> int:
    """Remove kept files that no model names, and return how many."""
    return sweep_packed(folder, _ENDING, set(connection.execute(named_originals()).scalars()))


def _place(folder: Path, checksum: str) -> Path:
    return folder / f"{checksum}{_ENDING}"
