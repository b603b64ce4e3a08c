"""What every test may ask for: a kind of database, an empty one of that kind, a Redis.

A test that uses `database_kind`, itself or through another fixture, runs once on each kind that
`--database` names. Servers are started once for the run, and only those that it may need.
"""

import argparse
import asyncio
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import get_args

import pytest
import xdist

from tests.support.databases import KINDS, Databases, Kind
from tests.support.environ import environ
from tests.support.fleet import Fleet
from tests.support.holding import forbid_waiting_in_transactions
from tests.support.patience import patient_service
from tests.support.redis_process import OwnRedis
from tests.support.selection import (
    database_of,
    databases_of,
    keep,
    sample,
    spread_slow_tests,
)
from tests.support.servers import ServerKind, UnreachableServerError
from tests.support.service import migrate
from tests.support.summary import Summary
from tests.support.temporary import keep_temporary_files_in_memory

FLEET = pytest.StashKey[Fleet]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database",
        type=_kinds,
        default=KINDS,
        metavar="KINDS",
        help="the databases to test on: all (default), or some of sqlite,postgresql,mariadb",
    )
    parser.addoption(
        "--sample",
        action="store_true",
        help="leave out slow tests and faults, and of tests on a database some parameters; run one"
        " on all databases only where they decide what it shows, else on one that its name chooses",
    )


def _kinds(words: str) -> tuple[Kind, ...]:
    named = set(words.split(","))
    if named == {"all"}:
        return KINDS
    if unknown := named.difference(KINDS):
        raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: not one of {KINDS}")
    return tuple(kind for kind in KINDS if kind in named)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "databases(*kinds): the test is about these kinds of database only"
    )
    config.addinivalue_line("markers", "every_database: the database decides what the test shows")
    config.addinivalue_line(
        "markers", "slow: the test waits, or starts processes, and takes a second or more"
    )
    config.addinivalue_line(
        "markers", "faults: the test kills, stops or starves what is real, and takes a while"
    )
    if hasattr(config, "workerinput"):
        config.stash[FLEET] = Fleet.from_wire(config.workerinput["fleet"])
        return
    keep_temporary_files_in_memory()
    fleet = config.stash[FLEET] = Fleet()
    config.add_cleanup(fleet.stop)
    config.pluginmanager.register(Summary(fleet.servers, fleet.missing))


def pytest_sessionstart(session: pytest.Session) -> None:
    """Start the servers before xdist's workers, who collect for themselves, set out."""
    if xdist.is_xdist_controller(session):
        _start(session.config, {*session.config.getoption("database"), "redis"})


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: "xdist.workermanage.WorkerController") -> None:
    """Tell a worker where the servers are."""
    node.workerinput["fleet"] = node.config.stash[FLEET].to_wire()


def pytest_itemcollected(item: pytest.Item) -> None:
    """Note the test's database where its report carries it to the summary."""
    if kind := database_of(item):
        item.user_properties.append(("database", kind))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Start the servers that the chosen tests need, where one process does everything."""
    if xdist.is_xdist_worker(session) or xdist.is_xdist_controller(session):
        return
    if not session.config.getoption("collectonly"):
        needed = {kind for item in session.items for kind in databases_of(item)}
        needed |= {"redis" for item in session.items if "redis_url" in _fixtures_of(item)}
        _start(session.config, needed)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run that was to be complete and was not."""
    missing = session.config.stash[FLEET].missing
    if missing and os.environ.get("GATEPOST_TEST_REQUIRE_ALL") and not session.exitstatus:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "database_kind" in metafunc.fixturenames:
        marker = metafunc.definition.get_closest_marker("databases")
        kinds = marker.args if marker else KINDS
        metafunc.parametrize("database_kind", kinds, indirect=True, scope="session")
    own = [mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")]
    if "target_kind" in metafunc.fixturenames and "target_kind" not in own:
        metafunc.parametrize("target_kind", KINDS)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests of databases that `--database` does not name, and order the others."""
    chosen: tuple[Kind, ...] = config.getoption("database")
    kept = [item for item in items if databases_of(item) <= set(chosen)]
    if config.getoption("sample"):
        kept = sample(kept, chosen)
    keep(items, kept, config)
    if hasattr(config, "workerinput"):
        spread_slow_tests(items)


def _start(config: pytest.Config, kinds: Iterable[str | None]) -> None:
    servers: tuple[ServerKind, ...] = get_args(ServerKind)
    try:
        config.stash[FLEET].start([kind for kind in servers if kind in kinds])
    except UnreachableServerError as error:
        pytest.exit(str(error), pytest.ExitCode.USAGE_ERROR)


def _fixtures_of(item: pytest.Item) -> list[str]:
    return item.fixturenames if isinstance(item, pytest.Function) else []


@pytest.fixture(scope="session", autouse=True)
def patience() -> Iterator[None]:
    """No test fails because the machine is busy."""
    with patient_service():
        yield


@pytest.fixture(scope="session", autouse=True)
def nothing_held() -> Iterator[None]:
    """Whoever waits for something while they hold a transaction fails, whatever the store is."""
    with forbid_waiting_in_transactions():
        yield


@pytest.fixture(autouse=True)
def environ_as_found() -> Iterator[None]:
    """Fail a test that leaves the environment changed: the next one would read it as settings."""
    before = environ()
    yield
    assert environ() == before


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio, which is what the service runs on."""
    return "asyncio"


@pytest.fixture(scope="session")
def database_kind(request: pytest.FixtureRequest) -> Kind:
    """The kind of database that the test runs on."""
    kind: Kind = request.param
    return kind


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    """The databases that this process makes, dropped at its end."""
    made = Databases()
    yield made
    made.drop_all()


@pytest.fixture(scope="session")
def database_server(database_kind: Kind, pytestconfig: pytest.Config, sqlite_folder: Path) -> str:
    """The URL that a database of the kind is made at."""
    return (
        f"sqlite:///{sqlite_folder}"
        if database_kind == "sqlite"
        else _url_of(database_kind, pytestconfig)
    )


@pytest.fixture(scope="session")
def sqlite_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where SQLite's files are."""
    return tmp_path_factory.mktemp("sqlite")


@pytest.fixture(scope="session")
def database_url(database_kind: Kind, database_server: str, databases: Databases) -> str:
    """The `DATABASE_URL` of this process's lasting database of the kind, empty at first."""
    return databases.keep(database_kind, database_server)


@pytest.fixture(scope="session")
def migrated_url(database_url: str) -> str:
    """A database at the head of the migrations, which this process's tests share."""
    asyncio.run(migrate(database_url))
    return database_url


@pytest.fixture
def fresh_database_url(
    database_kind: Kind, database_server: str, databases: Databases
) -> Iterator[str]:
    """The `DATABASE_URL` of an empty database that only this test has."""
    url = databases.make(database_kind, database_server)
    yield url
    databases.drop(url)


@pytest.fixture
def target_url(
    target_kind: Kind, pytestconfig: pytest.Config, sqlite_folder: Path, databases: Databases
) -> Iterator[str]:
    """Another empty database that only this test has, on each kind in turn."""
    server = (
        f"sqlite:///{sqlite_folder}"
        if target_kind == "sqlite"
        else _url_of(target_kind, pytestconfig)
    )
    url = databases.make(target_kind, server)
    yield url
    databases.drop(url)


@pytest.fixture(scope="session")
def redis_url(pytestconfig: pytest.Config) -> str:
    """The `REDIS_URL` of a numbered database that no other process of the tests has."""
    url = _url_of("redis", pytestconfig)
    number = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    return f"{url}{'&' if '?' in url else '?'}db={number}"


def _url_of(kind: str, config: pytest.Config) -> str:
    fleet = config.stash[FLEET]
    if kind in fleet.missing:
        pytest.skip(fleet.missing[kind])
    return fleet.servers[kind].url


@pytest.fixture
def own_redis() -> Iterator[OwnRedis]:
    """A Redis server that the test starts, and may stop, freeze and start again."""
    with OwnRedis() as server:
        yield server


@pytest.fixture
def started_redis(own_redis: OwnRedis) -> OwnRedis:
    """The same, started."""
    own_redis.start()
    return own_redis
