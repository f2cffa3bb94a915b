import pytest

from futago.node.drivers.conntrack import Flow, stale

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
