"""Interfaces, addresses and routes, by rtnetlink(7)."""

import os
import socket
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace
from pyroute2.iproute.linux import IPRoute

from futago import netns
from futago.node.drivers import dumps
from futago.node.drivers import netns as namespaces
from futago.node.drivers.dumps import Address, Link
from futago.node.drivers.ethtool import tx_checksum_off
from futago.node.drivers.netns import refusals
from futago.node.drivers.run import each
from futago.node.host import HostRefused, Layer3, Route, Veth
from futago.values import IPAddress, IPInterface, IPNetwork, Mac, rank
from futago.vrrp import packet
from futago.vrrp.inside import inside
from futago.vrrp.rtnetlink import PROTOCOL as ENGINE_PROTOCOL

PROTOCOL: Final = 70
"""Marks our addresses (IFA_PROTO, from Linux 5.18) and routes (rtnetlink(7), rtm_protocol)."""

_IFF_UP: Final = 1
_IPV6: Final = 6
_SETTINGS: Final = Path("/proc/sys")
_NODAD: Final = 0x02
"""Used at once (IFA_F_NODAD); nobody else has it, since the controller gives each once."""
_FAMILIES: Final = {4: socket.AF_INET, 6: socket.AF_INET6}
_OUR_HOST_ENDS: Final = ("hr-", "hg-", "hh-", "hd-", "hu-")

_NEIGHBOURS: Final = {"retrans_time_ms": "100", "mcast_solicit": "30", "ucast_solicit": "30"}
"""How a leg asks for neighbours (arp(7), and the same for IPv6). A new active knows none, and its first question or the
answer may be lost while the switches learn where it is: the kernel's own second until the next one would be most of the
outage."""


class VethDriver:
    """Pairs of interfaces between a namespace and the switch."""

    def __init__(
        self, *, checksum_offload: bool, let_go: Callable[[Collection[str]], None] = lambda _names: None
    ) -> None:
        """`let_go` is called with the names of the host ends that are about to be made: the switch may know others."""
        self._offload = checksum_offload
        self._let_go = let_go

    def read(self, wanted: Collection[Veth]) -> dict[str, Veth]:
        """Every pair that has an end in a namespace of ours."""
        outside = {link.index: link for link in dumps.links()}
        names = {veth.namespace for veth in wanted}
        found: dict[str, Veth] = {}
        for name in namespaces.candidates():
            if netns.exists(name) and (name in names or namespaces.is_ours(name)):
                found.update({veth.key: veth for veth in _veths_in(name, outside)})
        return found

    def put(self, veths: Sequence[Veth]) -> dict[str, str]:
        new = [veth.host_name for veth in veths if not _joined(veth)]
        if new:
            self._let_go(new)
        return each(veths, self._put)

    def remove(self, veths: Sequence[Veth]) -> dict[str, str]:
        return each(veths, lambda veth: unplug(veth.host_name))

    def _put(self, veth: Veth) -> None:
        if not netns.exists(veth.namespace):
            raise HostRefused(f"namespace {veth.namespace} does not exist")
        with refusals(veth.name), IPRoute() as ip:
            outer = _ensure_pair(ip, veth)
            self._quieten(veth.host_name)
            ip.link("set", index=outer, mtu=veth.mtu)
            ip.link("set", index=outer, state="up")
            inside(veth.namespace, lambda: self._put_inner(veth))

    def _quieten(self, host_name: str) -> None:
        namespaces.write_sysctl(f"net/ipv6/conf/{host_name}/disable_ipv6", "1")
        if not self._offload:
            tx_checksum_off(host_name)

    def _put_inner(self, veth: Veth) -> None:
        if not self._offload:
            tx_checksum_off(veth.name)
        if veth.host_name.startswith(_OUR_HOST_ENDS):  # an instance's own settings are its own
            for name, value in _neighbour_settings(veth.name):
                namespaces.write_sysctl(name, value)
        with IPRoute() as ip:
            index = _index(veth.name)
            ip.link("set", index=index, address=veth.mac, mtu=veth.mtu)
            ip.link("set", index=index, state="up" if veth.up else "down")


class Layer3Driver:
    """A node's own addresses and routes. On other interfaces they are vrrpd's, and only what has our mark is ours."""

    def read(self, wanted: Collection[Layer3]) -> dict[str, Layer3]:
        """What the wanted interfaces have, and what has our mark elsewhere in our namespaces."""
        names: dict[str, dict[str, Layer3]] = {one.namespace: {} for one in wanted}
        for one in wanted:
            names[one.namespace][one.interface] = one
        names |= {name: {} for name in namespaces.candidates() if name not in names and namespaces.is_ours(name)}
        there = (one for name, mine in names.items() if netns.exists(name) for one in _layer3_in(name, mine))
        return {one.key: one for one in there}

    def put(self, elements: Sequence[Layer3]) -> dict[str, str]:
        return each(elements, _put_layer3)

    def remove(self, elements: Sequence[Layer3]) -> dict[str, str]:
        return each(elements, _remove_layer3)


def plug(namespace: str, inner: str, outer: str, mac: Mac, mtu: int) -> None:
    """Make a pair between a namespace and the host for a plain process; nothing is done to one that is as wanted."""
    veth = Veth(namespace=namespace, name=inner, host_name=outer, mac=mac, mtu=mtu, up=True)
    failures = VethDriver(checksum_offload=False).put([veth])
    if failures:
        raise HostRefused(failures[veth.key])


def make_tap(name: str, mtu: int) -> None:
    """Make a tap device that stays when nobody has it open; one that is there is only set up."""
    with refusals(name), IPRoute() as ip:
        if _lookup(name) is None:
            ip.link("add", ifname=name, kind="tuntap", mode="tap")
        namespaces.write_sysctl(f"net/ipv6/conf/{name}/disable_ipv6", "1")
        ip.link("set", index=_index(name), mtu=mtu, state="up")


def address(
    namespace: str,
    interface: str,
    addresses: Sequence[IPInterface],
    routes: Sequence[tuple[IPNetwork, IPAddress]],
) -> None:
    """Put addresses and routes on a plain process's interface; a next hop need not be in any of the subnets."""

    def settle() -> None:
        with refusals(interface), IPRoute() as ip:
            index = _index(interface)
            for one in addresses:
                ip.addr("replace", index=index, **_address(one))
            for destination, next_hop in routes:
                family = _FAMILIES[destination.version]
                where = {"dst": str(destination), "gateway": str(next_hop), "oif": index, "family": family}
                ip.route("replace", **where, flags=["onlink"])

    netns.run_inside(namespace, settle)


def join_bridge(bridge: str, outer: str, pair: tuple[str, str], mtu: int) -> None:
    """A Linux bridge between an instance's interface and the switch: `pair` leads from it to the switch.

    It learns nothing and floods nothing of its own, so that it is a wire on which packets can be looked at.
    """
    near, far = pair
    with refusals(bridge), IPRoute() as ip:
        if _lookup(bridge) is None:
            ip.link("add", ifname=bridge, kind="bridge", br_ageing_time=0, br_stp_state=0, br_mcast_snooping=0)
        if _lookup(near) is None:
            ip.link("add", ifname=far, kind="veth", mtu=mtu, peer={"ifname": near, "mtu": mtu}, state="up")
        master = _index(bridge)
        for name in (bridge, outer, near, far):
            namespaces.write_sysctl(f"net/ipv6/conf/{name}/disable_ipv6", "1")
        for name in (outer, near):
            ip.link("set", index=_index(name), master=master, state="up")
        for name in (bridge, far):
            ip.link("set", index=_index(name), state="up")


def exists(name: str) -> bool:
    """Whether the host has an interface of this name."""
    return _lookup(name) is not None


def unplug(outer: str) -> None:
    """Remove a pair by its outer end."""
    index = _lookup(outer)
    if index is not None:
        with refusals(outer), IPRoute() as ip:
            ip.link("del", index=index)


def _joined(veth: Veth) -> bool:
    """Whether both ends are where they are wanted."""
    return (
        _lookup(veth.host_name) is not None
        and netns.exists(veth.namespace)
        and inside(veth.namespace, lambda: _lookup(veth.name)) is not None
    )


def _ensure_pair(ip: Any, veth: Veth) -> int:
    """The index of the outer end, made with its inner one if they are not joined as wanted."""
    found = _lookup(veth.host_name)
    if found is not None:
        if _joined(veth):
            return found
        ip.link("del", index=found)
    fd = os.open(netns.DIRECTORY / veth.namespace, os.O_RDONLY | os.O_CLOEXEC)
    try:
        peer = {"ifname": veth.name, "address": veth.mac, "mtu": veth.mtu, "net_ns_fd": fd}
        # Up from its first moment: a switch that opens it writes back the flags that it has read a moment before, and
        # so takes down what has come up meanwhile.
        ip.link("add", ifname=veth.host_name, kind="veth", mtu=veth.mtu, peer=peer, state="up")
    finally:
        os.close(fd)
    return _index(veth.host_name)


def _lookup(name: str) -> int | None:
    """The index of an interface of the calling thread's namespace; a library's look would read them all."""
    try:
        return socket.if_nametoindex(name)
    except OSError:
        return None


def _index(name: str) -> int:
    found = _lookup(name)
    if found is None:
        raise HostRefused(f"interface {name} does not exist")
    return found


def _veths_in(namespace: str, outside: dict[int, Link]) -> list[Veth]:
    def look() -> list[tuple[Link, bool]]:
        return [(link, _asks_soon(link.name)) for link in dumps.links()]

    veths = []
    for link, asks_soon in inside(namespace, look):
        outer = outside.get(link.peer)
        if outer is None or not outer.name.startswith(_OUR_HOST_ENDS):
            continue
        whole = asks_soon and link.mtu == outer.mtu and outer.flags & _IFF_UP
        veths.append(
            Veth(
                namespace=namespace,
                name=link.name,
                host_name=outer.name,
                mac=link.mac,
                mtu=link.mtu if whole else 0,
                up=bool(link.flags & _IFF_UP),
            )
        )
    return veths


def _asks_soon(interface: str) -> bool:
    """Whether an interface of the calling thread's namespace asks for neighbours as it should."""
    settings = _neighbour_settings(interface)
    return bool(settings) and all(namespaces.holds_sysctl(name, value) for name, value in settings)


def _neighbour_settings(interface: str) -> list[tuple[str, str]]:
    """Of either family that the interface has."""
    homes = (f"net/{family}/neigh/{interface}" for family in ("ipv4", "ipv6"))
    present = [home for home in homes if (_SETTINGS / home).is_dir()]
    return [(f"{home}/{name}", value) for home in present for name, value in _NEIGHBOURS.items()]


def _layer3_in(namespace: str, wanted: Mapping[str, Layer3]) -> list[Layer3]:
    """The interfaces of a namespace that are `wanted`, with all they have, and others, with what of it is ours."""

    def look() -> list[tuple[str, set[IPInterface], set[Route]]]:
        addresses, routes = dumps.addresses(), dumps.routes()
        return [
            (link.name, _addresses(addresses, link.index, every=link.name in wanted), _routes(routes, link.index))
            for link in dumps.links()
        ]

    return [
        _as_wanted(Layer3(namespace=namespace, interface=name, addresses=_ordered(addresses)), routes, one)
        for name, addresses, routes in inside(namespace, look)
        if (one := wanted.get(name)) is not None or addresses or routes
    ]


def _as_wanted(actual: Layer3, routes: set[Route], wanted: Layer3 | None) -> Layer3:
    """The order of routes has no meaning; the wanted one is kept where the set is the same."""
    if wanted is None:
        return replace(actual, routes=tuple(routes))
    same = routes == set(wanted.routes)
    return replace(actual, routes=wanted.routes if same else tuple(routes), announce=wanted.announce)


def _put_layer3(wanted: Layer3) -> None:
    if not netns.exists(wanted.namespace):
        raise HostRefused(f"namespace {wanted.namespace} does not exist")
    with refusals(wanted.interface):
        inside(wanted.namespace, partial(_settle_layer3, wanted))


def _remove_layer3(element: Layer3) -> None:
    if netns.exists(element.namespace):
        with refusals(element.interface):
            inside(element.namespace, partial(_strip_layer3, element))


def _strip_layer3(element: Layer3) -> None:
    """Our routes and the element's addresses go; what the VRRP engine put on the interface meanwhile stays."""
    with IPRoute() as ip:
        index = _lookup(element.interface)
        if index is None:
            return
        for route in _routes(dumps.routes(), index):
            ip.route("del", **_route(route, index))
        others = [one for one in dumps.addresses() if one.protocol != ENGINE_PROTOCOL]
        for address in _addresses(others, index, every=True).intersection(element.addresses):
            ip.addr("del", index=index, **_address(address))


def _settle_layer3(wanted: Layer3) -> None:
    with IPRoute() as ip:
        index = _index(wanted.interface)
        _set_ipv6(wanted)
        addresses = _addresses(dumps.addresses(), index, every=True)
        routes = _routes(dumps.routes(), index)
        new = [address for address in wanted.addresses if address not in addresses]
        for address in new:
            ip.addr("add", index=index, proto=PROTOCOL, **_address(address))
        for route in wanted.routes:
            if route not in routes:
                ip.route("replace", **_route(route, index))
        for route in routes.difference(wanted.routes):
            ip.route("del", **_route(route, index))
        for address in addresses.difference(wanted.addresses):
            ip.addr("del", index=index, **_address(address))
    if wanted.announce and new:
        (mac,) = (link.mac for link in dumps.links() if link.index == index)
        _announce(wanted.interface, mac, [address.ip for address in new])


def _set_ipv6(wanted: Layer3) -> None:
    """IPv6 is on where it has an address; elsewhere the interface says nothing."""
    on = any(address.version == _IPV6 for address in wanted.addresses)
    settings = {"accept_ra": "0", "autoconf": "0", "addr_gen_mode": "1", "disable_ipv6": "0"}
    for name, value in settings.items() if on else (("disable_ipv6", "1"),):
        namespaces.write_sysctl(f"net/ipv6/conf/{wanted.interface}/{name}", value)


def _ordered(addresses: Iterable[IPInterface]) -> tuple[IPInterface, ...]:
    return tuple(sorted(addresses, key=rank))


def _addresses(found: Iterable[Address], index: int, *, every: bool) -> set[IPInterface]:
    """The addresses of an interface: every one, or ours by their mark."""
    return {one.address for one in found if one.index == index and (every or one.protocol == PROTOCOL)}


def _routes(found: Iterable[dumps.Route], index: int) -> set[Route]:
    return {
        Route(destination=one.destination, next_hop=one.gateway)
        for one in found
        if one.protocol == PROTOCOL and one.index == index
    }


def _route(route: Route, index: int) -> dict[str, Any]:
    place = {"oif": index, "proto": PROTOCOL, "family": _FAMILIES[route.destination.version]}
    return {"dst": str(route.destination), "gateway": str(route.next_hop), **place}


def _address(address: IPInterface) -> dict[str, Any]:
    """As pyroute2 wants it."""
    plain = {"address": str(address.ip), "prefixlen": address.network.prefixlen}
    return plain | {"flags": _NODAD, "family": socket.AF_INET6} if address.version == _IPV6 else plain


def _announce(interface: str, mac: Mac, addresses: list[IPAddress]) -> None:
    """Whoever has the old owner in its cache learns the new one."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
        sock.bind((interface, 0))
        for address in addresses:
            for frame in packet.announcements(mac, address):
                sock.send(frame)


def datapath_in_kernel() -> bool:
    """Whether this kernel has the Open vSwitch module loaded."""
    return Path("/sys/module/openvswitch").is_dir()
