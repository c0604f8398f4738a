"""Servers as processes of their own: started on a free port, weighed, and ended by their id."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import psutil

from bench.lib.result import ROOT

START_S = 90
END_S = 20


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@contextmanager
def running(words: Sequence[str], environment: Mapping[str, str], ready: str) -> Iterator[psutil.Process]:
    """Run a server until it is no longer needed.

    Parameters
    ----------
    ready
        An address that answers as soon as the server works.
    """
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(words, env=os.environ | dict(environment), stdout=log, stderr=log, cwd=ROOT)
        try:
            if not _answers(process, ready):
                log.seek(0)
                raise SystemExit(f"{words[0]} does not serve: {log.read()[-3000:].decode(errors='replace')}")
            yield psutil.Process(process.pid)
        finally:
            process.terminate()
            try:
                process.wait(END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _answers(process: subprocess.Popen[bytes], address: str) -> bool:
    limit = time.monotonic() + START_S
    while time.monotonic() < limit and process.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    return False


def proportional_mb(process: psutil.Process) -> float:
    """Return the proportional set size of a process and all below it: pages that several share count once."""
    return sum(each.memory_full_info().pss for each in family(process)) / 1e6


def cpu_seconds(process: psutil.Process) -> float:
    """Return the processor time of a process, of all below it and of those that have ended."""
    times = [each.cpu_times() for each in family(process)]
    return sum(each.user + each.system + each.children_user + each.children_system for each in times)


def family(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]
