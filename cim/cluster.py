"""A private PostgreSQL cluster: made, tuned, started and stopped here, reachable by a unix socket only.

The cluster belongs to one ``CIM_HOME``. PostgreSQL refuses to run as root, so root hands it to the system's
``postgres`` user; peer authentication maps that user, root and the owner of the home to the role ``cim``.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import pwd
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from cim.errors import ClusterFailure

PRELOADED = ("postgis-3", "pg_trgm")
MINIMUM_MAJOR = 15
SOCKET_PATH_LIMIT = 107  # sun_path of Linux, unix(7)
START_PATIENCE_S = 60


@dataclass(frozen=True)
class Cluster:
    """Where one private cluster lives; ``user`` is the system user that runs it (None: the caller)."""

    binaries: Path
    data: Path
    sockets: Path
    log: Path
    user: str | None

    @property
    def url(self) -> str:
        """The SQLAlchemy address of its database."""
        return f"postgresql+psycopg://cim@/cim?host={self.sockets}&port=5432"


def find_binaries() -> Path:
    """Return the folder of the newest installed server, at least version 15."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found and int(found[-1].parts[-3]) >= MINIMUM_MAJOR:
        return found[-1].parent
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    raise ClusterFailure(
        "no PostgreSQL server of version 15 or newer is installed; install 'postgresql' with 'postgis' and "
        "'pgrouting' from the system's packages, or set CIM_DATABASE_URL"
    )


def locate(home: Path) -> Cluster:
    """Say where the cluster of this home is or will be; makes nothing."""
    user = "postgres" if os.geteuid() == 0 else None
    base = home / "postgres"
    if user and not _reachable(home, user):
        # The server's user cannot enter e.g. /root: keep the data where services keep theirs.
        base = Path("/var/lib/cim") / _short_hash(home)
    sockets = base / "run"
    if len(str(sockets / ".s.PGSQL.5432")) > SOCKET_PATH_LIMIT - 10:
        sockets = Path("/tmp") / f"cim-{_short_hash(home)}"
    return Cluster(find_binaries(), base / "data", sockets, base / "server.log", user)


def ensure_running(home: Path, *, durable: bool = True) -> Cluster:
    """Make the cluster if there is none, start it if it does not run, and return it.

    Parameters
    ----------
    home
        The deployment's folder; made if missing.
    durable
        False turns fsync and the log for replicas off, for throw-away databases of tests only.

    Raises
    ------
    ClusterFailure
        With the server's own words and the remedy.
    """
    home.mkdir(parents=True, exist_ok=True)
    cluster = locate(home)
    with _lock(home):
        if not (cluster.data / "PG_VERSION").exists():
            _create(cluster)
        _write_configuration(cluster, durable=durable)
        if not is_running(cluster):
            _remove_stale_locks(cluster)
            _start(cluster)
        _create_database(cluster)
    return cluster


def is_running(cluster: Cluster) -> bool:
    """Tell whether the server of this data folder runs and answers."""
    if not (cluster.data / "postmaster.pid").exists():
        return False
    answer = _run(cluster, ["pg_isready", "-q", "-h", str(cluster.sockets), "-d", "postgres"], check=False)
    return answer.returncode == 0


def stop(cluster: Cluster) -> None:
    """Stop the server of this data folder, and no other."""
    if (cluster.data / "postmaster.pid").exists():
        _run(cluster, ["pg_ctl", "-D", str(cluster.data), "-m", "fast", "-w", "stop"], check=False)


def _short_hash(home: Path) -> str:
    return hashlib.sha256(f"{home}:{os.geteuid()}".encode()).hexdigest()[:12]


def _reachable(home: Path, user: str) -> bool:
    try:
        account = pwd.getpwnam(user)
    except KeyError:
        raise ClusterFailure(
            f"running as root needs the system user '{user}', which PostgreSQL's package makes; install it"
        ) from None
    for folder in [*reversed(home.parents), home]:
        mode = folder.stat()
        allowed = mode.st_mode & 0o001 or (mode.st_uid == account.pw_uid and mode.st_mode & 0o100)
        if not allowed:
            return False
    return True


@contextlib.contextmanager
def _lock(home: Path) -> Iterator[None]:
    """Let one process at a time make or start the cluster."""
    with (home / "cluster.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _run(cluster: Cluster, command: Sequence[str], *, check: bool = True) -> subprocess.CompletedProcess[str]:
    words = [str(cluster.binaries / command[0]), *command[1:]]
    options: dict[str, object] = {}
    if cluster.user:
        account = pwd.getpwnam(cluster.user)
        options = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    environment = {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "LC_ALL": "C.UTF-8",
        "PGCONNECT_TIMEOUT": "5",
        "PGUSER": "cim",
    }
    # Output goes to a file and not a pipe: the server started by pg_ctl would keep a pipe open for ever.
    with _capture() as output:
        done = subprocess.run(  # type: ignore[call-overload]
            words,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            cwd="/",
            env=environment,
            check=False,
            **options,
        )
        output.seek(0)
        text = output.read()
    if check and done.returncode:
        raise ClusterFailure(f"'{command[0]}' failed: {text.strip()[-800:]}")
    return subprocess.CompletedProcess(words, done.returncode, text, "")


@contextlib.contextmanager
def _capture() -> Iterator[IO[str]]:
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as handle:
        yield handle


def _own(cluster: Cluster, path: Path, mode: int) -> None:
    path.mkdir(parents=True, exist_ok=True)
    if cluster.user:
        account = pwd.getpwnam(cluster.user)
        os.chown(path, account.pw_uid, account.pw_gid)
    expected = pwd.getpwnam(cluster.user).pw_uid if cluster.user else os.geteuid()
    if path.stat().st_uid != expected:
        raise ClusterFailure(f"the folder '{path}' belongs to another user; remove it or choose another CIM_HOME")
    path.chmod(mode)


def _create(cluster: Cluster) -> None:
    base = cluster.data.parent
    base.parent.mkdir(parents=True, exist_ok=True)
    _own(cluster, base, 0o755)
    fresh = base / "data.new"
    if fresh.exists():  # a creation that was interrupted; initdb never serves from here
        shutil.rmtree(fresh)
    _run(
        cluster,
        [
            "initdb",
            "-D",
            str(fresh),
            "-U",
            "cim",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "--auth=peer",
            "--data-checksums",
            "--no-instructions",
        ],
    )
    _write_access(cluster, fresh)
    fresh.rename(cluster.data)


def _write_access(cluster: Cluster, data: Path) -> None:
    names = {pwd.getpwuid(os.geteuid()).pw_name, cluster.user or pwd.getpwuid(os.geteuid()).pw_name}
    _write(cluster, data / "pg_hba.conf", "local all all peer map=cim\nlocal replication all peer map=cim\n")
    _write(cluster, data / "pg_ident.conf", "".join(f"cim {name} cim\n" for name in sorted(names)))


def _write(cluster: Cluster, path: Path, text: str) -> None:
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    path.write_text(text, encoding="utf-8")
    if cluster.user:
        account = pwd.getpwnam(cluster.user)
        os.chown(path, account.pw_uid, account.pw_gid)
    path.chmod(0o600)


def tuning(memory_mb: int, cores: int) -> dict[str, str]:
    """Return the server's settings for a machine that it shares with workers and the service."""
    return {
        "shared_buffers": f"{max(64, min(memory_mb // 8, 8192))}MB",
        "effective_cache_size": f"{max(128, memory_mb // 2)}MB",
        "maintenance_work_mem": f"{max(32, min(memory_mb // 48, 1024))}MB",
        "work_mem": f"{max(4, min(memory_mb // 512, 64))}MB",
        "max_wal_size": "4GB",
        "checkpoint_completion_target": "0.9",
        "wal_compression": "lz4",
        "random_page_cost": "1.1",
        "effective_io_concurrency": "200",
        "jit": "off",
        "max_connections": "80",
        "max_worker_processes": str(max(8, cores)),
        "max_parallel_workers": str(cores),
        "max_parallel_workers_per_gather": str(max(1, cores // 2)),
    }


def _preloadable(binaries: Path) -> list[str]:
    """Return the libraries to load once for all: a new connection's first spatial query needs them, 12 ms each time."""
    return [name for name in PRELOADED if (binaries.parent / "lib" / f"{name}.so").exists()]


def _write_configuration(cluster: Cluster, *, durable: bool) -> None:
    memory_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    values = tuning(memory_mb, os.cpu_count() or 1) | {
        "listen_addresses": "",
        "port": "5432",
        "unix_socket_directories": str(cluster.sockets),
        "unix_socket_permissions": "0700" if cluster.user is None else "0777",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_min_duration_statement": "-1",
        "shared_preload_libraries": ",".join(_preloadable(cluster.binaries)),
    }
    if not durable:
        values |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "256MB"}
        # copying a template is then a copy of files: a tenth of the time
        values |= {"wal_level": "minimal", "max_wal_senders": "0"}
    if cluster.user is not None:
        _own(cluster, cluster.sockets, 0o755)
    else:
        _own(cluster, cluster.sockets, 0o700)
    body = "# written by 'cim init' for this machine; put your own settings into local.conf beside it\n"
    body += "".join(f"{name} = '{value}'\n" for name, value in values.items())
    _write(cluster, cluster.data / "cim.conf", body)
    main = cluster.data / "postgresql.conf"
    include = "include 'cim.conf'\ninclude_if_exists 'local.conf'\n"
    text = main.read_text(encoding="utf-8")
    if include not in text:
        _write(cluster, main, text + "\n" + include)


def _remove_stale_locks(cluster: Cluster) -> None:
    """Remove lock files whose process is gone, a zombie, or (after a reboot) somebody else's.

    PostgreSQL only asks whether the number is in use, and would refuse to start.
    """
    for lock in (cluster.data / "postmaster.pid", cluster.sockets / ".s.PGSQL.5432.lock"):
        with contextlib.suppress(FileNotFoundError):
            lines = lock.read_text(encoding="utf-8").splitlines()
            if lines and re.fullmatch(r"\d+", lines[0]) and not _serves(int(lines[0]), cluster.data):
                lock.unlink()


def _serves(number: int, data: Path) -> bool:
    try:
        return str(data).encode() in (Path("/proc") / str(number) / "cmdline").read_bytes()
    except OSError:
        return False


def _start(cluster: Cluster) -> None:
    deadline = time.monotonic() + START_PATIENCE_S
    while True:
        done = _run(
            cluster,
            ["pg_ctl", "-D", str(cluster.data), "-l", str(cluster.log), "-w", "-t", str(START_PATIENCE_S), "start"],
            check=False,
        )
        if done.returncode == 0 or is_running(cluster):
            return
        # Children of a killed server may hold its memory for a moment; they leave by themselves.
        _remove_stale_locks(cluster)
        if time.monotonic() > deadline or "still in use" not in _tail(cluster.log):
            raise ClusterFailure(f"the private PostgreSQL did not start: {_tail(cluster.log)[-600:]}")
        time.sleep(0.5)


def _tail(path: Path) -> str:
    with contextlib.suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace")[-2000:]
    return "its log cannot be read"


def _create_database(cluster: Cluster) -> None:
    ask = ["psql", "-h", str(cluster.sockets), "-d", "postgres", "-AXtqc"]
    known = _run(cluster, [*ask, "select 1 from pg_database where datname = 'cim'"]).stdout.strip()
    if known != "1":
        _run(cluster, [*ask, "create database cim"])


def describe(cluster: Cluster) -> str:
    """Return one line of JSON about the cluster, for ``cim doctor``."""
    return json.dumps({"data": str(cluster.data), "running": is_running(cluster), "user": cluster.user})
