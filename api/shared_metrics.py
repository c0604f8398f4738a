"""A folder in which several workers sum up their figures; must be set before prometheus_client is loaded."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


@contextlib.contextmanager
def shared_metrics(workers: int) -> Iterator[None]:
    """Give several workers such a folder until the block is left; one worker needs none."""
    if workers == 1:
        yield
        return
    folder = Path(tempfile.mkdtemp(prefix="cim-metrics-"))
    os.environ[VARIABLE] = str(folder)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)
