"""Interfaces, addresses and routes, by rtnetlink(7)."""

import os
import socket
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from ipaddress import ip_address, ip_interface, ip_network
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
from futago.values import IPAddress, IPInterface, Mac, rank
from futago.vrrp import packet
from futago.vrrp.rtnetlink import PROTOCOL as ENGINE_PROTOCOL

PROTOCOL: Final = 70
"""Marks our addresses (IFA_PROTO, from Linux 5.18) and routes (rtnetlink(7), rtm_protocol)."""

_IFF_UP: Final = 1
_IPV6: Final = 6
_SETTINGS: Final = Path("/proc/sys")
_NODAD: Final = 0x02
"""Used at once (IFA_F_NODAD); nobody else has it, since the controller gives each once."""
_NOWHERE: Final = {socket.AF_INET: "0.0.0.0", socket.AF_INET6: "::"}  # noqa: S104 - the default route's destination
_FAMILIES: Final = {4: socket.AF_INET, 6: socket.AF_INET6}
_OUR_HOST_ENDS: Final = ("hr-", "hg-", "hh-", "hd-", "hu-")

_NEIGHBOURS: Final = {"retrans_time_ms": "100", "mcast_solicit": "30", "ucast_solicit": "30"}
"""How a leg asks for neighbours (arp(7), and the same for IPv6). A new active knows none, and its first question or the
answer may be lost while the switches learn where it is: the kernel's own second until the next one would be most of the
outage."""


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
            for name, value in _neighbour_settings(veth.name):
                namespaces.write_sysctl(name, value)
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
    settings = _neighbour_settings(interface)
    return bool(settings) and all((_SETTINGS / name).read_text().strip() == value for name, value in settings)


def _neighbour_settings(interface: str) -> list[tuple[str, str]]:
    """Of either family that the interface has."""
    homes = (f"net/{family}/neigh/{interface}" for family in ("ipv4", "ipv6"))
    present = [home for home in homes if (_SETTINGS / home).is_dir()]
    return [(f"{home}/{name}", value) for home in present for name, value in _NEIGHBOURS.items()]


def _layer3_in(namespace: str, wanted: Mapping[str, Layer3]) -> list[Layer3]:
    """The interfaces of a namespace that are `wanted`, with all they have, and others, with what of it is ours."""

    def look() -> list[tuple[str, set[IPInterface], set[Route]]]:
        with refusals(namespace), IPRoute() as ip:
            names = {link["index"]: str(link.get_attr("IFLA_IFNAME")) for link in ip.get_links()}
            addresses, routes = list(ip.get_addr()), _all_routes(ip)
        return [
            (name, _addresses(addresses, index, every=name in wanted), _routes(routes, index))
            for index, name in names.items()
        ]

    return [
        _as_wanted(Layer3(namespace=namespace, interface=name, addresses=_ordered(addresses)), routes, one)
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
            for route in _routes(_all_routes(ip), index):
                ip.route("del", **_route(route, index))
            rows = [row for row in ip.get_addr() if row.get_attr("IFA_PROTO") != ENGINE_PROTOCOL]
            for address in _addresses(rows, index, every=True).intersection(element.addresses):
                ip.addr("del", index=index, **_address(address))


def _settle_layer3(wanted: Layer3) -> None:
    with IPRoute() as ip:
        index = _index(ip, wanted.interface)
        _set_ipv6(wanted)
        addresses = _addresses(ip.get_addr(), index, every=True)
        routes = _routes(_all_routes(ip), index)
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
        mac = Mac(ip.get_links(index)[0].get_attr("IFLA_ADDRESS"))
    if wanted.announce:
        _announce(wanted.interface, mac, [address.ip for address in new])


def _set_ipv6(wanted: Layer3) -> None:
    """IPv6 is on where it has an address; elsewhere the interface says nothing."""
    on = any(address.version == _IPV6 for address in wanted.addresses)
    settings = {"accept_ra": "0", "autoconf": "0", "addr_gen_mode": "1", "disable_ipv6": "0"}
    for name, value in settings.items() if on else (("disable_ipv6", "1"),):
        namespaces.write_sysctl(f"net/ipv6/conf/{wanted.interface}/{name}", value)


def _all_routes(ip: Any) -> list[Any]:
    return [row for family in _FAMILIES.values() for row in ip.get_routes(family=family)]


def _ordered(addresses: Iterable[IPInterface]) -> tuple[IPInterface, ...]:
    return tuple(sorted(addresses, key=rank))


def _addresses(rows: Iterable[Any], index: int, *, every: bool) -> set[IPInterface]:
    """The addresses of an interface: every one, or ours by their mark."""
    return {
        ip_interface((row.get_attr("IFA_LOCAL") or row.get_attr("IFA_ADDRESS"), row["prefixlen"]))
        for row in rows
        if row["index"] == index and (every or row.get_attr("IFA_PROTO") == PROTOCOL)
    }


def _routes(rows: Iterable[Any], index: int) -> set[Route]:
    return {
        Route(
            destination=ip_network((row.get_attr("RTA_DST") or _NOWHERE[row["family"]], row["dst_len"])),
            next_hop=ip_address(row.get_attr("RTA_GATEWAY")),
        )
        for row in rows
        if row["proto"] == PROTOCOL and row.get_attr("RTA_OIF") == index and row.get_attr("RTA_GATEWAY")
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
