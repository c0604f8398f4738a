"""Where an export goes: written in a folder beside, moved to its name when it is whole."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cim.errors import InvalidInput


@contextmanager
def destination(folder: Path) -> Iterator[Path]:
    """Give a folder to write files in; they move to ``folder`` at the end, and vanish where an error is raised.

    Raises
    ------
    InvalidInput
        The folder is not there or cannot be written.
    """
    if not folder.is_dir():
        raise InvalidInput(f"the folder '{folder}' does not exist; make it first")
    try:
        scratch = Path(tempfile.mkdtemp(prefix=".cim-export-", dir=folder))
    except OSError as error:
        raise InvalidInput(f"the folder '{folder}' cannot be written: {error.strerror}; choose another") from None
    try:
        yield scratch
        for made in sorted(scratch.iterdir()):
            os.replace(made, folder / made.name)
    except OSError as error:
        # A full disk, mostly.
        raise InvalidInput(f"nothing was written to '{folder}': {error.strerror or error}") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def require_free(path: Path, *, overwrite: bool) -> None:
    """Refuse a name that is taken (raises InvalidInput)."""
    if path.is_dir():
        raise InvalidInput(f"'{path}' is a folder; name a file in it")
    if path.exists() and not overwrite:
        raise InvalidInput(f"'{path}' is there already; say --overwrite, or choose another name")
