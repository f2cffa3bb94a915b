"""What a port may do besides using its own addresses, and what DHCP tells it besides what its subnets say."""

import ipaddress
import re
from collections.abc import Iterable
from typing import Any, Final

from futago.controller.resources import errors, parse

_MOST_PAIRS: Final = 10
_pair = parse.entry({"ip_address": parse.text(64), "mac_address": parse.mac}, ())
_LONGEST_VALUE: Final = 255
_OPTION_NAME: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_HIGHEST_OPTION: Final = {4: 254, 6: 65535}
_CLIENT_ID: Final = "client-id"
_AS_CLIENT_ID: Final = re.compile(r"[^,\s#\"\\]+")
"""dnsmasq's list of hosts has it between commas."""
_MAY_BE_BLANK: Final = frozenset({"router", "classless-static-route"})
_option = parse.entry(
    {
        "opt_name": parse.text(64),
        "opt_value": parse.nullable(parse.text(_LONGEST_VALUE)),
        "ip_version": parse.integer(4, 6),
    },
    ("opt_name", "opt_value"),
)

DhcpOptions = tuple[dict[str, Any], ...]


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


def dhcp_options(value: Any) -> DhcpOptions:
    """Options of DHCP, each with `opt_name`, `opt_value` and `ip_version`; a value that is null takes one away."""
    options = tuple(_dhcp_option(item) for item in parse.list_of(parse.anything, distinct=False)(value))
    keys = [_key(option) for option in options]
    if twice := [key for key in keys if keys.count(key) > 1]:
        raise parse.Unfit(f"option '{twice[0][0]}' is there more than once")
    return options


def merged(before: Iterable[dict[str, Any]], changes: DhcpOptions) -> DhcpOptions:
    """What is named is replaced, or goes if its value is null; what is not named stays."""
    options = {_key(option): option for option in before}
    options |= {_key(option): option for option in changes}
    return tuple(option for _, option in sorted(options.items()) if option["opt_value"] is not None)


def _dhcp_option(value: Any) -> dict[str, Any]:
    option = {"ip_version": 4, **_option(value)}
    name, text, version = option["opt_name"].strip(), option["opt_value"], option["ip_version"]
    if version not in _HIGHEST_OPTION:
        raise parse.Unfit(f"'{version}' is not in [4, 6]")
    if not _OPTION_NAME.fullmatch(name):
        raise parse.Unfit(f"'{name}' is not the name or number of a DHCP option")
    if name.isdecimal() and not 0 < int(name) <= _HIGHEST_OPTION[version]:
        raise parse.Unfit(f"'{name}' is not in range 1 through {_HIGHEST_OPTION[version]}")
    if text is not None and not text.isprintable():
        raise parse.Unfit(f"the value of '{name}' has characters that cannot be printed")
    if text is not None and not text.strip() and name not in _MAY_BE_BLANK:
        raise parse.Unfit(f"'{name}' needs a value")
    if text is not None and name == _CLIENT_ID and not _AS_CLIENT_ID.fullmatch(text):
        raise parse.Unfit(f"'{text}' is not a client-id: bytes in hexadecimal with colons, or one word")
    return {"opt_name": name, "opt_value": text, "ip_version": version}


def _key(option: dict[str, Any]) -> tuple[str, int]:
    return option["opt_name"], option["ip_version"]
