import pytest

from futago.node.drivers.conntrack import Flow, stale
from futago.node.features.forwardings import Forwarding, forwardings

OWN, OUTSIDE, INSIDE, OTHER, CLIENT = "10.0.80.101", "10.0.80.110", "192.168.80.10", "192.168.80.11", "10.0.80.1"
FLOATING = {OUTSIDE: INSIDE}

INWARDS = Flow(CLIENT, OUTSIDE, INSIDE, CLIENT)
OUTWARDS = Flow(INSIDE, CLIENT, CLIENT, OUTSIDE)
HAIRPIN = Flow(OTHER, OUTSIDE, INSIDE, OWN)
UNDER_THE_ROUTERS_ADDRESS = Flow(OTHER, CLIENT, CLIENT, OWN)
NOT_TRANSLATED = Flow(INSIDE, OTHER, OTHER, INSIDE)
EVERY_KIND = (INWARDS, OUTWARDS, HAIRPIN, UNDER_THE_ROUTERS_ADDRESS, NOT_TRANSLATED)


def test_flows_of_a_floating_ip_that_is_there_go_on() -> None:
    assert not [flow for flow in EVERY_KIND if stale(flow, FLOATING, OWN)]


@pytest.mark.parametrize("floating", [{}, {OUTSIDE: OTHER}, {"10.0.80.111": INSIDE}])
def test_flows_of_a_floating_ip_that_went_or_moved_are_stale_and_no_others(floating: dict[str, str]) -> None:
    assert [flow for flow in EVERY_KIND if stale(flow, floating, OWN)] == [INWARDS, OUTWARDS, HAIRPIN]


def test_a_new_floating_ip_leaves_flows_under_the_routers_address_alone() -> None:
    assert not stale(UNDER_THE_ROUTERS_ADDRESS, {"10.0.80.111": OTHER}, OWN)


def test_without_a_table_every_translated_flow_is_stale() -> None:
    assert [flow for flow in EVERY_KIND if not stale(flow, {}, "")] == [NOT_TRANSLATED]


TEXT = """
    dnat ip to ip daddr . meta l4proto . th dport map { 10.0.80.120 . tcp . 2201 : 192.168.80.10 . 22, 10.0.80.120 . udp . 53 : 192.168.80.11 . 53 }
    ip daddr 10.0.80.120 tcp dport 5000-5009 dnat to 192.168.80.10
    ip daddr 10.0.80.120 tcp dport 6000-6009 dnat to 192.168.80.10:80
"""  # noqa: E501 - as nft writes it


def test_forwardings_are_read_from_what_nft_writes() -> None:
    assert forwardings(TEXT) == {
        Forwarding("10.0.80.120", "tcp", 2201, 2201, "192.168.80.10", 22),
        Forwarding("10.0.80.120", "udp", 53, 53, "192.168.80.11", 53),
        Forwarding("10.0.80.120", "tcp", 5000, 5009, "192.168.80.10", None),
        Forwarding("10.0.80.120", "tcp", 6000, 6009, "192.168.80.10", 80),
    }


@pytest.mark.parametrize(
    ("port", "inside", "inside_port", "ends"),
    [
        (2201, INSIDE, 22, False),
        (2201, INSIDE, 23, True),
        (2201, OTHER, 22, True),
        (2202, INSIDE, 22, True),
        (5005, INSIDE, 5005, False),
        (5005, INSIDE, 80, True),
        (6005, INSIDE, 80, False),
    ],
)
def test_a_flow_goes_on_while_its_port_is_forwarded_to_where_it_goes(
    *, port: int, inside: str, inside_port: int, ends: bool
) -> None:
    flow = Flow(CLIENT, "10.0.80.120", inside, CLIENT, "tcp", port, inside_port)
    assert stale(flow, FLOATING, OWN, forwardings(TEXT)) is ends
