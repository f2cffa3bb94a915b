"""The ranges that segment ids come from, as Neutron's settings write them: `1000:2000`, `vlan:1000:2999`."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from futago.values import NetworkType

LARGEST: Final = {NetworkType.VLAN: 4094, NetworkType.GRE: 2**31 - 1, NetworkType.VXLAN: 2**24 - 1}
"""The largest id of each type that has one. A GRE key has 32 bits (RFC 2890); a signed column keeps 31 of them."""


class IdRange(NamedTuple):
    """Both ends are included."""

    first: int
    last: int


def id_ranges(texts: Iterable[str], network_type: NetworkType) -> tuple[IdRange, ...]:
    """Ranges for a tunnelled type, each written `first:last`.

    Raises:
        ValueError: one is not a range of ids of this type; the text says which.

    """
    return tuple(_range(text.strip(), text.split(":"), network_type) for text in texts)


def vlan_ranges(texts: Iterable[str]) -> dict[str, tuple[IdRange, ...]]:
    """Physical network → the VLANs of project networks there; none where an administrator names each.

    Each text is `physical_network` or `physical_network:first:last`; a network may come several times.

    Raises:
        ValueError: one is neither; the text says which.

    """
    found: dict[str, tuple[IdRange, ...]] = {}
    for text in (text.strip() for text in texts):
        name, *ends = text.split(":")
        if not name.strip():
            raise ValueError(f"`{text}` names no physical network")
        own = (_range(text, ends, NetworkType.VLAN),) if ends else ()
        found[name.strip()] = found.get(name.strip(), ()) + own
    return found


def _range(text: str, ends: list[str], network_type: NetworkType) -> IdRange:
    try:
        first, last = (int(end) for end in ends)
    except ValueError:
        raise ValueError(f"`{text}` is not a range; it is written first:last") from None
    if not 1 <= first <= last <= LARGEST[network_type]:
        raise ValueError(f"`{text}` is not a range of {network_type} ids, which run from 1 to {LARGEST[network_type]}")
    return IdRange(first, last)
