"""The nft tables beside the one of NAT in a router's namespace, as a part of the host's state."""

import msgspec


class Helper(msgspec.Struct, frozen=True, kw_only=True):
    """What the kernel reads connections to a port with."""

    kind: str
    """The kernel's name of it."""
    protocol: str
    port: int


class HelperTable(msgspec.Struct, frozen=True, kw_only=True, tag="helpers"):
    """The conntrack helpers of a namespace."""

    namespace: str
    helpers: tuple[Helper, ...] = ()

    @property
    def key(self) -> str:
        return f"helpers/{self.namespace}"


class NftCounter(msgspec.Struct, frozen=True, kw_only=True):
    """A counter, and the rules by which it counts, as nft writes them."""

    name: str
    rules: tuple[str, ...]


class MeterTable(msgspec.Struct, frozen=True, kw_only=True, tag="meters"):
    """The counters of a namespace; what they have counted outlives every change of the rules."""

    namespace: str
    meters: tuple[NftCounter, ...] = ()

    @property
    def key(self) -> str:
        return f"meters/{self.namespace}"


class ScopeTable(msgspec.Struct, frozen=True, kw_only=True, tag="scopes"):
    """What a router does not forward over IPv6, as nft writes it; over IPv4 it is in the table of NAT."""

    namespace: str
    rules: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"scopes/{self.namespace}"
