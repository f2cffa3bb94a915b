"""What a node keeps on disk: its last specs, its local VLANs, how its uplinks were, its credential.

Each file is written whole or not at all. With these a node that reboots brings its networks back before it has spoken
to any controller.
"""

import os
from pathlib import Path
from typing import TypeVar

import msgspec
import structlog

from futago.contract.codec import BadMessage, decode, encode
from futago.contract.specs import NodeSpecs
from futago.node.host import LocalVlans

T = TypeVar("T", bound=msgspec.Struct)
_log = structlog.get_logger()


class Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """What a new agent must know of an uplink, so that its start changes nothing."""

    up: bool
    answers: bool
    """The gateway has answered before."""


class _Uplinks(msgspec.Struct, frozen=True, kw_only=True):
    uplinks: dict[str, Remembered]


class StateDirectory:
    """The files under a node's `state_path`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._saved_specs: NodeSpecs | None = None
        self._saved_vlans: LocalVlans | None = None

    def specs(self) -> NodeSpecs | None:
        """The last specs, or None if there are none that can be read."""
        self._saved_specs = self._read("specs.json", NodeSpecs)
        return self._saved_specs

    def save_specs(self, specs: NodeSpecs) -> None:
        if specs != self._saved_specs:
            self._write("specs.json", encode(specs))
            self._saved_specs = specs

    def vlans(self) -> LocalVlans | None:
        """The local VLANs, or None if they are not known here."""
        self._saved_vlans = self._read("vlans.json", LocalVlans)
        return self._saved_vlans

    def save_vlans(self, vlans: LocalVlans) -> None:
        if vlans != self._saved_vlans:
            self._write("vlans.json", encode(vlans))
            self._saved_vlans = vlans

    def uplinks(self) -> dict[str, Remembered]:
        """How the uplinks were, by network; what is not known was fine."""
        saved = self._read("uplinks.json", _Uplinks)
        return {} if saved is None else saved.uplinks

    def save_uplinks(self, uplinks: dict[str, Remembered]) -> None:
        self._write("uplinks.json", encode(_Uplinks(uplinks=uplinks)))

    def credential(self) -> str:
        """What the controller knows this node by; "" before it has joined."""
        try:
            return (self._path / "credential").read_text().strip()
        except FileNotFoundError:
            return ""

    def save_credential(self, credential: str) -> None:
        self._write("credential", credential.encode())

    def _read(self, name: str, kind: type[T]) -> T | None:
        try:
            return decode((self._path / name).read_bytes(), kind)
        except FileNotFoundError:
            return None
        except (OSError, BadMessage) as error:
            _log.warning("state not readable", file=str(self._path / name), error=str(error))
            return None

    def _write(self, name: str, data: bytes) -> None:
        self._path.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = self._path / f".{name}.new"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path / name)
