"""Places to measure in: a database of a benchmark's own, and the command as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from sqlalchemy import create_engine, make_url, text

from bench.lib.result import ROOT
from cim import schema
from cim.db import database_url, make_engine
from cim.settings import read_settings

#: The folder of real data, beside the checkout unless CIM_TEST_DATA says where.
SHARED = Path(os.environ.get("CIM_TEST_DATA") or ROOT.parent / "shared" / "data")


@contextmanager
def scratch_database() -> Iterator[str]:
    """Make a database with the schema on the server that the settings name; its address; dropped at the end."""
    server = make_url(database_url(read_settings()))
    name = f"cim_bench_{uuid4().hex[:8]}"
    administration = create_engine(server.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with administration.connect() as connection:
        connection.execute(text(f'create database "{name}"'))
    try:
        url = server.set(database=name).render_as_string(hide_password=False)
        engine = make_engine(url)
        schema.upgrade(engine)
        engine.dispose()
        yield url
    finally:
        with administration.connect() as connection:
            connection.execute(text(f'drop database "{name}" with (force)'))
        administration.dispose()


def command(*arguments: str) -> list[str]:
    """Return the ``cim`` command of this installation."""
    return [sys.executable, "-m", "cim", *arguments]


def make_district(folder: Path, *options: str) -> Path:
    """Write the synthetic district and return its folder."""
    subprocess.run(command("district", "make", str(folder), *options), check=True, capture_output=True, cwd=ROOT)
    return folder
