from hypothesis import given
from hypothesis import strategies as st

from futago.node.features.firewall.masks import port_masks

numbers = st.integers(0, 65535)


def matches(text: str, port: int) -> bool:
    value, _, mask = text.partition("/")
    return port & int(mask or "0xffff", 16) == int(value, 16)


@given(numbers, numbers, numbers)
def test_a_port_fits_one_mask_if_it_is_in_the_range_and_none_if_not(one: int, other: int, port: int) -> None:
    first, last = sorted((one, other))
    assert sum(matches(mask, port) for mask in port_masks(first, last)) == (first <= port <= last)


@given(numbers, numbers)
def test_a_range_takes_thirty_masks_at_most(one: int, other: int) -> None:
    assert len(port_masks(*sorted((one, other)))) <= 30


def test_single_ports_and_aligned_ranges_take_one() -> None:
    assert port_masks(22, 22) == ("0x0016",)
    assert port_masks(1024, 2047) == ("0x0400/0xfc00",)
    assert port_masks(0, 65535) == ("0x0000/0x0000",)
