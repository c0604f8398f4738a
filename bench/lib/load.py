"""Requests to a web server by wrk (package ``wrk``), drawn from a list of paths, with gzip."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import orjson

#: Asks for the paths in turn; with a count it stops after as many answers (wrk itself knows a duration only, which an
#: interrupt ends) and takes the time. Reading answers costs the client something, so that it is done for counts only.
SCRIPT = """
local ffi = require("ffi")
ffi.cdef[[
  typedef struct { long s; long ns; } moment;
  int clock_gettime(int clock, moment *at);
  int getpid(void);
  int kill(int process, int signal);
]]
local at = ffi.new("moment")
local function now()
  ffi.C.clock_gettime(1, at)
  return tonumber(at.s) + tonumber(at.ns) / 1e9
end
local threads = {}
function setup(thread) table.insert(threads, thread) end
local paths, asked, count = {}, 0, 0
began, ended, answered = 0, 0, 0
function init(arguments)
  for line in io.lines(arguments[1]) do table.insert(paths, line) end
  count = tonumber(arguments[2])
  if count > 0 then
    response = function()
      answered = math.min(answered + 1, count)
      if answered == count and ended == 0 then
        ended = now()
        wrk.thread:stop()
        ffi.C.kill(ffi.C.getpid(), 2)
      end
    end
  end
end
function request()
  if asked == 0 then began = now() end
  asked = asked + 1
  return wrk.format("GET", paths[(asked - 1) % #paths + 1], wrk.headers)
end
wrk.headers["Accept-Encoding"] = "gzip"
function done(summary, latency)
  local thread = threads[1]
  local seconds, requests = summary.duration / 1e6, summary.requests
  if thread:get("ended") > 0 then
    seconds, requests = thread:get("ended") - thread:get("began"), thread:get("answered")
  end
  local failed = summary.errors.connect + summary.errors.read + summary.errors.status + summary.errors.timeout
  io.write(string.format(
    '\\n{"requests":%d,"seconds":%.6f,"bytes":%d,"median_ms":%.4f,"p99_ms":%.4f,"failed":%d}\\n',
    requests, seconds, summary.bytes, latency:percentile(50) / 1000, latency:percentile(99) / 1000, failed))
end
"""
#: Seconds: no list of tiles takes longer.
PATIENCE_S = 300


class Load(NamedTuple):
    """What a server took: ``bytes`` with headers, as they came; ``failed`` counts errors and statuses over 399."""

    requests: int
    seconds: float
    bytes: int
    median_ms: float
    p99_ms: float
    failed: int

    @property
    def rate(self) -> float:
        """Return the requests per second."""
        return self.requests / self.seconds


def has_wrk() -> bool:
    return shutil.which("wrk") is not None


def ask_for(address: str, paths: Sequence[str], connections: int, seconds: int) -> Load:
    """Ask for the paths over and over for some seconds."""
    return _run(address, paths, connections, f"{seconds}s", 0)


def ask_once(address: str, paths: Sequence[str], connections: int, count: int | None = None) -> Load:
    """Ask for every path once, or for ``count`` of them in turn, and stop."""
    return _run(address, paths, connections, f"{PATIENCE_S}s", count or len(paths))


def _run(address: str, paths: Sequence[str], connections: int, duration: str, count: int) -> Load:
    with tempfile.TemporaryDirectory() as directory:
        script, listed = Path(directory) / "paths.lua", Path(directory) / "paths.txt"
        script.write_text(SCRIPT)
        listed.write_text("".join(f"{path}\n" for path in paths))
        # One thread: client and server share the machine.
        words = ["wrk", "-t1", f"-c{connections}", f"-d{duration}", "--timeout", "60s", "-s", str(script), address]
        words += ["--", str(listed), str(count)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"wrk ended with {done.returncode}: {(done.stdout + done.stderr)[-2000:]}")
    found = Load(**orjson.loads(done.stdout.strip().splitlines()[-1]))
    if found.failed or not found.requests:
        raise SystemExit(f"{address}: {found.failed} of {found.requests} requests failed, such as {paths[0]}")
    return found
