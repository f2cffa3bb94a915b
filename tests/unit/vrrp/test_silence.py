"""Which interfaces fall silent when addresses go."""

from futago.values import IPv6Interface
from futago.vrrp.config import VirtualAddress
from futago.vrrp.rtnetlink import FoundAddress
from futago.vrrp.silence import silenced, speaking
from unit.vrrp.samples import INSIDE, INSIDE_IPV6, INSIDE_LINK

BOTH = (INSIDE_LINK, INSIDE_IPV6)


def there(*addresses: VirtualAddress) -> list[FoundAddress]:
    return [FoundAddress(index=7, interface=a.interface, address=a.address, ours=True) for a in addresses]


def test_an_interface_that_loses_all_its_ipv6_addresses_falls_silent() -> None:
    assert silenced(BOTH, (*BOTH, INSIDE), there(*BOTH, INSIDE)) == ["qr-1"]


def test_an_interface_that_keeps_one_goes_on() -> None:
    assert silenced((INSIDE_IPV6,), BOTH, there(*BOTH)) == []


def test_an_interface_with_an_address_of_its_own_goes_on() -> None:
    own = VirtualAddress(interface="qr-1", address=IPv6Interface("2001:db8:80::99/64"))
    assert silenced(BOTH, BOTH, there(*BOTH, own)) == []


def test_ipv4_alone_silences_nothing() -> None:
    assert silenced((INSIDE,), (INSIDE,), there(INSIDE)) == []
    assert speaking((INSIDE,)) == []
