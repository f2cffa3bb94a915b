"""The ports of security groups, as the store keeps them: always what the ports themselves say."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from msgspec.structs import replace
from sqlalchemy import create_engine, text

from futago.controller.resources.service_ports import remove_port
from futago.controller.store import database as databases
from futago.controller.store.database import Database
from futago.controller.store.port_rows import GroupPort
from futago.controller.store.rows import Network, Port
from futago.values import Mac

PORT = Port(id="port", project_id="p", network_id="n", mac_address=Mac("02:00:00:00:00:01"))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path}/futago.db")
    database.migrate()
    with database.write() as txn:
        txn.add(Network(id="n", project_id="p", mtu=1450))
        txn.add(PORT)
    yield database
    database.close()


def changed(database: Database, **values: object) -> set[tuple[str, str]]:
    """The port has these values now; its groups, each with the host where its rules have to be."""
    with database.write() as txn:
        (port,) = txn.find(Port)
        txn.replace(port, replace(port, **values))
        return {(row.security_group_id, row.host_id) for row in txn.find(GroupPort, port_id="port")}


def test_they_follow_the_port(database: Database) -> None:
    assert changed(database, security_group_ids=("a", "b", "a")) == {("a", ""), ("b", "")}
    assert changed(database, host_id="h") == {("a", "h"), ("b", "h")}
    assert changed(database, security_group_ids=("b", "c")) == {("b", "h"), ("c", "h")}
    assert changed(database, port_security_enabled=False) == {("b", ""), ("c", "")}
    assert changed(database, port_security_enabled=True, device_owner="network:dhcp") == {("b", ""), ("c", "")}
    assert changed(database, device_owner="compute:nova", host_id="other") == {("b", "other"), ("c", "other")}
    with database.write() as txn:
        remove_port(txn, txn.find(Port)[0])
        assert txn.find(GroupPort) == []


def test_a_store_of_an_earlier_version_gets_what_its_ports_say(tmp_path: Path) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(databases.__file__).parent / "migrations"))
    path = f"sqlite:///{tmp_path}/old.db"
    with create_engine(path).connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
    database = Database(path)
    with database.write() as txn:
        txn.add(Network(id="n", project_id="p", mtu=1450))
        txn.add(replace(PORT, security_group_ids=("a", "b"), host_id="h"))
        dhcp = {"id": "dhcp", "mac_address": Mac("02:00:00:00:00:02"), "device_owner": "network:dhcp"}
        txn.add(replace(PORT, **dhcp, security_group_ids=("a",), host_id="h"))
        kept = {(row.security_group_id, row.port_id, row.host_id) for row in txn.find(GroupPort)}
    database.close()
    with create_engine(path).connect() as connection:
        config.attributes["connection"] = connection
        connection.execute(text("DROP TABLE group_ports"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0031'"))
        connection.commit()
        command.upgrade(config, "0032")
        found = connection.execute(text("SELECT security_group_id, port_id, host_id FROM group_ports"))
        assert set(map(tuple, found)) == kept == {("a", "port", "h"), ("b", "port", "h"), ("a", "dhcp", "")}
