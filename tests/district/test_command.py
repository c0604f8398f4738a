"""``cim district make`` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import typer
from typer.testing import CliRunner

from district.command import register


def _app() -> typer.Typer:
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)
    return app


def test_summary_as_json(tmp_path: Path) -> None:
    arguments = ["district", "make", str(tmp_path / "d"), "--scale", "sample", "--seed", "5", "--only", "gis", "--json"]
    result = CliRunner().invoke(_app(), arguments)
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    truth = json.loads((tmp_path / "d/truth.json").read_text(encoding="utf-8"))
    assert summary["seed"] == truth["seed"] == 5
    assert summary["files"] == truth["counts"]
    assert summary["faults"] == len(truth["faults"])
    assert "buildings and registers" in result.stderr


def test_unknown_scale_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(_app(), ["district", "make", str(tmp_path), "--scale", "city"])
    assert result.exit_code == 2
    assert list(tmp_path.iterdir()) == []
