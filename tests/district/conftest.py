"""One small district, written once for all tests of its files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from district.make import make_district
from district.scales import SCALES

SEED = 11


@pytest.fixture(scope="session")
def sample_district(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("district")
    make_district(directory, SCALES["sample"], SEED, only="gis")
    return directory


@pytest.fixture(scope="session")
def truth(sample_district: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((sample_district / "truth.json").read_text(encoding="utf-8"))
    return content


@pytest.fixture(scope="session")
def fault_keys(truth: dict[str, Any]) -> dict[tuple[str, str], list[str]]:
    """Keys of the faults by kind and file."""
    keys: dict[tuple[str, str], list[str]] = {}
    for fault in truth["faults"]:
        keys.setdefault((fault["kind"], fault["file"]), []).append(fault["key"])
    return keys
