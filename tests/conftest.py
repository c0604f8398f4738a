"""A real PostGIS for the tests: one private cluster a run, and a template database that each test has a clone of."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text

from cim import cluster, schema
from cim.db import make_engine
from cim.settings import Settings

CloneDatabase = Callable[[], AbstractContextManager[str]]
REPOSITORY = Path(__file__).parent.parent
#: Names a PostgreSQL server to use instead of a private one.
SERVER = "CIM_TEST_DATABASE_URL"
#: Bytes: what the databases that are there at one time may come to, with room to spare.
MEMORY_WANTED = 6 * 2**30
#: Folders whose tests share one costly service or import: one worker runs all of such a folder, these first.
TOGETHER = ("web", "end_to_end")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that no worker is left alone with it at the end."""
    items.sort(key=lambda item: TOGETHER.index(group) if (group := _group(item.nodeid)) in TOGETHER else len(TOGETHER))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Let a worker of pytest-xdist take all of a file, or of a folder of ``TOGETHER``.

    The mark ``xdist_group`` would say the same, but newer pytest does not hand it on.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByGroup(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _group(nodeid)

    return ByGroup(config, log)


def _group(nodeid: str) -> str:
    file = nodeid.partition("::")[0].removeprefix("tests/")
    folder = file.partition("/")[0]
    return folder if folder in TOGETHER else file


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the checkout."""
    for folder in (os.environ.get("CIM_TEST_DATA"), REPOSITORY.parent / "shared" / "data"):
        if folder and (Path(folder) / "SOURCES.md").exists():
            return Path(folder)
    pytest.skip("needs the folder of real data ('shared/data' beside the checkout, or CIM_TEST_DATA)")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Where workers share the tests, let them share a server as well."""
    config = session.config
    if hasattr(config, "workerinput") or SERVER in os.environ or not getattr(config.option, "numprocesses", None):
        return
    shared = ExitStack()
    config.add_cleanup(shared.close)
    os.environ[SERVER] = shared.enter_context(_server())
    config.add_cleanup(lambda: os.environ.pop(SERVER, None))


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """The address of a private PostgreSQL server that is thrown away after the run."""
    if SERVER in os.environ:
        yield os.environ[SERVER]
        return
    with _server() as url:
        yield url


@contextmanager
def _server() -> Iterator[str]:
    home = Path(tempfile.mkdtemp(prefix="cim-test-", dir=_memory_folder()))
    home.chmod(0o755)
    made = cluster.ensure_running(home, durable=False)
    try:
        yield made.url
    finally:
        cluster.stop(made)
        shutil.rmtree(home, ignore_errors=True)


def _memory_folder() -> Path | None:
    """A file system in memory, where a clone of the template takes a tenth of its time on a disk; None without one."""
    folder = Path("/dev/shm")
    try:
        return folder if os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > MEMORY_WANTED else None
    except OSError:
        return None


def _administer(server_url: str, statement: str) -> None:
    engine = create_engine(make_url(server_url).set(database="postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


@pytest.fixture(scope="session")
def template_database(server_url: str) -> Iterator[str]:
    """The name of a database with the newest schema and the standard catalogue."""
    name = f"cim_template_{uuid4().hex[:8]}"
    _administer(server_url, f'create database "{name}"')
    engine = make_engine(make_url(server_url).set(database=name).render_as_string(hide_password=False))
    schema.upgrade(engine)
    engine.dispose()
    yield name
    _administer(server_url, f'drop database if exists "{name}" with (force)')


@pytest.fixture(scope="session")
def clone_database(server_url: str, template_database: str) -> CloneDatabase:
    """Make a database from the template for as long as it is needed; its address."""

    @contextmanager
    def clone() -> Iterator[str]:
        name = f"cim_test_{uuid4().hex[:12]}"
        _administer(server_url, f'create database "{name}" template "{template_database}" strategy file_copy')
        yield make_url(server_url).set(database=name).render_as_string(hide_password=False)
        _administer(server_url, f'drop database if exists "{name}" with (force)')

    return clone


@pytest.fixture
def database_url(clone_database: CloneDatabase) -> Iterator[str]:
    """A fresh database of its own, for a test that commits."""
    with clone_database() as url:
        yield url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on a fresh database."""
    made = make_engine(database_url)
    yield made
    made.dispose()


@pytest.fixture(scope="session")
def _rolled_back(clone_database: CloneDatabase) -> Iterator[Engine]:
    """An engine on one database of all tests that leave nothing behind."""
    with clone_database() as url:
        made = make_engine(url)

        @event.listens_for(made, "commit")
        def refuse(_connection: Connection) -> None:
            raise AssertionError("a test that commits needs the fixture 'engine'")

        yield made
        made.dispose()


@pytest.fixture
def connection(request: pytest.FixtureRequest) -> Iterator[Connection]:
    """A connection, rolled back at the end: on the test's own database where it has one, else on one of all tests."""
    is_own = {"engine", "database_url", "settings"} & set(request.fixturenames)
    engine: Engine = request.getfixturevalue("engine" if is_own else "_rolled_back")
    with engine.connect() as made:
        yield made
        made.rollback()


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """Settings of a deployment in a temporary folder."""
    return Settings(home=tmp_path / "home", database_url=database_url)
