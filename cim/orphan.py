"""A process must not outlive the command that started it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # prctl(2)


def end_with_parent(how: signal.Signals = signal.SIGTERM) -> None:
    """Ask Linux to end this process when its parent is gone, even by kill -9; elsewhere do nothing.

    Parameters
    ----------
    how
        SIGKILL for a process that has nothing to put away, and may be deep in a library that hears nothing else.
    """
    if not sys.platform.startswith("linux"):
        return
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, how)
    if os.getppid() != parent:
        # It went away before the request was made.
        os.kill(os.getpid(), how)
