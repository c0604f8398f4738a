"""Copies of files that are kept gzipped, each whole or not there at all."""

from __future__ import annotations

import gzip
import os
import shutil
from pathlib import Path
from tempfile import NamedTemporaryFile

_CHUNK = 1 << 20


def keep_packed(source: Path, target: Path, level: int) -> None:
    """Write a gzip copy of a file; nothing happens where one is already there.

    Parameters
    ----------
    level
        Of compression, 1 to 9.
    """
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=target.parent, prefix=".part-", delete=False) as part:
        try:
            with source.open("rb") as handle, gzip.open(part, "wb", compresslevel=level) as sink:
                shutil.copyfileobj(handle, sink, _CHUNK)
            os.replace(part.name, target)
        except BaseException:
            Path(part.name).unlink(missing_ok=True)
            raise
