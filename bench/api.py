"""The API: latency of one client, throughput of eight, memory, and the same again in a large cloud."""

import argparse
import os
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table
from sqlalchemy import create_engine, text

import _kit
from compat_kit.controller import Controller
from compat_kit.nodes import TalkingNode
from database_kit import Postgres
from futago.config import ControllerConfig
from futago.controller.main import open_database
from futago.controller.resources.quota import DEFAULTS
from futago.controller.store.rows import FixedIp, Port
from futago.values import IPv4Address, Mac, Role
from raw_http import Client, Refused, Step, timed, together

CLIENTS = 8
LISTED = 1000
SMALL, LARGE = 500, 50_000
PAGE = 100
BUSY_SECONDS = 0.1
NETWORKS = 50
"""For the routers of one client."""


@dataclass(frozen=True)
class Deed:
    """Something to measure, and what it is measured against."""

    name: str
    step: Callable[["Cloud", Client], Step]
    neutron: tuple[str, str]
    """Neutron 29 on a machine of the same kind: milliseconds, and how often a second."""
    target: tuple[str, str]
    rounds: int = 60


class Cloud:
    """What the requests are about."""

    def __init__(self, controller: Controller) -> None:
        self.controller = controller
        self.token = controller.token()
        api = self.client()
        self.project = api.call("GET", "/v2.0/quotas/tenant")["tenant"]["tenant_id"]
        api.call("PUT", f"/v2.0/quotas/{self.project}", {"quota": dict.fromkeys(DEFAULTS, -1)})
        outside = {"router:external": True, "provider:network_type": "flat", "provider:physical_network": "external1"}
        self.external = self.network(api, "10.64.0.0/12", outside)[0]
        self.network_id, self.subnet_id = self.network(api, "10.16.0.0/12", {})
        self.port_id = self.port(api)

    def client(self) -> Client:
        """A connection of its own."""
        return Client(self.controller.port, self.token)

    def network(self, api: Client, cidr: str, attributes: dict[str, object]) -> tuple[str, str]:
        """A network and its subnet."""
        network = api.call("POST", "/v2.0/networks", {"network": attributes})["network"]["id"]
        body = {"network_id": network, "cidr": cidr, "ip_version": 4, "enable_dhcp": False}
        return network, api.call("POST", "/v2.0/subnets", {"subnet": body})["subnet"]["id"]

    def port(self, api: Client, network_id: str = "") -> str:
        body = {"port": {"network_id": network_id or self.network_id}}
        found: str = api.call("POST", "/v2.0/ports", body)["port"]["id"]
        return found


def create_network(_cloud: Cloud, client: Client) -> Step:
    return timed(client.prepared("POST", "/v2.0/networks", {"network": {"name": "bench"}}))


def create_port(cloud: Cloud, client: Client) -> Step:
    return timed(client.prepared("POST", "/v2.0/ports", {"port": {"network_id": cloud.network_id}}))


def create_floating_ip(cloud: Cloud, client: Client) -> Step:
    body = {"floatingip": {"floating_network_id": cloud.external}}
    return timed(client.prepared("POST", "/v2.0/floatingips", body))


def get_port(cloud: Cloud, client: Client) -> Step:
    return timed(client.prepared("GET", f"/v2.0/ports/{cloud.port_id}"))


def list_ports(_cloud: Cloud, client: Client) -> Step:
    return timed(client.prepared("GET", f"/v2.0/ports?limit={LISTED}"))


def page_of_ports(_cloud: Cloud, client: Client) -> Step:
    return timed(client.prepared("GET", f"/v2.0/ports?limit={PAGE}"))


def router(cloud: Cloud, client: Client) -> Step:
    """A router, an interface, a gateway; the networks that they join are made beforehand."""
    subnets = [cloud.network(client, "192.168.80.0/24", {})[1] for _ in range(NETWORKS)]
    gateway = {"router": {"external_gateway_info": {"network_id": cloud.external}}}

    def step(client: Client) -> float:
        subnet = subnets.pop() if subnets else cloud.network(client, "192.168.80.0/24", {})[1]
        made = client.prepared("POST", "/v2.0/routers", {"router": {}})
        began = time.perf_counter()
        router_id = client.send(made).partition(b'"id":"')[2][:36].decode()
        spent = time.perf_counter() - began
        for request in (
            client.prepared("PUT", f"/v2.0/routers/{router_id}/add_router_interface", {"subnet_id": subnet}),
            client.prepared("PUT", f"/v2.0/routers/{router_id}", gateway),
        ):
            spent += timed(request)(client)
        return spent

    return step


DEEDS = (
    Deed("create network", create_network, ("46", "31"), ("3", "400")),
    Deed("create port", create_port, ("121", "8.9"), ("4", "300")),
    Deed("create floating IP", create_floating_ip, ("235", "6.4"), ("5", "250")),
    Deed("get port", get_port, ("13", "116"), ("1.5", "900"), rounds=300),
    Deed(f"list {LISTED:,} ports", list_ports, ("760", "2.3"), ("25", "45")),
    Deed("router, interface, gateway", router, ("5500", "0.2"), ("20", "60"), rounds=20),
)


def main() -> None:
    chosen = _options()
    table = Table(title=f"Latency of one client (median), and how often a second with {CLIENTS} clients")
    for column in (
        "",
        "SQLite ms",
        "/s",
        "CPU ms",
        "PostgreSQL ms",
        "/s",
        "CPU ms",
        "Neutron 29 ms",
        "/s",
        "target ms",
        "/s",
    ):
        table.add_column(column, justify="left" if not column else "right")
    found = {kind: measured(kind, chosen) for kind in chosen.databases}
    nothing = ("", "", "")
    for deed in DEEDS:
        cells = [cell for kind in ("sqlite", "postgresql") for cell in found.get(kind, {}).get(deed.name, nothing)]
        if any(cells):
            table.add_row(deed.name, *cells, *deed.neutron, *deed.target)
    cells = [cell for kind in ("sqlite", "postgresql") for cell in found.get(kind, {}).get("memory", nothing)]
    table.add_row("controller, PSS in MiB", *cells, "1331", "", "120", "")
    _kit.console.print(table)
    if not chosen.no_scale:
        _kit.console.print(scale(chosen))


def measured(kind: str, chosen: argparse.Namespace) -> dict[str, tuple[str, str, str]]:
    """The figures on one kind of database."""
    found: dict[str, tuple[str, str, str]] = {}
    with controller(kind) as running, nodes(running):
        cloud = Cloud(running)
        for deed in DEEDS:
            if not any(word in deed.name for word in chosen.only):
                continue
            if deed.step is list_ports:
                _fill_up(cloud)
            spent, processor = latency(cloud, deed)
            rate = throughput(cloud, deed, chosen.seconds)
            found[deed.name] = f"{1000 * spent:.2f}", f"{rate:.0f}", f"{1000 * processor:.2f}"
            _kit.console.print(f"{kind}: {deed.name}: {found[deed.name]}")
        found["memory"] = f"{running.pss_mib():.0f}", "", ""
    return found


def latency(cloud: Cloud, deed: Deed) -> tuple[float, float]:
    """The median, and the controller's processor time for each, in seconds; some first ones do not count."""
    client = cloud.client()
    step = deed.step(cloud, client)
    for _ in range(5):
        step(client)
    before = processor_seconds(cloud.controller.process.pid)
    spent = statistics.median(step(client) for _ in range(deed.rounds))
    return spent, (processor_seconds(cloud.controller.process.pid) - before) / deed.rounds


def processor_seconds(pid: int) -> float:
    """What a process has taken, on its own account and in the kernel."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def throughput(cloud: Cloud, deed: Deed, seconds: float) -> float:
    def work(_number: int) -> Iterator[None]:
        client = cloud.client()
        step = deed.step(cloud, client)
        while True:
            yield
            step(client)

    return together(CLIENTS, seconds, work)


def scale(chosen: argparse.Namespace) -> Table:
    """The same requests in a small and in a large cloud."""
    table = Table(title="Milliseconds (median) as the cloud grows; the ratio is to stay below 1.5")
    for column in ("", f"{SMALL} ports", f"{LARGE:,} ports", "ratio"):
        table.add_column(column, justify="left" if not column else "right")
    for kind in chosen.databases:
        before, after = (grown(kind, ports) for ports in (SMALL, LARGE))
        for name in before:
            ratio = after[name] / before[name]
            table.add_row(f"{kind}: {name}", f"{before[name]:.2f}", f"{after[name]:.2f}", f"{ratio:.2f}")
    return table


def grown(kind: str, ports: int) -> dict[str, float]:
    deeds = {"create port": create_port, f"list {PAGE} ports": page_of_ports}
    with controller(kind) as running, nodes(running):
        cloud = Cloud(running)
        running.stop()
        fill(running, cloud, ports)
        running.start()
        page_of_ports(cloud, cloud.client())(cloud.client())
        return {
            name: 1000 * latency(cloud, Deed(name, step, ("", ""), ("", ""), rounds=150))[0]
            for name, step in deeds.items()
        }


def fill(running: Controller, cloud: Cloud, ports: int) -> None:
    """Put so many ports into the store of a controller that is down."""
    database = open_database(settings(running))
    first = IPv4Address("10.16.1.0")
    for start in range(0, ports, 1000):
        with database.write() as txn:
            for number in range(start, min(start + 1000, ports)):
                port = Port(
                    id=str(uuid.uuid4()),
                    project_id=cloud.project,
                    network_id=cloud.network_id,
                    mac_address=Mac(":".join(f"{byte:02x}" for byte in (0x02, 0, *number.to_bytes(4, "big")))),
                )
                txn.add(port)
                address = FixedIp(
                    subnet_id=cloud.subnet_id, ip_address=first + number, network_id=cloud.network_id, port_id=port.id
                )
                txn.add(address)
    if database.dialect == "postgresql":
        _renew_statistics(settings(running).store_url)
    database.close()


def _renew_statistics(url: str) -> None:
    """As PostgreSQL itself does within a minute: so many rows at once are not how a cloud grows."""
    engine = create_engine(url)
    with engine.connect() as connection:
        connection.execute(text("ANALYZE"))
        connection.commit()
    engine.dispose()


def _fill_up(cloud: Cloud) -> None:
    """There are as many ports as are listed, at the least."""
    client = cloud.client()
    have = len(client.call("GET", f"/v2.0/ports?fields=id&limit={LISTED}")["ports"])
    for _ in range(LISTED - have):
        cloud.port(client)


@contextmanager
def controller(kind: str) -> Iterator[Controller]:
    """A controller on a new database."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="futago-bench-")))
        lines = ['metrics_address = ""', 'tenant_network_types = ["vxlan"]', 'vni_ranges = ["1:16000000"]']
        if kind == "postgresql":
            server = stack.enter_context(Postgres(durable=True))
            lines.append(f'database_url = "{server.database()}"')
        (directory / "controller.toml").write_text("\n".join(lines))
        made = Controller(directory / "state", "--config", str(directory / "controller.toml"))
        made.start()
        stack.callback(made.close)
        yield made


def settings(running: Controller) -> ControllerConfig:
    from futago.config import load

    return load(running.state.parent / "controller.toml", ControllerConfig, {"state_path": str(running.state)})


@contextmanager
def nodes(running: Controller) -> Iterator[None]:
    """Two network nodes that report; a real one takes no less to make a router, and hears of others meanwhile."""
    with ExitStack() as stack:
        for number, role in ((1, Role.ACTIVE), (2, Role.BACKUP)):
            stack.enter_context(
                TalkingNode(
                    running.url,
                    running.join_token(),
                    f"net{number}",
                    number=number,
                    roles=("l3", "dhcp"),
                    role=role,
                    busy_seconds=BUSY_SECONDS,
                )
            )
        yield


def _options() -> argparse.Namespace:
    options = argparse.ArgumentParser(prog="./run bench api", description=__doc__)
    options.add_argument("--databases", type=lambda text: text.split(","), default=["sqlite", "postgresql"])
    options.add_argument("--seconds", type=float, default=4.0, help="of throughput, for each figure")
    options.add_argument("--only", type=lambda text: text.split(","), default=[""], help="words of what to measure")
    options.add_argument("--no-scale", action="store_true", help="leave the large cloud out")
    return options.parse_args()


if __name__ == "__main__":
    try:
        _kit.run(main)
    except Refused as error:
        raise SystemExit(f"bench: {error}") from error
