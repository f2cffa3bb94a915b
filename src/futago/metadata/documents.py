"""Pure: an instance and a path in, the text that stands there out; cloud-init's EC2 and OpenStack formats.

    /latest/meta-data/…                      EC2, also under the dates of its versions
    /latest/user-data
    /openstack/latest/meta_data.json …       OpenStack, also under the dates of its versions

A path that ends a listing may have its slash or not; what is not there is None, which is how clients find out.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Final

from futago.contract.specs import InstanceAddress, InstanceSpec

Tree = Mapping[str, "Tree | bytes"]
"""Names in a directory."""

EC2_VERSIONS: Final = (
    *("1.0", "2007-01-19", "2007-03-01", "2007-08-29", "2007-10-10", "2007-12-15", "2008-02-01", "2008-09-01"),
    "2009-04-04",
)
OPENSTACK_VERSIONS: Final = (
    *("2012-08-10", "2013-04-04", "2013-10-17", "2015-10-15", "2016-06-30", "2016-10-06", "2017-02-22", "2018-08-27"),
)
_LATEST: Final = "latest"
_CALLED: Final = "="
"""Between the number of a public key and its name; it is found by the number."""
_LINK: Final = "port0"


def document(spec: InstanceSpec, path: str, seed: bytes) -> bytes | None:
    """What stands at `path`; `seed` is for the instance's random numbers, and new each time."""
    words = [word for word in path.split("/") if word]
    if words[:1] == ["openstack"]:
        return _in_version(OPENSTACK_VERSIONS, words[1:], lambda: _openstack(spec, seed))
    return _in_version(EC2_VERSIONS, words, lambda: _ec2(spec))


def _in_version(versions: tuple[str, ...], words: list[str], tree: Callable[[], Tree]) -> bytes | None:
    """All versions are alike: what came later is added, and nobody minds what he does not know."""
    if not words:
        return "\n".join((*versions, _LATEST)).encode()
    return _at(tree(), words[1:]) if words[0] in {*versions, _LATEST} else None


def _at(item: "Tree | bytes", words: list[str]) -> bytes | None:
    for word in words:
        below = {} if isinstance(item, bytes) else {name.partition(_CALLED)[0]: found for name, found in item.items()}
        if word not in below:
            return None
        item = below[word]
    return item if isinstance(item, bytes) else "\n".join(map(_listed, item, item.values())).encode()


def _listed(name: str, item: "Tree | bytes") -> str:
    """A directory's name ends in a slash, unless it says what it is called."""
    return name if isinstance(item, bytes) or _CALLED in name else f"{name}/"


def _ec2(spec: InstanceSpec) -> Tree:
    metadata: Tree = {"meta-data": _ec2_metadata(spec)}
    return {**metadata, "user-data": spec.user_data} if spec.user_data else metadata


def _ec2_metadata(spec: InstanceSpec) -> Tree:
    found: dict[str, Tree | bytes] = {
        "ami-id": b"ami-00000000",
        "ami-launch-index": b"0",
        "hostname": spec.hostname.encode(),
        "instance-action": b"none",
        "instance-id": ec2_id(spec.instance_id).encode(),
        "instance-type": b"futago",
        "local-hostname": spec.hostname.encode(),
        "mac": spec.mac.encode(),
        "placement": {"availability-zone": _zone(spec).encode()},
        "reservation-id": f"r-{ec2_id(spec.instance_id)[2:]}".encode(),
        "security-groups": b"default",
    }
    for address in [str(one.address.ip) for one in spec.addresses if one.address.version == 4][:1]:
        found["local-ipv4"] = address.encode()
    if spec.ssh_keys:
        named = enumerate(_named_keys(spec))
        found["public-keys"] = {f"{n}{_CALLED}{name}": {"openssh-key": key.encode()} for n, (name, key) in named}
    return dict(sorted(found.items()))


def _openstack(spec: InstanceSpec, seed: bytes) -> Tree:
    files: dict[str, Tree | bytes] = {
        "meta_data.json": _json(_openstack_metadata(spec, seed)),
        "network_data.json": _json(_network_data(spec)),
        "vendor_data.json": (spec.vendor_data or "{}").encode(),
        "vendor_data2.json": b"{}",
    }
    if spec.user_data:
        files["user_data"] = spec.user_data
    return files


def _openstack_metadata(spec: InstanceSpec, seed: bytes) -> dict[str, object]:
    keys = dict(_named_keys(spec))
    found: dict[str, object] = {
        "uuid": spec.instance_id,
        "name": spec.name,
        "hostname": spec.hostname,
        "launch_index": 0,
        "availability_zone": _zone(spec),
        "project_id": spec.project_id,
        "meta": dict(spec.meta),
        "devices": [],
        "random_seed": base64.b64encode(seed).decode(),
    }
    if keys:
        found["public_keys"] = keys
        found["keys"] = [{"name": name, "type": "ssh", "data": key} for name, key in keys.items()]
    return found


def _network_data(spec: InstanceSpec) -> dict[str, object]:
    link = {
        "id": _LINK,
        "vif_id": spec.port_id,
        "type": "ovs",
        "mtu": spec.mtu,
        "ethernet_mac_address": spec.mac,
    }
    servers = sorted({str(server) for address in spec.addresses for server in address.dns_servers})
    return {
        "links": [link],
        "networks": [_network(spec, number, address) for number, address in enumerate(spec.addresses)],
        "services": [{"type": "dns", "address": server} for server in servers],
    }


def _network(spec: InstanceSpec, number: int, address: InstanceAddress) -> dict[str, object]:
    about: dict[str, object] = {"id": f"network{number}", "link": _LINK, "network_id": spec.network_id}
    kind = f"ipv{address.address.version}"
    if address.ipv6_mode is not None:
        return about | {"type": f"{kind}_{address.ipv6_mode.value}"}
    if address.dhcp:
        return about | {"type": f"{kind}_dhcp"}
    far = [(one.destination, one.next_hop) for one in address.routes]
    routes = [(str(to.network_address), str(to.netmask), str(next_hop)) for to, next_hop in far]
    if address.gateway is not None:
        anywhere = "0.0.0.0" if address.gateway.version == 4 else "::"  # noqa: S104 - the default route
        routes.append((anywhere, anywhere, str(address.gateway)))
    return about | {
        "type": kind,
        "ip_address": str(address.address.ip),
        "netmask": str(address.address.netmask),
        "routes": [dict(zip(("network", "netmask", "gateway"), route, strict=True)) for route in routes],
        "services": [{"type": "dns", "address": str(server)} for server in address.dns_servers],
    }


def ec2_id(instance_id: str) -> str:
    """An id as EC2's are; the same for the same instance."""
    return f"i-{hashlib.sha256(instance_id.encode()).hexdigest()[:17]}"


def _named_keys(spec: InstanceSpec) -> list[tuple[str, str]]:
    """Keys have no name in `authorized_keys`: they get one that says how many there are."""
    return [(f"key{number}", key) for number, key in enumerate(spec.ssh_keys)]


def _zone(spec: InstanceSpec) -> str:
    return spec.availability_zone or "nova"


def _json(value: object) -> bytes:
    return json.dumps(value).encode()
