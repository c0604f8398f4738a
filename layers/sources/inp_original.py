"""Files of hydraulic models as their owners deliver them, kept for the engines that can run them.

The rows that an import makes say what lies where; curves, controls and patterns are in the file only.
"""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

from sqlalchemy import Connection, select

from cim.importing import ImportContext
from cim.packed_file import keep_packed, sweep_packed
from cim.sources import Source
from cim.tables import dataset

#: A larger file is not kept: hydraulic models of whole cities have some ten.
LARGEST_BYTES = 200 * 2**20
_FOLDER, _ENDING = "inp", ".inp.gz"
_LEVEL = 6


def keep_original(source: Source, context: ImportContext) -> bool:
    """Copy a model's file to the deployment's files, whole or not at all, under the checksum that its dataset gets.

    Tell whether it was not there yet and is now.
    """
    checksum = hashlib.sha256(source.digest + context.options.digest()).digest()
    target = original_path(context.settings.files, checksum)
    if context.options.dry_run or is_too_large(source):
        return False
    return keep_packed(source.path, target, _LEVEL)


def is_too_large(source: Source) -> bool:
    """Tell whether a file is not kept for its size."""
    return source.path.stat().st_size > LARGEST_BYTES


def sweep_originals(connection: Connection, files: Path, file_format: str) -> int:
    """Remove kept files that no dataset of a format names, and return how many."""
    named = connection.execute(select(dataset.c.checksum).where(dataset.c.format == file_format)).scalars()
    return sweep_packed(files / _FOLDER, _ENDING, {bytes(checksum).hex() for checksum in named})


def read_original(files: Path, checksum: bytes) -> bytes | None:
    """Return the file that a dataset came from, by the dataset's checksum; None where it was not kept."""
    path = original_path(files, checksum)
    if not path.exists():
        return None
    with gzip.open(path, "rb") as packed:
        return packed.read(LARGEST_BYTES)


def original_path(files: Path, checksum: bytes) -> Path:
    """Return where the file of a dataset is kept."""
    return files / _FOLDER / f"{checksum.hex()}{_ENDING}"
