"""Specs and reports, to the wire and back."""

from ipaddress import IPv4Address, IPv4Interface

import pytest

from futago.contract.codec import BadMessage, decode, encode
from futago.contract.specs import (
    FloatingIpSpec,
    GatewaySpec,
    HaSpec,
    NetworkSpec,
    NodeSpecs,
    PeerSpec,
    RouterPort,
    RouterSpec,
    SpecChanges,
)
from futago.values import Mac, Millis, NetworkType

LEG = RouterPort(
    port_id="p",
    network_id="n",
    mac=Mac("fa:16:3e:00:00:01"),
    mtu=1450,
    addresses=(IPv4Interface("192.168.80.1/24"),),
)
ROUTER = RouterSpec(
    router_id="r",
    admin_state_up=True,
    ha=HaSpec(
        port_id="h",
        network_id="hn",
        mac=Mac("fa:16:3e:00:00:02"),
        mtu=1450,
        address=IPv4Interface("169.254.192.1/18"),
        vrid=1,
        priority=50,
        version=2,
        advert_interval=Millis(2000),
        preempt=False,
        password="openstac",
        advertised=IPv4Address("169.254.0.1"),
    ),
    interfaces=(LEG,),
    gateway=GatewaySpec(port=LEG, next_hops=(IPv4Address("10.0.80.1"),), enable_snat=True),
    floating_ips=(
        FloatingIpSpec(floating_ip_id="f", outside=IPv4Address("10.0.80.150"), inside=IPv4Address("192.168.80.50")),
    ),
    routes=(),
)
NETWORK = NetworkSpec(
    network_id="n",
    network_type=NetworkType.VXLAN,
    physical_network=None,
    segmentation_id=1000,
    mtu=1450,
    members=("net2",),
)
PEER = PeerSpec(node="net2", tunnel_address=IPv4Address("172.31.0.12"))


def test_what_is_written_is_what_is_read() -> None:
    specs = NodeSpecs(revision=7, specs={spec.key: spec for spec in (ROUTER, NETWORK, PEER)})
    assert decode(encode(specs), NodeSpecs) == specs


def test_equal_values_give_equal_bytes() -> None:
    forward, backward = (
        NodeSpecs(specs={spec.key: spec for spec in order}) for order in ((ROUTER, PEER), (PEER, ROUTER))
    )
    assert encode(forward) == encode(backward)


@pytest.mark.parametrize("data", [b"", b"null", b'{"revision":1}', b'{"put":[{"type":"peer","tunnel_address":"x"}]}'])
def test_what_is_no_message_is_refused_with_the_place(data: bytes) -> None:
    with pytest.raises(BadMessage, match="not a SpecChanges"):
        decode(data, SpecChanges)


def test_changes_put_and_remove_and_a_complete_answer_forgets_the_rest() -> None:
    state = NodeSpecs(revision=1, specs={ROUTER.key: ROUTER, PEER.key: PEER})
    step = SpecChanges(revision=2, complete=False, put=(NETWORK,), remove=(ROUTER.key,))
    assert set(state.after(step).specs) == {NETWORK.key, PEER.key}
    whole = SpecChanges(revision=3, complete=True, put=(NETWORK,), remove=())
    assert state.after(whole) == NodeSpecs(revision=3, specs={NETWORK.key: NETWORK})


def test_specs_kept_before_they_had_an_origin_still_load_and_take_the_one_of_the_next_answer() -> None:
    old = decode(b'{"revision":7,"specs":{}}', NodeSpecs)
    assert (old.revision, old.origin) == (7, "")
    assert old.after(SpecChanges(revision=8, complete=True, put=(), remove=(), origin="a")).origin == "a"
