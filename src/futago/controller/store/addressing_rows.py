"""The rows of what subnets are made from, and of who may use what."""

from typing import Final

from futago.controller.store.rows import Row, StandardRow
from futago.values import IPNetwork

EVERY_PROJECT: Final = ""
"""In the place of a project's id: so that there can be only one such row, which null would allow many of."""


class AddressScope(StandardRow, frozen=True, kw_only=True):
    """Addresses that are unique together: between its networks nothing is translated."""

    ip_version: int


class SubnetPool(StandardRow, frozen=True, kw_only=True):
    """Prefixes that subnets are cut from."""

    ip_version: int
    prefixes: tuple[IPNetwork, ...]
    """Disjoint, as few as can be, sorted."""
    min_prefixlen: int
    max_prefixlen: int
    default_prefixlen: int
    default_quota: int | None = None
    """How much a project may take: addresses of IPv4, /64s of IPv6."""
    is_default: bool = False
    address_scope_id: str | None = None


class RbacPolicy(Row, frozen=True, kw_only=True):
    """A project, or everybody, may use a thing that another project has."""

    id: str
    project_id: str
    object_type: str
    object_id: str
    action: str
    target_project: str
    """"*" is everybody."""


class DefaultRule(StandardRow, frozen=True, kw_only=True):
    """A rule that new security groups begin with."""

    direction: str
    ethertype: str = "IPv4"
    protocol: str | None = None
    port_range_min: int | None = None
    port_range_max: int | None = None
    remote_ip_prefix: str | None = None
    remote_group_id: str | None = None
    """`PARENT` is the group that the rule will be in."""
    remote_address_group_id: str | None = None
    used_in_default_sg: bool = False
    used_in_non_default_sg: bool = True


class DefaultStatefulness(Row, frozen=True, kw_only=True):
    """Whether new security groups of a project are stateful where nobody says."""

    id: str
    project_id: str
    """`EVERY_PROJECT`: of those that have none of their own."""
    stateful: bool = True


class AutoTopology(Row, frozen=True, kw_only=True):
    """What was made for a project that asked to be connected."""

    project_id: str
    network_id: str
    router_id: str | None
    """None: somebody has deleted it since."""
