"""cloud-init's own clients of metadata services, run in an instance by the system's Python: prints what they read.

Run by itself: it imports nothing of Futago's, and is no part of any test's process.
"""

import json
import sys


def openstack(address: str) -> dict[str, object]:
    """As the data source OpenStack does."""
    from cloudinit.sources.helpers import openstack as helper

    found = dict(helper.MetadataReader(address).read_v2())
    macs = {link["ethernet_mac_address"]: "eth0" for link in found["networkdata"]["links"]}
    found["config"] = helper.convert_net_json(found["networkdata"], known_macs=macs)
    return found


def ec2(address: str) -> dict[str, object]:
    """As the data source Ec2 does."""
    from cloudinit.sources.helpers import ec2 as helper

    metadata = helper.get_instance_metadata("2009-04-04", address)
    return {"metadata": metadata, "userdata": helper.get_instance_userdata("2009-04-04", address)}


def _as_text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


if __name__ == "__main__":
    print(json.dumps({"openstack": openstack, "ec2": ec2}[sys.argv[1]](sys.argv[2]), default=_as_text))
