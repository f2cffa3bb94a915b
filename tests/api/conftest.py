"""The API in process: a temporary SQLite, two projects with an admin, members and a reader."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from api_kit import ADMIN, Client, Tokens
from database_kit import Postgres, migrate, name_in, sqlite_url
from futago.config import ControllerConfig
from futago.contract.report import NodeFacts
from futago.controller.agent_types import AGENT_TYPES
from futago.controller.api.app import build_api
from futago.controller.store.database import Database, now_text
from futago.controller.store.rows import Node
from futago.values import IPv4Address


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """All tests run on SQLite, those marked so on PostgreSQL, too."""
    if "database_url" in metafunc.fixturenames:
        marked = metafunc.definition.get_closest_marker("each_database") is not None
        metafunc.parametrize("database_url", ["sqlite", *(["postgresql"] if marked else [])], indirect=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL of our own."""
    with Postgres() as server:
        yield server


@pytest.fixture(scope="session")
def empty_postgresql(postgres: Postgres) -> str:
    """The name of a migrated database there."""
    url = postgres.database()
    migrate(url)
    return name_in(url)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A new database of the kind that the test runs on."""
    if request.param == "sqlite":
        yield sqlite_url(tmp_path / "futago.db")
        return
    server = request.getfixturevalue("postgres")
    url = server.database(request.getfixturevalue("empty_postgresql"))
    yield url
    server.drop(url)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.close()


@pytest.fixture
def config() -> ControllerConfig:
    return ControllerConfig()


@pytest.fixture
def as_(database: Database, config: ControllerConfig) -> Callable[[str], Client]:
    """A client with the token of whoever is named."""
    app = Starlette(routes=build_api(database, config, Tokens()))
    http = TestClient(app, raise_server_exceptions=False, base_url="http://controller:9696")
    return lambda who: Client(http, who)


@pytest.fixture
def admin(as_: Callable[[str], Client]) -> Client:
    return as_(ADMIN)


@pytest.fixture
def member(as_: Callable[[str], Client]) -> Client:
    return as_("member")


@pytest.fixture
def stranger(as_: Callable[[str], Client]) -> Client:
    """A member of another project."""
    return as_("stranger")


@pytest.fixture
def two_network_nodes(database: Database) -> tuple[str, str]:
    """Two living nodes that carry routers and DHCP."""
    for position, name in enumerate(("net1", "net2"), start=1):
        with database.write() as txn:
            txn.add(_node(name, position))
    return "net1", "net2"


def _node(name: str, position: int) -> Node:
    facts: dict[str, Any] = {
        "roles": ("l3", "dhcp", "metadata"),
        "tunnel_address": IPv4Address(f"172.31.0.{position}"),
        "tunnel_types": ("vxlan",),
        "bridge_mappings": {"external1": "br-ex1"},
        "datapath_type": "netdev",
        "version": "0.1.0",
    }
    return Node(
        name=name,
        credential_hash="",
        agent_ids={
            agent_type: f"00000000-0000-4000-8000-{position:06}{i:06}" for i, agent_type in enumerate(AGENT_TYPES)
        },
        facts=NodeFacts(**facts),
        created_at=now_text(),
        started_at=now_text(),
        heartbeat_at=time.time() + 3600,
    )
