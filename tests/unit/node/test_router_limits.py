"""Rates of addresses outside: floating IPs, and the gateway's own."""

import pytest
from msgspec.structs import replace

from futago.contract.port_features import RateLimit
from futago.contract.router_parts import AddressLimit
from futago.node.features.nat import nat, render
from futago.node.host import NftTable
from futago.values import IPv4Address
from host.node_specs import router
from unit.node.kit import golden, specs_of

OUTSIDE = IPv4Address("10.0.80.150")


def _rules(*limits: AddressLimit) -> list[str]:
    (table,) = [one.element for one in nat(specs_of([replace(router(ha=False), limits=limits)]))]
    assert isinstance(table, NftTable)
    return [line.strip() for line in table.body.splitlines() if "limit rate" in line]


def test_each_direction_is_limited_where_the_address_is_the_one_outside() -> None:
    limits = (
        AddressLimit(address=IPv4Address("10.0.80.100"), egress=RateLimit(kbps=8000, burst_kbits=12000)),
        AddressLimit(
            address=OUTSIDE, egress=RateLimit(kbps=80, burst_kbits=64), ingress=RateLimit(kbps=8, burst_kbits=9)
        ),
    )
    spec = replace(router(ha=False), limits=limits)
    assert spec.gateway is not None
    golden("limits.nft", render(spec, spec.gateway))


def test_a_router_without_limits_has_no_chains_for_them() -> None:
    assert _rules() == []


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        (RateLimit(kbps=1000, burst_kbits=800), "over 125000 bytes/second burst 1500 bytes"),
        (RateLimit(kbps=1000, burst_kbits=3000), "over 125000 bytes/second burst 250000 bytes"),
        (RateLimit(kbps=1, burst_kbits=1), "over 125 bytes/second burst 1500 bytes"),
        (RateLimit(kbps=2**31 - 1, burst_kbits=2**31 - 1), "over 10000000000 bytes/second burst 1500 bytes"),
        (RateLimit(kbps=1, burst_kbits=2**31 - 1), "over 125 bytes/second burst 4294967170 bytes"),
    ],
)
def test_a_burst_is_what_the_bucket_holds_beside_a_second(limit: RateLimit, words: str) -> None:
    (rule,) = _rules(AddressLimit(address=OUTSIDE, ingress=limit))
    assert rule.endswith(f"ip daddr {OUTSIDE} limit rate {words} drop")
