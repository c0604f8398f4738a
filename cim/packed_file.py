"""Copies of files that are kept gzipped, each whole or not there at all."""

from __future__ import annotations

import gzip
import os
import shutil
import time
from collections.abc import Set
from pathlib import Path
from tempfile import NamedTemporaryFile

_CHUNK = 1 << 20
#: An import of another process may have kept a file that its transaction has yet to name.
_GRACE_S = 86_400


def keep_packed(source: Path, target: Path, level: int) -> bool:
    """Write a gzip copy of a file; tell whether there was none yet.

    Parameters
    ----------
    level
        Of compression, 1 to 9.
    """
    if target.exists():
        # Whoever keeps it anew may have yet to name it as well.
        target.touch()
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=target.parent, prefix=".part-", delete=False) as part:
        try:
            with source.open("rb") as handle, gzip.open(part, "wb", compresslevel=level) as sink:
                shutil.copyfileobj(handle, sink, _CHUNK)
            os.replace(part.name, target)
        except BaseException:
            Path(part.name).unlink(missing_ok=True)
            raise
    return True


def sweep_packed(folder: Path, ending: str, named: Set[str]) -> int:
    """Remove the copies whose names nobody names any more, a day after they were kept; return how many."""
    if not folder.is_dir():
        return 0
    limit = time.time() - _GRACE_S
    removed = 0
    for path in folder.iterdir():
        if path.name.removesuffix(ending) not in named and path.stat().st_mtime < limit:
            path.unlink(missing_ok=True)
            removed += 1
    return removed
