"""A page printed as PDF by the server's own Chromium: from memory to memory, without a network, within a time."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from threading import BoundedSemaphore

from cim.errors import Busy, CimError

NAMES = ("chromium", "chromium-browser", "google-chrome")
LIMIT_S = 60.0
WAIT_S = 20.0
#: A browser takes a few hundred megabytes.
_AT_ONCE = BoundedSemaphore(2)
FLAGS = (
    "--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-default-browser-check",
    "--disable-extensions", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-default-apps", "--metrics-recording-only", "--mute-audio", "--no-pdf-header-footer",
    # No name leads anywhere, and no proxy does.
    "--host-resolver-rules=MAP * ~NOTFOUND", "--proxy-server=direct://",
)  # fmt: skip


class NoBrowser(CimError):
    """There is no browser here that could print; install Chromium (apt install chromium), or take the zip."""


def find_browser(told: str | None = None) -> str:
    """Return the path of a Chromium, the one that is told or one on the path; raises NoBrowser."""
    if told is not None:
        found = shutil.which(told)
        if found is None:
            raise NoBrowser("CIM_CHROMIUM names no program that could be run; name a Chromium, or take the zip")
        return found
    for name in NAMES:
        found = shutil.which(name)
        if found is not None:
            return found
    raise NoBrowser


def print_pdf(page: str, chromium: str | None = None, *, limit_s: float = LIMIT_S) -> bytes:
    """Return a page (HTML that loads nothing from elsewhere) as PDF.

    Raises
    ------
    NoBrowser
        There is none, or it could not print.
    Busy
        Others are printing.
    """
    browser = find_browser(chromium)
    if not _AT_ONCE.acquire(timeout=WAIT_S):
        raise Busy("other briefings are being printed; try again in a moment")
    try:
        with tempfile.TemporaryDirectory(prefix="cim-briefing-", ignore_cleanup_errors=True) as place:
            return _printed(browser, page, Path(place), limit_s)
    finally:
        _AT_ONCE.release()


def _printed(browser: str, page: str, folder: Path, limit_s: float) -> bytes:
    source, target = folder / "page.html", folder / "page.pdf"
    source.write_text(page, "utf-8")
    words = [browser, *FLAGS, f"--user-data-dir={folder / 'profile'}", f"--print-to-pdf={target}"]
    if os.geteuid() == 0:
        words.append("--no-sandbox")  # Chromium refuses to run as root with it
    # A home of its own, and nothing of what the service knows of its surroundings.
    surroundings = {"HOME": str(folder), "PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8", "TMPDIR": str(folder)}
    process = subprocess.Popen(
        [*words, source.as_uri()], env=surroundings, cwd=folder, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        process.wait(limit_s)
    except subprocess.TimeoutExpired:
        raise NoBrowser(f"the browser did not print within {limit_s:g} s; take the zip, or ask for less") from None
    finally:
        _end(process)
    if process.returncode != 0 or not target.is_file():
        raise NoBrowser(f"the browser could not print (status {process.returncode}); take the zip")
    return target.read_bytes()


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a browser with all that it has started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
