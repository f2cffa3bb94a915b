"""More routers in a lab, each with a gateway, so that a node has many to fail over."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from futago.lab.api import Api
from futago.lab.demo import walkthrough
from futago.lab.drill.scene import Scene

CIDR: Final = "10.0.84.0/22"
GATEWAY: Final = "10.0.84.1"
_SUBNET: Final = "crowd"


def add(scene: Scene, number: int, tell: Callable[[str], None]) -> None:
    """Bring the further routers of the scene to `number`; those that are there from an earlier drill are found."""
    api = scene.lab.api()
    subnet = _subnet(scene, api)
    found = {str(router["name"]): router for router in api.list("routers")}
    names = [f"crowd{count}" for count in range(1, number + 1)]
    missing = [name for name in names if name not in found]
    if missing:
        tell(f"making {len(missing)} further routers")
        api.update("quotas", api.project_id("admin"), router=-1, port=-1)
    with ThreadPoolExecutor(max_workers=4) as pool:
        for made in pool.map(lambda name: _make(api, name, subnet), missing):
            found[str(made["name"])] = made
    scene.crowd = {str(found[name]["id"]): walkthrough.outside_address(found[name]) for name in names}


def _subnet(scene: Scene, api: Api) -> tuple[str, str]:
    """The network and a subnet that has room for all; the host outside is its gateway."""
    network = str(api.find("networks", walkthrough.EXTERNAL_NETWORK)["id"])
    scene.lab.exec("ext", ["ip", "addr", "replace", f"{GATEWAY}/22", "dev", "eth1"])
    there = api.list("subnets", name=_SUBNET)
    if there:
        return network, str(there[0]["id"])
    fields = {"network_id": network, "ip_version": 4, "cidr": CIDR, "gateway_ip": GATEWAY, "enable_dhcp": False}
    return network, str(api.create("subnets", **{"name": _SUBNET} | fields)["id"])


def _make(api: Api, name: str, subnet: tuple[str, str]) -> dict[str, object]:
    network_id, subnet_id = subnet
    gateway = {"network_id": network_id, "external_fixed_ips": [{"subnet_id": subnet_id}]}
    return api.create("routers", name=name, external_gateway_info=gateway)
