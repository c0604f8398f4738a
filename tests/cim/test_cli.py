"""The command as people and machines call it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cim import schema
from cim.settings import Settings
from tests import command


def cim(settings: Settings, *words: str, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own on the settings' database."""
    environment = os.environ | {"CIM_DATABASE_URL": str(settings.database_url), "CIM_HOME": str(settings.home)}
    return subprocess.run(
        [sys.executable, "-m", "cim", *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def within(settings: Settings, *words: str) -> command.Done:
    """Run it in this process, where that shows as much."""
    return command.cim(settings.home, settings.database_url, *words)


def test_every_command_has_help(settings: Settings) -> None:
    top = cim(settings, "--help")
    assert top.returncode == 0
    assert cim(settings, "key", "--help").returncode == 0
    names = ["init", "import", "layers", "datasets", "status", "quarantine", "serve", "worker", "key", "doctor"]
    for name in names:
        assert name in top.stdout
        shown = within(settings, name, "--help")
        assert (shown.returncode, f"cim {name}" in shown.stdout) == (0, True)


def test_a_command_loads_its_own_package_alone(settings: Settings) -> None:
    program = "import sys; from cim.cli import build; build(sys.argv[1]); print('ifcopenshell' in sys.modules)"
    told = [
        subprocess.run([sys.executable, "-c", program, word], capture_output=True, text=True, check=True).stdout.strip()
        for word in ("key", "check")
    ]
    assert told == ["False", "True"]


def test_status_layers_and_datasets_as_json(settings: Settings) -> None:
    status = json.loads(cim(settings, "status", "--json").stdout)
    assert status["revision"] == schema.head_revision()
    assert status["objects"] == 0
    layers = {row["id"] for row in json.loads(within(settings, "layers", "--json").stdout)}
    assert {"buildings", "units", "storeys", "pipes", "grid_cells", "cameras", "events", "zones"} <= layers
    assert json.loads(within(settings, "datasets", "--json").stdout) == []


def test_doctor_finds_a_sound_installation(settings: Settings) -> None:
    done = cim(settings, "doctor", "--json")
    findings = json.loads(done.stdout)
    assert [row for row in findings if row["remedy"]] == []
    assert done.returncode == 0


def test_a_missing_file_is_named_and_the_status_says_so(settings: Settings, tmp_path: Path) -> None:
    done = cim(settings, "import", str(tmp_path / "nothing.gpkg"))
    assert done.returncode == 1
    assert "nothing.gpkg" in done.stderr


def test_keys_are_shown_once(settings: Settings) -> None:
    key = json.loads(cim(settings, "key", "create", "--role", "viewer", "--json").stdout)["key"]
    listed = json.loads(within(settings, "key", "list", "--json").stdout)
    assert [row["role"] for row in listed] == ["viewer"]
    assert key not in json.dumps(listed)
    assert within(settings, "key", "revoke", key[:12]).returncode == 0


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("CIM_METRIC_CRS", "4547", "EPSG:N"),
        ("CIM_DATABASE_URL", "mysql://localhost/x", "PostGIS is needed"),
        ("CIM_DATABASE_URL", "postgresql://nobody:secret@127.0.0.1:1/x", "does not answer"),
    ],
)
def test_a_bad_setting_is_one_plain_line(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    environment = os.environ | {"CIM_HOME": str(settings.home), "CIM_DATABASE_URL": str(settings.database_url)}
    done = subprocess.run(
        [sys.executable, "-m", "cim", "status"],
        env=environment | {name: value},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert "secret" not in done.stderr
