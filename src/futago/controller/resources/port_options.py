"""What a port may do besides using its own addresses, and what DHCP tells it besides what its subnets say."""

import ipaddress
import re
from collections.abc import Iterable
from typing import Any, Final

from futago.controller.resources import errors, parse, schema
from futago.controller.resources.schema import described

_MOST_PAIRS: Final = 10
_LONGEST_VALUE: Final = 255
_OPTION_NAME: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_HIGHEST_OPTION: Final = {4: 254, 6: 65535}
_CLIENT_ID: Final = "client-id"
_AS_CLIENT_ID: Final = re.compile(r"[^,\s#\"\\]+")
"""dnsmasq's list of hosts has it between commas."""
_MAY_BE_BLANK: Final = frozenset({"router", "classless-static-route"})
_VERSIONS: Final = (4, 6)
_PAIR: Final = schema.keyed({"ip_address": schema.CIDR, "mac_address": schema.MAC}, ("ip_address",))


@described(schema.one_of(_VERSIONS))
def _version(value: Any) -> int:
    return int(parse.one_of(*_VERSIONS)(parse.whole(value)))


_option = parse.entry(
    {
        "opt_name": parse.text(64),
        "opt_value": parse.nullable(parse.text(_LONGEST_VALUE)),
        "ip_version": _version,
    },
    ("opt_name", "opt_value"),
)

DhcpOptions = tuple[dict[str, Any], ...]


@described(schema.array(_PAIR) | {"maxItems": _MOST_PAIRS})
def address_pairs(value: Any) -> tuple[dict[str, str], ...]:
    """Further addresses that a port may send from."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise errors.HTTPBadRequest(message="Allowed address pairs must be a list.")
    if len(value) > _MOST_PAIRS:
        raise errors.AllowedAddressPairExhausted(limit=_MOST_PAIRS)
    pairs: list[dict[str, str]] = []
    for item in value:
        pair = _address_pair(item)
        if pair in pairs:
            mac = pair.get("mac_address")
            raise errors.DuplicateAddressPairInRequest(mac_address=mac, ip_address=pair["ip_address"])
        pairs.append(pair)
    return tuple(pairs)


def _address_pair(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise parse.Unfit(f"'{value}' is not a dictionary")
    try:
        pair: dict[str, str] = {"mac_address": parse.mac(value["mac_address"])} if "mac_address" in value else {}
        if "ip_address" not in value:
            raise errors.AllowedAddressPairsMissingIP
        if unknown := [key for key in value if key not in {"mac_address", "ip_address"}]:
            raise errors.HTTPBadRequest(message=f"Unrecognized attribute(s) '{', '.join(unknown)}'")
        return {"ip_address": _range(value["ip_address"]), **pair}
    except parse.Unfit as error:
        raise errors.HTTPBadRequest(message=str(error)) from error


def _range(value: Any) -> str:
    """An address or a network, neither of them multicast, as it was written."""
    if not isinstance(value, str) or "/" not in value:
        address = parse.address(value)
        if address.is_multicast:
            raise parse.Unfit(f"IP {value} is a multicast address, which is not supported.")
        return str(value)
    network = parse.prefix(value)
    multicast = ipaddress.ip_network("224.0.0.0/4" if network.version == 4 else "ff00::/8")
    if network.prefixlen and network.overlaps(multicast):
        raise parse.Unfit(f"Subnet {value} overlaps with multicast range {multicast}, which is not supported.")
    return value


@described(schema.array(schema.of(_option)))
def dhcp_options(value: Any) -> DhcpOptions:
    """Options of DHCP, each with `opt_name`, `opt_value` and `ip_version`; a value that is null takes one away."""
    try:
        options = tuple(_dhcp_option(item) for item in parse.list_of(parse.anything)(value))
    except parse.Unfit as error:
        raise errors.InvalidInput(reason=str(error)) from error
    keys = [_key(option) for option in options]
    if twice := [key for key in keys if keys.count(key) > 1]:
        raise errors.InvalidInput(reason=f"option '{twice[0][0]}' is there more than once")
    return options


def merged(before: Iterable[dict[str, Any]], changes: DhcpOptions) -> DhcpOptions:
    """What is named is replaced, or goes if its value is null; what is not named stays."""
    options = {_key(option): option for option in before}
    options |= {_key(option): option for option in changes}
    return tuple(option for _, option in sorted(options.items()) if option["opt_value"] is not None)


def _dhcp_option(value: Any) -> dict[str, Any]:
    try:
        option = {"ip_version": 4, **_option(value)}
    except (parse.Unfit, errors.InvalidInput) as error:
        raise parse.Unfit(f"No valid key specs matched for: {value}") from error
    name, text, version = option["opt_name"].strip(), option["opt_value"], option["ip_version"]
    if not name or (text is not None and not text.strip() and name not in _MAY_BE_BLANK):
        raise parse.Unfit(f"No valid key specs matched for: {value}")
    if not _OPTION_NAME.fullmatch(name):
        raise parse.Unfit(f"'{name}' is not the name or number of a DHCP option")
    if name.isdecimal() and not 0 < int(name) <= _HIGHEST_OPTION[version]:
        raise parse.Unfit(f"'{name}' is not in range 1 through {_HIGHEST_OPTION[version]}")
    if text is not None and not text.isprintable():
        raise parse.Unfit(f"the value of '{name}' has characters that cannot be printed")
    if text is not None and name == _CLIENT_ID and not _AS_CLIENT_ID.fullmatch(text):
        raise parse.Unfit(f"'{text}' is not a client-id: bytes in hexadecimal with colons, or one word")
    return {"opt_name": name, "opt_value": text, "ip_version": version}


def _key(option: dict[str, Any]) -> tuple[str, int]:
    return option["opt_name"], option["ip_version"]
