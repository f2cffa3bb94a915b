"""Interfaces, addresses and routes, by rtnetlink(7)."""

import os
import socket
import struct
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace
from pyroute2.iproute.linux import IPRoute

from futago import netns
from futago.node.drivers import netns as namespaces
from futago.node.drivers.ethtool import tx_checksum_off
from futago.node.drivers.netns import refusals
from futago.node.drivers.run import each
from futago.node.host import HostRefused, Layer3, Route, Veth
from futago.values import Mac, mac_bytes
from futago.vrrp.rtnetlink import PROTOCOL as ENGINE_PROTOCOL

PROTOCOL: Final = 70
"""Marks our addresses (IFA_PROTO, from Linux 5.18) and routes (rtnetlink(7), rtm_protocol)."""

_IFF_UP: Final = 1
_ETH_P_ARP: Final = 0x0806
_OUR_HOST_ENDS: Final = ("hr-", "hg-", "hh-", "hd-", "hu-")

_NEIGHBOURS: Final = {"retrans_time_ms": "100", "mcast_solicit": "30", "ucast_solicit": "30"}
"""How a leg asks for neighbours (arp(7)). A new active knows none, and its first question or the answer may be lost
while the switches learn where it is: the kernel's own second until the next one would be most of the outage."""


class VethDriver:
    """Pairs of interfaces between a namespace and the switch."""

    def __init__(self, *, checksum_offload: bool) -> None:
        self._offload = checksum_offload

    def read(self, wanted: Collection[Veth]) -> dict[str, Veth]:
        """Every pair that has an end in a namespace of ours."""
        with refusals("links"), IPRoute() as ip:
            outside = {link["index"]: link for link in ip.get_links()}
        names = {veth.namespace for veth in wanted}
        found: dict[str, Veth] = {}
        for name in namespaces.candidates():
            if netns.exists(name) and (name in names or namespaces.is_ours(name)):
                found.update({veth.key: veth for veth in _veths_in(name, outside)})
        return found

    def put(self, veths: Sequence[Veth]) -> dict[str, str]:
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
            netns.run_inside(veth.namespace, lambda: self._put_inner(veth))

    def _quieten(self, host_name: str) -> None:
        namespaces.write_sysctl(f"net/ipv6/conf/{host_name}/disable_ipv6", "1")
        if not self._offload:
            tx_checksum_off(host_name)

    def _put_inner(self, veth: Veth) -> None:
        if not self._offload:
            tx_checksum_off(veth.name)
        if veth.host_name.startswith(_OUR_HOST_ENDS):  # an instance's own settings are its own
            for name, value in _NEIGHBOURS.items():
                namespaces.write_sysctl(f"net/ipv4/neigh/{veth.name}/{name}", value)
        with IPRoute() as ip:
            index = _index(ip, veth.name)
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


def join_bridge(bridge: str, outer: str, pair: tuple[str, str], mtu: int) -> None:
    """A Linux bridge between an instance's interface and the switch: `pair` leads from it to the switch.

    It learns nothing and floods nothing of its own, so that it is a wire on which packets can be looked at.
    """
    near, far = pair
    with refusals(bridge), IPRoute() as ip:
        if not ip.link_lookup(ifname=bridge):
            ip.link("add", ifname=bridge, kind="bridge", br_ageing_time=0, br_stp_state=0, br_mcast_snooping=0)
        if not ip.link_lookup(ifname=near):
            ip.link("add", ifname=near, kind="veth", mtu=mtu, peer={"ifname": far, "mtu": mtu})
        master = _index(ip, bridge)
        for name in (bridge, outer, near, far):
            Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text("1")
        for name in (outer, near):
            ip.link("set", index=_index(ip, name), master=master, state="up")
        for name in (bridge, far):
            ip.link("set", index=_index(ip, name), state="up")


def unplug(outer: str) -> None:
    """Remove a pair by its outer end."""
    with refusals(outer), IPRoute() as ip:
        for index in ip.link_lookup(ifname=outer):
            ip.link("del", index=index)


def _ensure_pair(ip: Any, veth: Veth) -> int:
    """The index of the outer end, made with its inner one if they are not joined as wanted."""
    found = ip.link_lookup(ifname=veth.host_name)
    if found:
        try:
            netns.run_inside(veth.namespace, lambda: _inner_index(veth.name))
            return int(found[0])
        except HostRefused:
            ip.link("del", index=found[0])
    fd = os.open(netns.DIRECTORY / veth.namespace, os.O_RDONLY | os.O_CLOEXEC)
    try:
        peer = {"ifname": veth.name, "address": veth.mac, "mtu": veth.mtu, "net_ns_fd": fd}
        ip.link("add", ifname=veth.host_name, kind="veth", mtu=veth.mtu, peer=peer)
    finally:
        os.close(fd)
    return _index(ip, veth.host_name)


def _inner_index(name: str) -> int:
    with IPRoute() as ip:
        return _index(ip, name)


def _index(ip: Any, name: str) -> int:
    found = ip.link_lookup(ifname=name)
    if not found:
        raise HostRefused(f"interface {name} does not exist")
    return int(found[0])


def _veths_in(namespace: str, outside: dict[int, Any]) -> list[Veth]:
    def links() -> list[tuple[Any, bool]]:
        with refusals(namespace), IPRoute() as ip:
            return [(link, _asks_soon(link.get_attr("IFLA_IFNAME"))) for link in ip.get_links()]

    veths = []
    for link, asks_soon in netns.run_inside(namespace, links):
        outer = outside.get(link.get_attr("IFLA_LINK") or 0)
        if outer is None or not str(outer.get_attr("IFLA_IFNAME")).startswith(_OUR_HOST_ENDS):
            continue
        whole = asks_soon and link.get_attr("IFLA_MTU") == outer.get_attr("IFLA_MTU") and outer["flags"] & _IFF_UP
        veths.append(
            Veth(
                namespace=namespace,
                name=link.get_attr("IFLA_IFNAME"),
                host_name=outer.get_attr("IFLA_IFNAME"),
                mac=Mac(link.get_attr("IFLA_ADDRESS")),
                mtu=link.get_attr("IFLA_MTU") if whole else 0,
                up=bool(link["flags"] & _IFF_UP),
            )
        )
    return veths


def _asks_soon(interface: str) -> bool:
    """Whether an interface of the calling thread's namespace asks for neighbours as it should."""
    settings = Path("/proc/sys/net/ipv4/neigh") / interface
    return settings.is_dir() and all((settings / n).read_text().strip() == value for n, value in _NEIGHBOURS.items())


def _layer3_in(namespace: str, wanted: Mapping[str, Layer3]) -> list[Layer3]:
    """The interfaces of a namespace that are `wanted`, with all they have, and others, with what of it is ours."""

    def look() -> list[tuple[str, set[IPv4Interface], set[Route]]]:
        with refusals(namespace), IPRoute() as ip:
            names = {link["index"]: str(link.get_attr("IFLA_IFNAME")) for link in ip.get_links()}
            addresses, routes = list(ip.get_addr(family=socket.AF_INET)), list(ip.get_routes(family=socket.AF_INET))
        return [
            (name, _addresses(addresses, index, every=name in wanted), _routes(routes, index))
            for index, name in names.items()
        ]

    return [
        _as_wanted(Layer3(namespace=namespace, interface=name, addresses=tuple(sorted(addresses))), routes, one)
        for name, addresses, routes in netns.run_inside(namespace, look)
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
        netns.run_inside(wanted.namespace, partial(_settle_layer3, wanted))


def _remove_layer3(element: Layer3) -> None:
    if netns.exists(element.namespace):
        with refusals(element.interface):
            netns.run_inside(element.namespace, partial(_strip_layer3, element))


def _strip_layer3(element: Layer3) -> None:
    """Our routes and the element's addresses go; what the VRRP engine put on the interface meanwhile stays."""
    with IPRoute() as ip:
        for index in ip.link_lookup(ifname=element.interface):
            for route in _routes(ip.get_routes(family=socket.AF_INET), index):
                ip.route("del", **_route(route, index))
            rows = [row for row in ip.get_addr(family=socket.AF_INET) if row.get_attr("IFA_PROTO") != ENGINE_PROTOCOL]
            for address in _addresses(rows, index, every=True).intersection(element.addresses):
                ip.addr("del", index=index, address=str(address.ip), prefixlen=address.network.prefixlen)


def _settle_layer3(wanted: Layer3) -> None:
    with IPRoute() as ip:
        index = _index(ip, wanted.interface)
        addresses = _addresses(ip.get_addr(family=socket.AF_INET), index, every=True)
        routes = _routes(ip.get_routes(family=socket.AF_INET), index)
        new = [address for address in wanted.addresses if address not in addresses]
        for address in new:
            ip.addr("add", index=index, address=str(address.ip), prefixlen=address.network.prefixlen, proto=PROTOCOL)
        for route in wanted.routes:
            if route not in routes:
                ip.route("replace", **_route(route, index))
        for route in routes.difference(wanted.routes):
            ip.route("del", **_route(route, index))
        for address in addresses.difference(wanted.addresses):
            ip.addr("del", index=index, address=str(address.ip), prefixlen=address.network.prefixlen)
        mac = Mac(ip.get_links(index)[0].get_attr("IFLA_ADDRESS"))
    if wanted.announce:
        _announce(wanted.interface, mac, [address.ip for address in new])


def _addresses(rows: Iterable[Any], index: int, *, every: bool) -> set[IPv4Interface]:
    """The addresses of an interface: every one, or ours by their mark."""
    return {
        IPv4Interface((row.get_attr("IFA_LOCAL"), row["prefixlen"]))
        for row in rows
        if row["index"] == index and (every or row.get_attr("IFA_PROTO") == PROTOCOL)
    }


def _routes(rows: Iterable[Any], index: int) -> set[Route]:
    return {
        Route(
            destination=IPv4Network((row.get_attr("RTA_DST") or "0.0.0.0", row["dst_len"])),  # noqa: S104 - a prefix
            next_hop=IPv4Address(row.get_attr("RTA_GATEWAY")),
        )
        for row in rows
        if row["proto"] == PROTOCOL and row.get_attr("RTA_OIF") == index and row.get_attr("RTA_GATEWAY")
    }


def _route(route: Route, index: int) -> dict[str, Any]:
    return {"dst": str(route.destination), "gateway": str(route.next_hop), "oif": index, "proto": PROTOCOL}


def _announce(interface: str, mac: Mac, addresses: list[IPv4Address]) -> None:
    """Gratuitous ARP (RFC 5944, 4.6): whoever has the old owner in its cache learns the new one."""
    hardware = mac_bytes(mac)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
        sock.bind((interface, 0))
        for address in addresses:
            head = b"\xff" * 6 + hardware + struct.pack("!H", _ETH_P_ARP)
            body = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + hardware + address.packed + bytes(6) + address.packed
            sock.send(head + body)


def datapath_in_kernel() -> bool:
    """Whether this kernel has the Open vSwitch module loaded."""
    return Path("/sys/module/openvswitch").is_dir()
