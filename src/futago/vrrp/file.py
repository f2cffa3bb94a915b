"""The file of `futago vrrpd --config`: the routers of a host that has no agent.

TOML with one `[[routers]]` for each, or JSON with a list of the same. The keys are those of `VirtualRouterConfig`; what
an operator need not say has a default here. Every fault of a file is told at once, each with the file, the router, the
key and the cure.
"""

import difflib
import re
import stat
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from futago.contract.codec import decode_hook
from futago.contract.keys import SharedKey
from futago.vrrp.config import (
    AuthMode,
    Checksum,
    Freshness,
    VirtualAddress,
    VirtualRoute,
    VirtualRouterConfig,
)
from futago.vrrp.flaws import refuse
from futago.vrrp.machine import OWNER_PRIORITY

REQUIRED: Final = {
    "name": 'what you call it: name = "api"',
    "interface": 'where advertisements are sent and heard: interface = "eth0"',
    "source": "this host's own address on that interface (another one on each host)",
    "vrid": "1 to 255, the same on all hosts of the router",
}
"""What a router must say, and what to write."""
DEFAULTS: Final[Mapping[str, Any]] = {"namespace": "", "priority": 100, "advert_interval": 1000}
"""What a file need not say, although the engine must be told it."""

_MEANT: Final = {
    "vrid": "1 to 255",
    "priority": "1 to 254",
    "advert_interval": "milliseconds, without a unit: 1000 is a second",
    "preempt_delay": "milliseconds, without a unit: 1000 is a second",
    "version": "2 or 3, without quotes",
    "preempt": "true or false, without quotes",
    "accept": "true or false, without quotes",
    "source": 'an address without a prefix length: "192.0.2.11"',
    "advertised": 'a list of addresses without prefix lengths: ["192.0.2.10"]',
    "addresses": 'a list of addresses with prefix lengths: ["192.0.2.10/24"]',
    "routes": 'a list of tables: [{ destination = "0.0.0.0/0", next_hop = "192.0.2.1" }]',
    "links": 'a list of tables: [{ interface = "eth1", advertisement = { … } }]',
    "keys": 'a list of tables: [{ key_id = 1, secret = "…" }], the secret from `openssl rand -base64 32`',
    "checksum": " or ".join(Checksum),
    "auth_mode": ", ".join(AuthMode),
    "freshness": " or ".join(Freshness),
}
"""For those who wrote something else."""
_PARTS: Final[Mapping[str, type[msgspec.Struct]]] = {
    "addresses": VirtualAddress,
    "routes": VirtualRoute,
    "keys": SharedKey,
}

Table = dict[str, Any]


class BadFile(ValueError):
    """The file cannot be used."""

    def __init__(self, path: Path, faults: Iterable[str]) -> None:
        """A file and all that is wrong with it."""
        self.faults = tuple(f"{path}: {fault}" for fault in faults)
        super().__init__("\n".join(self.faults))


def read(path: Path) -> tuple[VirtualRouterConfig, ...]:
    """The routers of the file.

    Raises:
        BadFile: it cannot be read, or one of its routers cannot be used.

    """
    tables = _tables(path)
    labels = [_label(number, table) for number, table in enumerate(tables, 1)]
    faults = [f"{label}: {fault}" for label, table in zip(labels, tables, strict=True) for fault in _faults(table)]
    if faults:
        raise BadFile(path, faults)
    routers = tuple(_convert(table) for table in tables)
    if refused := refuse(routers):
        raise BadFile(path, [f'router "{name}": {reason}' for name, reason in refused.items()])
    return routers


def remarks(path: Path, routers: Sequence[VirtualRouterConfig]) -> list[str]:
    """What is allowed, but probably not meant."""
    found = [f'{path}: router "{router.name}": {remark}' for router in routers for remark in _remarks(router)]
    secrets = any(router.keys or router.password for router in routers)
    if secrets and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        found.append(f"{path}: others can read the secrets in it; chmod 600 {path}")
    return found


def _tables(path: Path) -> list[Any]:
    try:
        text = path.read_text()
        data = msgspec.json.decode(text) if path.suffix == ".json" else tomllib.loads(text)
    except FileNotFoundError as error:
        raise BadFile(path, ["there is no such file; `futago vrrpd --help` shows one"]) from error
    except OSError as error:
        raise BadFile(path, [error.strerror or str(error)]) from error
    except (ValueError, msgspec.DecodeError) as error:
        raise BadFile(path, [f"not {'JSON' if path.suffix == '.json' else 'TOML'}: {error}"]) from error
    tables = data.get("routers") if isinstance(data, dict) else data
    if isinstance(data, dict) and (others := sorted(data.keys() - {"routers"})):
        raise BadFile(path, [f"`{key}` stands outside of a router; begin each with [[routers]]" for key in others])
    if not isinstance(tables, list):
        raise BadFile(path, ["no routers; begin each with [[routers]]"])
    return tables


def _label(number: int, table: Any) -> str:
    name = table.get("name") if isinstance(table, dict) else None
    return f'router "{name}"' if isinstance(name, str) and name else f"router {number}"


def _faults(table: Any) -> list[str]:
    """All that is wrong with one router by itself."""
    if not isinstance(table, dict):
        return ["not a table; begin each with [[routers]]"]
    faults = [_unknown(key, VirtualRouterConfig) for key in table if key not in VirtualRouterConfig.__struct_fields__]
    faults += [f"`{key}` is missing: {meant}" for key, meant in REQUIRED.items() if key not in table]
    if not table.keys() & {"addresses", "advertised"}:
        faults.append('`addresses` is missing: the virtual ones: addresses = ["192.0.2.10/24"]')
    faults += [f"{key}: {fault}" for key, kind in _PARTS.items() for fault in _unknown_in(table.get(key), kind)]
    if faults:
        return faults
    try:
        _convert(table)
    except (ValueError, msgspec.ValidationError) as error:
        return [_ill_typed(str(error))]
    return []


def _convert(table: Table) -> VirtualRouterConfig:
    router = msgspec.convert(_completed(table), VirtualRouterConfig, dec_hook=decode_hook)
    if "advertised" in table:
        return router
    own = [a.address.ip for a in router.addresses if a.address.version == router.source.version]
    own.sort(key=lambda ip: router.ipv6 and not ip.is_link_local)  # RFC 9568, 5.2.9: the link-local one first
    everything = [a.address.ip for a in router.addresses]  # of the wrong family: to be refused with that reason
    return msgspec.structs.replace(router, advertised=tuple(own or everything))


def _completed(table: Table) -> Table:
    """What the file need not say."""
    completed = {**DEFAULTS, "advertised": [], **table}
    for key in ("addresses", "routes"):
        if isinstance(completed.get(key), list):
            completed[key] = [_on(table["interface"], part) for part in completed[key]]
    keys = completed.get("keys")
    if "send_key" not in table and isinstance(keys, list) and len(keys) == 1 and isinstance(keys[0], dict):
        completed["send_key"] = keys[0].get("key_id", 0)
    return completed


def _on(interface: Any, part: Any) -> Any:
    """An address or a route is on the router's interface, unless it says another."""
    if isinstance(part, str):
        return {"interface": interface, "address": part}
    return {"interface": interface, **part} if isinstance(part, dict) else part


def _unknown_in(parts: Any, kind: type[msgspec.Struct]) -> list[str]:
    tables = [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    return [_unknown(key, kind) for table in tables for key in table if key not in kind.__struct_fields__]


def _unknown(key: str, kind: type[msgspec.Struct]) -> str:
    near = difflib.get_close_matches(key, kind.__struct_fields__, n=1)
    hint = f"do you mean `{near[0]}`?" if near else f"there are: {', '.join(kind.__struct_fields__)}"
    return f"there is no key `{key}`; {hint}"


def _ill_typed(problem: str) -> str:
    """Such a problem ends in " - at `$.key[0].part`"."""
    text, _, where = problem.partition(" - at `$.")
    key = where.rstrip("`")
    meant = _MEANT.get(re.split(r"[.\[]", key)[0], "")
    return f"{key or 'value'}: {text}" + (f"; write {meant}" if meant else "")


def _remarks(router: VirtualRouterConfig) -> list[str]:
    owner = router.priority == OWNER_PRIORITY
    cases = (
        (owner, "priority 255 is for the owner of the addresses: it is active at once, and always preempts"),
        (owner and not router.accept, "accept = false means nothing to an owner"),
        (not router.addresses, "without addresses it elects an active router that has nothing to do"),
        (bool(router.preempt_delay) and not router.preempt, "preempt_delay means nothing without preempt = true"),
        (bool(router.keys) and router.auth_mode is AuthMode.OFF, "keys mean nothing while auth_mode is off"),
    )
    return [text for true, text in cases if true]
