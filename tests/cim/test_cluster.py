"""The private cluster survives what machines and people do to it."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from cim import cluster
from cim.db import make_engine
from cim.errors import ClusterFailure


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="cim-cluster-"))
    folder.chmod(0o755)
    yield folder
    cluster.stop(cluster.locate(folder))
    shutil.rmtree(folder, ignore_errors=True)


def _server_number(made: cluster.Cluster) -> int:
    return int((made.data / "postmaster.pid").read_text().splitlines()[0])


def _query(made: cluster.Cluster, statement: str) -> object:
    engine = make_engine(made.url)
    try:
        with engine.connect() as connection:
            return connection.execute(text(statement)).scalar_one()
    finally:
        engine.dispose()


@pytest.mark.slow
def test_survives_kill_and_reuses_its_data(home: Path) -> None:
    made = cluster.ensure_running(home)
    engine = make_engine(made.url)
    with engine.begin() as connection:
        connection.execute(text("create table kept as select 42 as answer"))
    engine.dispose()
    os.kill(_server_number(made), signal.SIGKILL)
    again = cluster.ensure_running(home)
    assert _query(again, "select answer from kept") == 42


@pytest.mark.slow
def test_starts_after_a_reboot_gave_its_number_to_another_process(home: Path) -> None:
    made = cluster.ensure_running(home)
    cluster.stop(made)
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        lines = [str(stranger.pid), str(made.data), str(int(time.time())), "5432", str(made.sockets), ""]
        (made.data / "postmaster.pid").write_text("\n".join(lines))
        assert _query(cluster.ensure_running(home), "select 1") == 1
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.slow
def test_listens_on_no_network_address_and_not_as_root(home: Path) -> None:
    made = cluster.ensure_running(home)
    assert _query(made, "show listen_addresses") == ""
    assert _query(made, "show data_checksums") == "on"
    owner = Path(f"/proc/{_server_number(made)}").stat().st_uid
    assert owner == (pwd.getpwnam("postgres").pw_uid if os.geteuid() == 0 else os.geteuid())
    # Kernel table of listening TCP sockets of the server's own descriptors: none.
    sockets = {os.readlink(link) for link in Path(f"/proc/{_server_number(made)}/fd").iterdir() if link.is_symlink()}
    inodes = {name[8:-1] for name in sockets if name.startswith("socket:[")}
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            assert line.split()[9] not in inodes


@pytest.mark.slow
def test_two_homes_are_two_clusters(home: Path) -> None:
    made = cluster.ensure_running(home)
    other_home = home / "other"
    other = cluster.ensure_running(other_home)
    try:
        assert made.data != other.data
        cluster.stop(other)
        assert cluster.is_running(made)
    finally:
        cluster.stop(other)


def test_a_deep_home_gets_a_short_socket_path(tmp_path: Path) -> None:
    deep = tmp_path / ("a" * 60) / ("b" * 60)
    deep.mkdir(parents=True)
    assert len(str(cluster.locate(deep).sockets / ".s.PGSQL.5432")) <= cluster.SOCKET_PATH_LIMIT


def test_a_home_that_the_servers_user_cannot_enter(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root runs the server as another user")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "home").mkdir()
    assert cluster.locate(closed / "home").data.is_relative_to("/var/lib/cim")


def test_tuning_follows_the_memory() -> None:
    small, large = cluster.tuning(2048, 2), cluster.tuning(131072, 32)
    assert small["shared_buffers"] == "256MB"
    assert large["shared_buffers"] == "8192MB"
    assert large["max_parallel_workers"] == "32"


def test_a_missing_server_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "glob", lambda _self, _pattern: iter(()))
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(ClusterFailure, match="CIM_DATABASE_URL"):
        cluster.find_binaries()
