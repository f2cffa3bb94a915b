"""The bound below which nothing is free: it is never above what is."""

import random
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path

import pytest

from database_kit import sqlite
from futago.controller import allocate
from futago.controller.resources import errors
from futago.controller.resources.service_ports import add_port, remove_port
from futago.controller.store.database import Database, Transaction
from futago.controller.store.lowest_free import addresses_of, bound, known
from futago.controller.store.rows import FixedIp, Network, Port, Subnet
from futago.values import IPNetwork

NETWORK = Network(id="n", project_id="p", mtu=1450)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return sqlite(tmp_path / "futago.db")


def subnet(txn: Transaction, cidr: IPNetwork) -> Subnet:
    txn.add(NETWORK)
    gateway = allocate.hosts(cidr).start
    pools = allocate.default_pools(cidr, gateway)
    row = Subnet(
        id="s", project_id="p", network_id="n", ip_version=cidr.version, cidr=cidr, gateway_ip=gateway,
        allocation_pools=pools,
    )  # fmt: skip
    return txn.add(row)


def port(txn: Transaction, of: Subnet, address: IPv4Address | IPv6Address | None = None) -> Port:
    return add_port(txn, network=NETWORK, project_id="p", device_owner="", device_id="", addresses=[(of, address)])


@pytest.mark.parametrize("cidr", [IPv4Network("10.0.0.0/26"), IPv6Network("fd00::/122")])
def test_the_lowest_free_address_is_given_whatever_came_and_went(database: Database, cidr: IPNetwork) -> None:
    draw = random.Random(1)
    with database.write() as txn:
        own = subnet(txn, cidr)
        held: list[Port] = []
        for _ in range(400):
            taken = {row.ip_address for row in txn.find(FixedIp)} | {own.gateway_ip}
            free = [address for address in allocate.addresses(own.allocation_pools, 0) if address not in taken]
            assert not free or int(free[0]) >= bound(known(txn, addresses_of("s")))
            if held and (not free or draw.random() < 0.4):
                remove_port(txn, held.pop(draw.randrange(len(held))))
            elif draw.random() < 0.2:
                held.append(port(txn, own, draw.choice(free)))
            else:
                held.append(port(txn, own))
                assert txn.find(FixedIp, port_id=held[-1].id)[0].ip_address == free[0]
        assert bound(known(txn, addresses_of("s"))) > 0


def test_a_subnet_that_is_used_up_says_so_until_something_is_given_back(database: Database) -> None:
    with database.write() as txn:
        own = subnet(txn, IPv4Network("10.0.0.0/28"))
        held = [port(txn, own) for _ in range(13)]
        with pytest.raises(errors.IpAddressGenerationFailure):
            port(txn, own)
        remove_port(txn, held[4])
        assert txn.find(FixedIp, port_id=port(txn, own).id)[0].ip_address == IPv4Address("10.0.0.6")
