"""What a port may do besides using its own addresses."""

import ipaddress
from typing import Any, Final

from futago.controller.resources import errors, parse

_MOST_PAIRS: Final = 10
_pair = parse.entry({"ip_address": parse.text(64), "mac_address": parse.mac}, ())


def address_pairs(value: Any) -> tuple[dict[str, str], ...]:
    """Further addresses that a port may send from."""
    pairs = tuple(_address_pair(item) for item in parse.list_of(parse.anything, distinct=False)(value))
    if len(pairs) > _MOST_PAIRS:
        raise errors.AllowedAddressPairExhausted(limit=_MOST_PAIRS)
    for position, pair in enumerate(pairs):
        if pair in pairs[:position]:
            mac = pair.get("mac_address")
            raise errors.DuplicateAddressPairInRequest(mac_address=mac, ip_address=pair["ip_address"])
    return pairs


def _address_pair(value: Any) -> dict[str, str]:
    pair = {key: str(item) for key, item in _pair(value).items()}
    if "ip_address" not in pair:
        raise errors.AllowedAddressPairsMissingIP
    try:
        ipaddress.ip_network(pair["ip_address"], strict=False)
    except ValueError as error:
        raise parse.Unfit(f"'{pair['ip_address']}' is not a valid IP subnet") from error
    return pair
