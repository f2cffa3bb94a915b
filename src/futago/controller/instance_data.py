"""What an operator wants the instance at a port to be told of itself: name, keys, user data."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from futago.controller import device_owners
from futago.controller.store.database import Transaction, View
from futago.controller.store.rows import FixedIp, InstanceData, Port

LONGEST_DATA: Final = 64 * 1024
"""Bytes of user data, and of vendor data; Nova's limit for the first."""
_MOST_ENTRIES: Final = 128
_LONGEST_TEXT: Final = 255
_KEY: Final = re.compile(r"[a-z0-9@.-]+ [A-Za-z0-9+/=]+( [^\r\n]*)?")


class DataRefused(ValueError):
    """No instance can be told this; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is to be different; None leaves it as it is."""

    name: str | None = None
    ssh_keys: Sequence[str] | None = None
    user_data: bytes | None = None
    vendor_data: str | None = None
    meta: dict[str, str] | None = None
    availability_zone: str | None = None


def port_named(view: View, name: str) -> Port:
    """The port with this id, name, address, or beginning of an id.

    Raises:
        DataRefused: there is none, there are several, or it is no instance's.

    """
    ports = view.find(Port)
    found = [port for port in ports if name in {port.id, port.name}]
    if not found:
        holders = {fixed_ip.port_id for fixed_ip in view.find(FixedIp) if str(fixed_ip.ip_address) == name}
        found = [port for port in ports if port.id in holders or port.id.startswith(name)]
    if not found:
        raise DataRefused(f"there is no port {name}")
    if len(found) > 1:
        raise DataRefused(f"{name} is several ports: {', '.join(port.id for port in found)}; name one by its id")
    if found[0].device_owner.startswith(device_owners.SERVICE):
        raise DataRefused(f"port {name} belongs to the network ({found[0].device_owner}), and not to an instance")
    return found[0]


def of(view: View, port: Port) -> InstanceData:
    """What is set for a port; nothing if nothing is."""
    found = view.get(InstanceData, port_id=port.id)
    return found or InstanceData(port_id=port.id, network_id=port.network_id)


def change(txn: Transaction, port: Port, wanted: Change) -> InstanceData:
    """Set what the change names.

    Raises:
        DataRefused: it cannot be told.

    """
    _check(wanted)
    before = of(txn, port)
    columns = {name: getattr(wanted, name) for name in Change.__slots__ if getattr(wanted, name) is not None}
    if "ssh_keys" in columns:
        columns["ssh_keys"] = tuple(columns["ssh_keys"])
    after = replace(before, **columns)
    if txn.get(InstanceData, port_id=port.id) is None:
        return txn.add(after)
    return txn.replace(before, after)


def forget(txn: Transaction, port: Port) -> None:
    """Go back to what is known of the port anyway."""
    for data in txn.find(InstanceData, port_id=port.id):
        txn.remove(data)


def _check(wanted: Change) -> None:
    texts = [wanted.name or "", wanted.availability_zone or "", *(wanted.meta or {}), *(wanted.meta or {}).values()]
    if too_long := [text for text in texts if len(text) > _LONGEST_TEXT]:
        raise DataRefused(f"{too_long[0][:20]}… is longer than {_LONGEST_TEXT} characters")
    for key in wanted.ssh_keys or ():
        if not _KEY.fullmatch(key):
            raise DataRefused(f"{key[:40]!r} is no public key as it stands in authorized_keys")
    if max(len(wanted.ssh_keys or ()), len(wanted.meta or {})) > _MOST_ENTRIES:
        raise DataRefused(f"more than {_MOST_ENTRIES} keys, or entries of meta")
    if max(len(wanted.user_data or b""), len(wanted.vendor_data or "")) > LONGEST_DATA:
        raise DataRefused(
            f"user data and vendor data have {LONGEST_DATA} bytes at most; compress them, or include a URL"
        )
    if wanted.vendor_data:
        _check_object(wanted.vendor_data)


def _check_object(text: str) -> None:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise DataRefused(f"vendor data is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise DataRefused("vendor data is to be a JSON object; cloud-init reads its `cloud-init`")
