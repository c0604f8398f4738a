"""The command ``cim`` within the tests' own process, where its libraries are loaded already."""

from __future__ import annotations

import io
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from cim import cli


@dataclass(frozen=True)
class Done:
    """What a process would have left."""

    returncode: int
    stdout: str
    stderr: str


def cim(home: Path, database_url: str | None, *words: str) -> Done:
    """Run the command on a deployment's folder and database, as its entry point does.

    A process of its own spends two seconds on loading; ``tests/cim/test_cli.py`` has those.
    """
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    variables = {"CIM_HOME": str(home), "CIM_DATABASE_URL": str(database_url)}
    status = 0
    with (
        patch.dict(os.environ, variables),
        patch.object(sys, "argv", ["cim", *words]),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            cli.main()
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
    return Done(status, *(stream.buffer.getvalue().decode() for stream in (out, err)))  # type: ignore[attr-defined]
