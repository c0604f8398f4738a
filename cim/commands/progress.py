"""Progress of long work: a bar on a terminal, now and then a plain line in a pipe."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cim.commands.session import messages
from cim.importing import Progress as Callback

PLAIN_LINE_EVERY_S = 10.0


@contextmanager
def shown_progress() -> Iterator[Callback]:
    """Give a callback (step, done, total) that shows itself fittingly."""
    if not messages.is_terminal:
        yield _plain()
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=messages, transient=True) as bar:
        task = bar.add_task("reading", total=None)

        def show(step: str, done: int, total: int | None) -> None:
            bar.update(task, description=step, completed=done, total=total)

        yield show


def _plain() -> Callback:
    last = time.monotonic()

    def show(step: str, done: int, total: int | None) -> None:
        nonlocal last
        if time.monotonic() - last >= PLAIN_LINE_EVERY_S:
            last = time.monotonic()
            messages.print(f"{step}: {done}" + (f" of {total}" if total else ""))

    return show
