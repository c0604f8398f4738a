"""Worker processes that compute geometry, with time limits; a product that kills or stalls its worker costs itself."""

from __future__ import annotations

import subprocess
import sys
import time
import weakref
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple

from bim_import.geometry_messages import Broken, Done, Empty, Instance, Line, NewMesh, Open, Opened, Work

#: Kernels in the order in which they are tried on a product.
KERNELS = ("hybrid-cgal-simple-opencascade", "cgal", "opencascade")


@dataclass(frozen=True)
class GeometryLimits:
    """How long a worker may take to parse the file and for one product, and all products together, in seconds."""

    product_s: float = 30.0
    file_s: float = 600.0
    open_s: float = 120.0


class Task(NamedTuple):
    """Products (STEP ids) to compute together, and the place of their kernel in ``KERNELS``."""

    products: tuple[int, ...]
    attempt: int = 0


@dataclass
class Outcome:
    """What became of one product: 'ok', 'empty', 'failed' or 'timed_out', and the kernel that was tried last."""

    status: str
    kernel: str


@dataclass
class _Worker:
    process: subprocess.Popen[bytes]
    connection: Connection
    is_open: bool = False
    task: Task | None = None
    batch: int = 0
    left: set[int] = field(default_factory=set)
    empty: set[int] = field(default_factory=set)
    deadline: float = 0.0


class GeometryPool:
    """Keeps worker processes from one file to the next; they start when there is work for them."""

    def __init__(self, size: int, limits: GeometryLimits | None = None) -> None:
        self.size = size
        self.limits = limits or GeometryLimits()
        self._workers: list[_Worker] = []
        weakref.finalize(self, _end_all, self._workers)

    @property
    def process_ids(self) -> list[int]:
        """The process ids of the running workers."""
        return [worker.process.pid for worker in self._workers]

    def open_ahead(self, path: str, count: int) -> None:
        """Let some workers start and parse a file while the caller still reads it; ``compute`` waits for them."""
        while len(self._workers) < min(count, self.size):
            self._start()
        for worker in list(self._workers)[:count]:
            try:
                worker.connection.send(Open(path, None))
            except OSError:
                self._end(worker)

    def close(self) -> None:
        """End the workers."""
        _end_all(self._workers)

    def compute(
        self,
        order: Open,
        tasks: Sequence[Task],
        outlined: frozenset[int],
        receive: Callable[[NewMesh | Instance | Line], None],
        copies: Mapping[int, list[int]] | None = None,
    ) -> dict[int, Outcome]:
        """Compute all tasks of a file and return the outcome of every product.

        Parameters
        ----------
        receive
            Called in this thread with each mesh, instance and line; meshes come before the instances that use them.
        copies
            Product of a task -> products that have the same mesh and are in no task themselves.
        """
        for worker in self._workers:
            worker.is_open = False
        run = _Run(self, order, deque(tasks), outlined, receive, copies or {})
        try:
            return run.to_the_end()
        except BaseException:
            self.close()  # whatever is half-way in the pipes belongs to no one
            raise

    def _start(self) -> _Worker:
        ours, theirs = Pipe(duplex=True)
        process = subprocess.Popen(
            [sys.executable, "-m", "bim_import.geometry_worker", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            # Kernels print to both; nothing of that is for the user.
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        theirs.close()
        worker = _Worker(process, ours)
        self._workers.append(worker)
        return worker

    def _end(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        _end(worker)


def _end_all(workers: list[_Worker]) -> None:
    while workers:
        _end(workers.pop())


def _end(worker: _Worker) -> None:
    worker.connection.close()
    worker.process.kill()
    worker.process.wait()


class _Run:
    """The work on one file."""

    def __init__(
        self,
        pool: GeometryPool,
        order: Open,
        queue: deque[Task],
        outlined: frozenset[int],
        receive: Callable[[NewMesh | Instance | Line], None],
        copies: Mapping[int, list[int]],
    ) -> None:
        self._pool, self._order, self._queue = pool, order, queue
        self._outlined, self._receive, self._copies = outlined, receive, copies
        self._outcomes: dict[int, Outcome] = {}
        self._batches = 0
        self._end_at = time.monotonic() + pool.limits.file_s

    def to_the_end(self) -> dict[int, Outcome]:
        while self._queue or self._busy():
            self._hand_out()
            busy = {worker.connection: worker for worker in self._busy()}
            limit = min(self._end_at, *(worker.deadline for worker in busy.values()))
            ready = wait(list(busy), timeout=max(0.0, limit - time.monotonic()))
            for connection in ready:
                self._read(busy[connection])  # type: ignore[index]
            self._check_time()
        for product, others in self._copies.items():
            for other in others:
                self._outcomes.setdefault(other, self._outcomes[product])
        return self._outcomes

    def _busy(self) -> list[_Worker]:
        return [worker for worker in self._pool._workers if worker.task is not None]

    def _hand_out(self) -> None:
        for worker in self._pool._workers:
            if worker.task is None and self._queue:
                self._give(worker, self._queue.popleft())
        while self._queue and len(self._pool._workers) < self._pool.size:
            self._give(self._pool._start(), self._queue.popleft())

    def _give(self, worker: _Worker, task: Task) -> None:
        self._batches += 1
        worker.task, worker.batch = task, self._batches
        worker.left, worker.empty = set(task.products), set()
        limits = self._pool.limits
        worker.deadline = time.monotonic() + (limits.product_s if worker.is_open else limits.open_s)
        try:
            if not worker.is_open:
                worker.connection.send(self._order)
                worker.is_open = True
            copies = {product: self._copies[product] for product in task.products if product in self._copies}
            outlined = self._outlined.intersection(chain(task.products, *copies.values()))
            worker.connection.send(Work(worker.batch, list(task.products), KERNELS[task.attempt], outlined, copies))
        except OSError:
            self._crashed(worker)

    def _read(self, worker: _Worker) -> None:
        try:
            messages = worker.connection.recv()
        except (EOFError, OSError):
            self._crashed(worker)
            return
        worker.deadline = time.monotonic() + self._pool.limits.product_s
        for message in messages:
            self._take(worker, message)

    def _take(self, worker: _Worker, message: Any) -> None:
        if isinstance(message, NewMesh):
            self._receive(message)
        elif isinstance(message, Instance | Line):
            assert worker.task is not None
            worker.left.discard(message.product)
            self._outcomes[message.product] = Outcome("ok", KERNELS[worker.task.attempt])
            self._receive(message)
        elif isinstance(message, Empty):
            worker.left.discard(message.product)
            worker.empty.add(message.product)
        elif isinstance(message, Done):
            self._finish(worker)
        elif isinstance(message, Broken):
            raise RuntimeError(f"a geometry worker failed:\n{message.traceback}")
        else:
            assert isinstance(message, Opened)

    def _finish(self, worker: _Worker) -> None:
        task = worker.task
        assert task is not None
        self._try_next(sorted(worker.left | worker.empty), task.attempt, worker.empty)
        worker.task = None

    def _try_next(self, products: Sequence[int], attempt: int, empty: set[int]) -> None:
        """Queue products for the next kernel, or record how they ended."""
        if not products:
            return
        for product in products:
            status = "empty" if product in empty else "failed"
            self._outcomes[product] = Outcome(status, KERNELS[attempt])
        if attempt + 1 < len(KERNELS):
            self._queue.append(Task(tuple(products), attempt + 1))

    def _crashed(self, worker: _Worker) -> None:
        """Halve what the dead worker had left until the product that kills it stands alone."""
        task, left = worker.task, sorted(worker.left)
        self._pool._end(worker)
        assert task is not None
        self._try_next(sorted(worker.empty), task.attempt, worker.empty)
        if len(left) == 1:
            self._try_next(left, task.attempt, set())
        elif left:
            middle = len(left) // 2
            self._queue.append(Task(tuple(left[:middle]), task.attempt))
            self._queue.append(Task(tuple(left[middle:]), task.attempt))

    def _check_time(self) -> None:
        now = time.monotonic()
        if now >= self._end_at:
            self._give_up()
            return
        for worker in self._busy():
            if now >= worker.deadline:
                self._stalled(worker)

    def _stalled(self, worker: _Worker) -> None:
        """Kill a worker; of what it had left, each product gets a worker's time of its own."""
        task, left = worker.task, sorted(worker.left)
        self._pool._end(worker)
        assert task is not None
        self._try_next(sorted(worker.empty), task.attempt, worker.empty)
        if len(left) == 1:
            self._outcomes[left[0]] = Outcome("timed_out", KERNELS[task.attempt])
        else:
            self._queue.extend(Task((product,), task.attempt) for product in left)

    def _give_up(self) -> None:
        left = [(product, task.attempt) for task in self._queue for product in task.products]
        self._queue.clear()
        for worker in self._busy():
            assert worker.task is not None
            left += [(product, worker.task.attempt) for product in worker.left | worker.empty]
            self._pool._end(worker)
        for product, attempt in left:
            self._outcomes[product] = Outcome("timed_out", KERNELS[attempt])
