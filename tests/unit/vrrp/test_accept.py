"""What a router without Accept_Mode drops."""

from futago.vrrp.accept import rules
from unit.vrrp.samples import INSIDE, INSIDE_IPV6, router


def test_the_rules_let_neighbour_discovery_through_first() -> None:
    """RFC 9568, 6.1: it is never dropped."""
    lines = rules(router(addresses=(INSIDE, INSIDE_IPV6))).splitlines()
    accept = next(at for at, line in enumerate(lines) if "nd-neighbor-solicit" in line and "accept" in line)
    drops = [at for at, line in enumerate(lines) if line.endswith("drop")]
    assert len(drops) == 2
    assert accept < min(drops)


def test_the_rules_name_every_address_of_either_family() -> None:
    text = rules(router(addresses=(INSIDE, INSIDE_IPV6)))
    assert "ip daddr { 192.168.80.1 } drop" in text
    assert "ip6 daddr { 2001:db8:80::1 } drop" in text


def test_the_rules_replace_former_ones_in_one_transaction() -> None:
    assert rules(router()).startswith("table inet futago-vrrp4-1\ndelete table inet futago-vrrp4-1\n")
