"""Files of hydraulic models as their owners deliver them, kept for the engines that can run them.

The rows that an import makes say what lies where; curves, controls and patterns are in the file only.
"""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

from cim.importing import ImportContext
from cim.packed_file import keep_packed
from cim.sources import Source

#: A larger file is not kept: hydraulic models of whole cities have some ten.
LARGEST_BYTES = 200 * 2**20
_LEVEL = 6


def keep_original(source: Source, context: ImportContext) -> None:
    """Copy a model's file to the deployment's files, whole or not at all, under the checksum that its dataset gets."""
    checksum = hashlib.sha256(source.digest + context.options.digest()).digest()
    target = original_path(context.settings.files, checksum)
    if not context.options.dry_run and source.path.stat().st_size <= LARGEST_BYTES:
        keep_packed(source.path, target, _LEVEL)


def read_original(files: Path, checksum: bytes) -> bytes | None:
    """Return the file that a dataset came from, by the dataset's checksum; None where it was not kept."""
    path = original_path(files, checksum)
    if not path.exists():
        return None
    with gzip.open(path, "rb") as packed:
        return packed.read(LARGEST_BYTES)


def original_path(files: Path, checksum: bytes) -> Path:
    """Return where the file of a dataset is kept."""
    return files / "inp" / f"{checksum.hex()}.inp.gz"
