"""A Dask cluster by its address, for bulk work on many machines."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from cim.errors import InvalidSetting


@contextmanager
def cluster_client(address: str) -> Iterator[tuple[Any, Any]]:
    """Give Dask's package and a client of the scheduler at an address.

    Raises
    ------
    InvalidSetting
        Without Dask, or where no scheduler answers.
    """
    try:
        distributed: Any = import_module("distributed")
    except ImportError:
        raise InvalidSetting("CIM_DASK_ADDRESS is set, but Dask is not installed: pip install 'cim[cluster]'") from None
    try:
        client = distributed.Client(address, timeout=20)
    except (OSError, ValueError):
        raise InvalidSetting(f"no Dask scheduler answers at CIM_DASK_ADDRESS '{address}'") from None
    with client:
        yield distributed, client
