"""Files of addresses: matched in this process and in one beside it, chunk by chunk, in order."""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import chain, islice
from typing import Any

from sqlalchemy import Engine

from cim.db import make_engine
from cim.orphan import end_with_parent
from layers.addresses.answer import find

#: Addresses of one call: the more there are, the less its statements cost each.
CHUNK = 1000
#: Chunks that may wait for the other process, and in all, so that memory does not grow with the file.
_AHEAD, _MOST = 2, 6

Answers = list[dict[str, Any]]
_engine: Engine


def find_many(engine: Engine, texts: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Yield what each address means, in the order of the addresses; a few chunks are in memory at a time."""
    chunks = _chunks(texts)
    first = list(islice(chunks, 2))
    if len(first) < 2:
        yield from (answer for chunk in first for answer in _find(engine, chunk))
        return
    url = engine.url.render_as_string(hide_password=False)
    # A forked process would share the connections of this one.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _connect, (url,)) as beside:
        waiting: deque[Future[Answers]] = deque()
        for chunk in chain(first, chunks):
            if sum(not one.done() for one in waiting) < _AHEAD:
                waiting.append(beside.submit(_find_beside, chunk))
                continue
            own: Future[Answers] = Future()
            own.set_result(_find(engine, chunk))
            waiting.append(own)
            while waiting and (waiting[0].done() or len(waiting) > _MOST):
                yield from waiting.popleft().result()
        for one in waiting:
            yield from one.result()


def _chunks(texts: Iterable[str]) -> Iterator[list[str]]:
    remaining = iter(texts)
    while chunk := list(islice(remaining, CHUNK)):
        yield chunk


def _find(engine: Engine, texts: Sequence[str]) -> Answers:
    with engine.connect() as connection:
        return find(connection, texts)


def _connect(url: str) -> None:
    global _engine
    end_with_parent(signal.SIGKILL)
    _engine = make_engine(url, pool_size=1)


def _find_beside(texts: Sequence[str]) -> Answers:
    return _find(_engine, texts)
