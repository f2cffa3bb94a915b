"""A network node with a router, a DHCP server and an external host; a compute node with one instance, online."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from futago.contract.specs import Spec
from host.node_kit import FUTAGO, Hosts, ThrowAwayHost, wait_until
from host.node_specs import VM, VM_MAC, compute_node, gateway_node

GATEWAY, OUTSIDE_HOST, FLOATING = "192.168.80.1", "10.0.80.1", "10.0.80.110"
Pair = tuple[ThrowAwayHost, ThrowAwayHost]


@contextmanager
def online(gateway: Iterable[Spec] | None = None, compute: Iterable[Spec] | None = None) -> Iterator[Pair]:
    """Both hosts with their agents (and other specs, if given); the instance reaches the outside."""
    with Hosts("gw", "vm") as (gw, vm):
        gw.add_provider("br-ex1", "outside", f"{OUTSIDE_HOST}/24")
        gw.write_config(roles='["l3", "dhcp"]', bridge_mappings='{external1 = "br-ex1"}')
        gw.save_specs(gateway_node() if gateway is None else gateway)
        vm.write_config()
        vm.save_specs(compute_node() if compute is None else compute)
        gw.start_agent()
        vm.start_agent()
        wait_until(lambda: vm.succeeds("ovs-vsctl br-exists br-int"), "the compute node has its bridge")
        plug(vm)
        wait_until(lambda: vm.succeeds(f"ip netns exec vm1 ping -c1 -W1 {OUTSIDE_HOST}"), "the instance is online")
        yield gw, vm


def plug(vm: ThrowAwayHost) -> None:
    """The instance, in a namespace of its own; one that is there is plugged again."""
    vm.run("ip netns add vm1 2>/dev/null || true")
    vm.run(f"{FUTAGO} port plug {VM} --netns vm1 --ifname eth0 --mac {VM_MAC} --mtu 1450")
    vm.run("ip -n vm1 addr replace 192.168.80.10/24 dev eth0 && ip -n vm1 route replace default via 192.168.80.1")
