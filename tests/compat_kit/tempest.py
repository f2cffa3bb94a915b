"""Tempest's tests of the Networking API, and neutron-tempest-plugin's, against a controller with nodes that only talk.

`./run tempest` does it; docs/api.md says what comes of it.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx

from compat_kit.clients import Client
from compat_kit.controller import START_SECONDS, Controller
from compat_kit.nodes import TalkingNode
from futago.values import Role

TEMPEST = Client("tempest", "47.0.0", ("tempest==47.0.0", "neutron-tempest-plugin==3.3.0"))
SUITES = {
    "core": r"^tempest\.api\.network\.",
    "plugin": r"^neutron_tempest_plugin\.api\.",
}
PHYSICAL_NETWORK = "external1"
_SETTINGS = f"""
network_vlan_ranges = ["{PHYSICAL_NETWORK}:2000:2999"]
[quotas]
router = 100
"""
_NODES = (("server7", Role.ACTIVE), ("server8", Role.BACKUP))

_CONFIGURATION = """
[DEFAULT]
log_dir = {directory}
log_file = tempest.log
[oslo_concurrency]
lock_path = {directory}
[auth]
use_dynamic_credentials = True
create_isolated_networks = False
admin_username = admin
admin_password = {password}
admin_project_name = admin
admin_domain_name = Default
tempest_roles = member
[identity]
auth_version = v3
uri_v3 = {url}/identity/v3
v3_endpoint_type = public
region = RegionOne
[identity-feature-enabled]
trust = False
[service_available]
neutron = True
nova = False
glance = False
cinder = False
swift = False
[network]
public_network_id = {network[id]}
floating_network_name = {network[name]}
project_network_cidr = 10.100.0.0/16
project_network_mask_bits = 28
endpoint_type = public
[network-feature-enabled]
ipv6 = True
ipv6_subnet_attributes = True
api_extensions = {extensions}
[neutron_plugin_options]
provider_vlans = {physical_network}
available_type_drivers = flat,vlan,gre,vxlan
agent_availability_zone = nova
l3_agent_mode = legacy
create_shared_resources = True
max_mtu = 9000
"""

_STESTR = """
[DEFAULT]
test_path = {tests}/test_discover
top_dir = {above}
group_regex = ([^\\.]*\\.)*
"""


@contextmanager
def cloud(directory: Path) -> Iterator[Controller]:
    """A controller that has VLANs, and two network nodes."""
    settings = directory / "controller.toml"
    settings.write_text(_SETTINGS)
    controller = Controller(directory / "state", "--config", str(settings))
    with ExitStack() as stack:
        stack.callback(controller.close)
        controller.start()
        for number, (name, role) in enumerate(_NODES, start=7):
            token = controller.join_token()
            node = TalkingNode(controller.url, token, name, number=number, roles=("l3", "dhcp"), role=role)
            stack.enter_context(node)
        yield controller


def configure(controller: Controller, executables: Path, directory: Path) -> dict[str, str]:
    """Write what tempest and its runner read; the environment in which they find it."""
    with httpx.Client(
        base_url=f"{controller.url}/v2.0", headers={"X-Auth-Token": controller.token()}, timeout=START_SECONDS
    ) as http:
        known = http.get("/extensions").raise_for_status().json()["extensions"]
        text = _CONFIGURATION.format(
            directory=directory,
            url=controller.url,
            password=(controller.state / "admin-password").read_text().strip(),
            network=_external(http),
            extensions=",".join(sorted(extension["alias"] for extension in known)),
            physical_network=PHYSICAL_NETWORK,
        )
    (directory / "tempest.conf").write_text(text)
    where = "import tempest; print(tempest.__path__[0])"
    found = subprocess.run([executables / "python", "-c", where], capture_output=True, text=True, check=True).stdout
    tests = Path(found.strip())
    (directory / ".stestr.conf").write_text(_STESTR.format(tests=tests, above=tests.parent))
    return {
        "TEMPEST_CONFIG": "tempest.conf",
        "TEMPEST_CONFIG_DIR": str(directory),
        "PATH": f"{executables}:{os.environ['PATH']}",
        "PYTHONWARNINGS": "ignore",
    }


def _external(http: httpx.Client) -> dict[str, Any]:
    """The default network outside; and a default subnet pool, for who asks for a topology."""
    pool = {
        "name": "default",
        "prefixes": ["10.128.0.0/16"],
        "default_prefixlen": 26,
        "shared": True,
        "is_default": True,
    }
    http.post("/subnetpools", json={"subnetpool": pool}).raise_for_status()
    body: dict[str, Any] = {
        "name": "public",
        "router:external": True,
        "is_default": True,
        "provider:network_type": "flat",
        "provider:physical_network": PHYSICAL_NETWORK,
    }
    network: dict[str, Any] = http.post("/networks", json={"network": body}).raise_for_status().json()["network"]
    subnet = {"network_id": network["id"], "ip_version": 4, "cidr": "10.0.80.0/24", "enable_dhcp": False}
    http.post("/subnets", json={"subnet": subnet}).raise_for_status()
    return network


def main() -> int:
    parser = argparse.ArgumentParser(prog="./run tempest", description="Tempest's tests of the Networking API.")
    parser.add_argument("--suite", choices=SUITES, default="plugin", help="tempest's own, or neutron-tempest-plugin's")
    parser.add_argument("--keep", type=Path, metavar="DIRECTORY", help="leave logs and results there")
    parser.add_argument("tests", nargs="*", metavar="REGEX", help="only these (default: the whole suite)")
    options = parser.parse_args()
    with ExitStack() as stack:
        directory = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="futago-tempest-")))
        directory = directory.absolute()
        directory.mkdir(parents=True, exist_ok=True)
        executables = TEMPEST.install()
        controller = stack.enter_context(cloud(directory))
        environment = os.environ | configure(controller, executables, directory)
        command = [str(executables / "stestr"), "run", "--concurrency=1", *(options.tests or [SUITES[options.suite]])]
        return subprocess.run(command, env=environment, cwd=directory, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
