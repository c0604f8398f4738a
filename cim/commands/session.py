"""What every command begins with: settings, logs, an engine on a ready database, a place to print."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
from rich.console import Console
from sqlalchemy import Engine

from cim import db, schema
from cim.logs import configure_logs
from cim.settings import Settings, read_settings

#: People read standard error; standard output carries results only, so that pipes stay clean.
messages = Console(stderr=True, highlight=False, soft_wrap=True)
#: A pipe has no width; tables must not be cut there.
results = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 200)


def start() -> Settings:
    """Read the settings and configure logs."""
    settings = read_settings()
    configure_logs(settings.log)
    return settings


@contextmanager
def ready_engine(settings: Settings) -> Iterator[Engine]:
    """Give an engine on a database that has this program's schema."""
    engine = db.make_engine(db.database_url(settings))
    try:
        with engine.connect() as connection:
            schema.require_ready(connection)
        yield engine
    finally:
        engine.dispose()


def print_json(value: Any) -> None:
    """Print one JSON value to standard output, at once: a reader of a pipe may be waiting for it."""
    # Column names are a subclass of str, which is no string to orjson.
    options = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS | orjson.OPT_APPEND_NEWLINE
    sys.stdout.write(orjson.dumps(value, option=options, default=str).decode())
    sys.stdout.flush()
