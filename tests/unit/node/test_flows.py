import pytest

from futago.node.drivers.flows import resolve, without
from futago.node.host import HostRefused

FLOOD = 'table=22,dl_vlan=1 actions=strip_vlan,output:"vxlan-1",output:"vxlan-10"'


def test_ports_are_named_by_their_numbers() -> None:
    assert resolve(FLOOD, {"vxlan-1": 7, "vxlan-10": 8}) == "table=22,dl_vlan=1 actions=strip_vlan,output:7,output:8"


def test_a_port_that_is_not_there_is_named() -> None:
    with pytest.raises(HostRefused, match="no port vxlan-10 yet"):
        resolve(FLOOD, {"vxlan-1": 7})


def test_a_flood_goes_to_the_other_tunnels_when_one_is_missing() -> None:
    assert without(FLOOD, ["vxlan-1"]) == 'table=22,dl_vlan=1 actions=strip_vlan,output:"vxlan-10"'


def test_frames_from_a_missing_port_have_no_flow() -> None:
    assert without('table=0,in_port="vxlan-1" actions=resubmit(,4)', ["vxlan-1"]) is None


def test_a_flow_that_does_not_name_the_missing_port_stays() -> None:
    assert without(FLOOD, ["vxlan-2"]) == FLOOD
