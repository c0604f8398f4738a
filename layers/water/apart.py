"""Engines that compute in a process of their own: they take seconds, memory, and the interpreter's lock.

A module that is run so reads what it needs from its folder and leaves its results there. What it cannot do it says in
``problem.txt``.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from cim.errors import Busy, CimError, InvalidInput, TooLarge
from cim.orphan import end_with_parent

#: So many at one time in a process of the service, and so long one waits for a place.
AT_ONCE = 2
PATIENCE_S = 15.0
MEMORY_BYTES = 6 * 2**30
FILE_BYTES = 2**30
PROBLEM = "problem.txt"
_places = threading.BoundedSemaphore(AT_ONCE)


class EngineFailure(InvalidInput):
    """The engine could not compute it."""

    def __init__(self, said: str) -> None:
        super().__init__(said, "engine_failed", said=said)


def run_apart(module: str, folder: Path, limit_s: float, remedy: str) -> None:
    """Run a module on a folder and wait for it.

    Raises
    ------
    Busy
        Others are computing already.
    TooLarge
        It takes longer than ``limit_s`` seconds; ``remedy`` says what to ask instead.
    EngineFailure
        With what the engine says.
    """
    if not _places.acquire(timeout=PATIENCE_S):
        raise Busy("others are computing floods and drains; try again in a moment", "busy_computing")
    try:
        # -P: nothing of the folder is imported
        done = subprocess.run(
            [sys.executable, "-P", "-m", module, str(folder)], cwd=folder, env=_environment(), timeout=limit_s,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise TooLarge(
            f"it takes longer than {limit_s:g} seconds to compute: {remedy}",
            "takes_too_long", seconds=limit_s,
        ) from None  # fmt: skip
    finally:
        _places.release()
    problem = folder / PROBLEM
    if problem.exists():
        raise EngineFailure(problem.read_text("utf-8")[:500])
    if done.returncode:
        raise EngineFailure(f"the engine ended with status {done.returncode}")


def serve(work: Callable[[Path], None]) -> None:
    """Do the work of a module that is run apart: within bounds of memory, and no longer than who waits for it."""
    end_with_parent()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
    folder = Path(sys.argv[1])
    try:
        work(folder)
    except (CimError, MemoryError, ValueError, OSError) as error:
        (folder / PROBLEM).write_text(str(error) or type(error).__name__, "utf-8")
        raise SystemExit(1) from None


def _environment() -> dict[str, str]:
    """Return the environment without what the engines need not know, and with one thread for each."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CIM_")}
    return kept | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
