"""The flows that a router translates (nf_conntrack), which outlive the rule that they were translated by.

A rule of NAT is asked for the first packet of a flow only. A floating IP that was taken away or moved would go on
working for whoever is connected, until the last of them leaves: so those flows are ended.
"""

import errno
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog
from pyroute2.conntrack import Conntrack
from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.nfnetlink.nfctsocket import NFCTAttrTuple

from futago import netns
from futago.node.drivers.netns import refusals
from futago.node.features.forwardings import Forwarding, forwardings
from futago.node.host import NftTable

_PROTOCOLS: Final = {6: "tcp", 17: "udp", 132: "sctp"}
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Flow:
    """The addresses of a flow's first packet, and those of its replies; the ports of the side that answers."""

    source: str
    destination: str
    reply_source: str
    reply_destination: str
    protocol: str = ""
    port: int = 0
    reply_port: int = 0


def end_stale_flows(table: NftTable, former: Collection[tuple[str, str]] | None) -> None:
    """End the flows that are not translated as `table` says.

    `former` are the addresses, outside and inside, that are not translated any more, if that is known: then the kernel
    looks for their flows. To look at every flow of a busy router takes seconds.

    Raises:
        HostRefused: the kernel does not list or end them.

    """
    if former is not None and not former:
        return
    with refusals(f"flows of {table.namespace}"):
        ended = netns.run_inside(table.namespace, lambda: _end(table, former))
    if ended:
        _log.info("flows of former floating ips ended", namespace=table.namespace, flows=ended)


def stale(
    flow: Flow, floating: Mapping[str, str], own_address: str, forwarded: Collection[Forwarding] = frozenset()
) -> bool:
    """Whether a flow is translated by a floating IP (`floating`: outside to inside) that is not there, or elsewhere.

    Or by a port of one that is not `forwarded` there. One that goes out under the router's own address stays when its
    instance gets a floating IP: that breaks nobody.
    """
    inwards = flow.reply_source != flow.destination
    if inwards and floating.get(flow.destination) != flow.reply_source and not _forwarded(flow, forwarded):
        return True
    outwards = flow.reply_destination not in {flow.source, own_address}
    return outwards and floating.get(flow.reply_destination) != flow.source


def _forwarded(flow: Flow, forwarded: Collection[Forwarding]) -> bool:
    return any(
        one.covers(flow.destination, flow.protocol, flow.port)
        and one.leads_to(flow.port, flow.reply_source, flow.reply_port)
        for one in forwarded
    )


def _end(table: NftTable, former: Collection[tuple[str, str]] | None) -> int:
    floating, forwarded = dict(table.floating_ips), forwardings(table.body)
    filters = [None] if former is None else [one for pair in former for one in _filters(*pair)]
    with Conntrack() as conntrack:
        entries = [
            entry
            for tuple_orig in filters
            for entry in conntrack.dump_entries(tuple_orig=tuple_orig)
            if stale(_flow(entry), floating, table.own_address, forwarded)
        ]
        for entry in entries:
            _delete(conntrack, entry)
    return len(entries)


def _filters(outside: str, inside: str) -> tuple[NFCTAttrTuple, NFCTAttrTuple]:
    """Flows inwards and outwards; by their first packet, because older kernels fail to filter by the replies."""
    return NFCTAttrTuple(daddr=outside), NFCTAttrTuple(saddr=inside)


def _delete(conntrack: Any, entry: Any) -> None:
    try:
        conntrack.delete(entry)
    except NetlinkError as error:
        # It may have ended by itself.
        if error.code != errno.ENOENT:
            raise


def _flow(entry: Any) -> Flow:
    there, back = entry.tuple_orig, entry.tuple_reply
    protocol = _PROTOCOLS.get(there.proto, "")
    return Flow(there.saddr, there.daddr, back.saddr, back.daddr, protocol, there.dport or 0, back.sport or 0)
