"""Addresses of both families."""

from ipaddress import ip_address, ip_interface, ip_network

from futago.values import IPv6Address, IPv6Network, Mac, default_hostname, eui64, rank


def test_a_host_makes_its_address_from_its_mac_with_the_universal_bit_flipped() -> None:
    """The example of RFC 4291, appendix A, with a MAC of ours beside it."""
    assert eui64(IPv6Network("fe80::/64"), Mac("34:56:78:9a:bc:de")) == IPv6Address("fe80::3656:78ff:fe9a:bcde")
    assert eui64(IPv6Network("2001:db8::/64"), Mac("fa:16:3e:00:00:01")) == IPv6Address("2001:db8::f816:3eff:fe00:1")


def test_both_families_sort_together_ipv4_first() -> None:
    addresses = [ip_address(text) for text in ("2001:db8::1", "10.0.0.2", "::1", "10.0.0.1")]
    assert [str(one) for one in sorted(addresses, key=rank)] == ["10.0.0.1", "10.0.0.2", "::1", "2001:db8::1"]
    interfaces = [ip_interface(text) for text in ("fe80::1/64", "10.0.0.1/24", "10.0.0.1/8")]
    assert [str(one) for one in sorted(interfaces, key=rank)] == ["10.0.0.1/8", "10.0.0.1/24", "fe80::1/64"]
    networks = [ip_network(text) for text in ("::/0", "10.0.0.0/8", "0.0.0.0/0")]
    assert [str(one) for one in sorted(networks, key=rank)] == ["0.0.0.0/0", "10.0.0.0/8", "::/0"]


def test_a_host_without_a_name_is_called_by_its_address() -> None:
    assert default_hostname(ip_address("10.0.80.5")) == "host-10-0-80-5"
    assert default_hostname(ip_address("2001:db8::5")) == "host-2001-db8--5"
