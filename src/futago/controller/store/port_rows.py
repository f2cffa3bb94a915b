"""The rows of what instances' ports may be given: rates, trunks, a place on a second host."""

from typing import Any

import msgspec

from futago.controller.store.rows import Row, StandardRow


class QosPolicy(StandardRow, frozen=True, kw_only=True):
    """A named set of rules for the traffic of ports."""

    default_of: str | None = None
    """The project whose new networks get it: unique, which is what makes it one."""


class QosRule(Row, frozen=True, kw_only=True):
    """One thing that a policy says; the columns that its kind has not are None."""

    id: str
    policy_id: str
    kind: str
    """`bandwidth_limit`, `packet_rate_limit`, `dscp_marking`, `minimum_bandwidth`."""
    direction: str = ""
    """As the instance sees it; "" where the kind has none. With policy and kind it is unique."""
    max_kbps: int | None = None
    max_burst_kbps: int | None = None
    dscp_mark: int | None = None
    min_kbps: int | None = None
    max_kpps: int | None = None
    max_burst_kpps: int | None = None


class Trunk(StandardRow, frozen=True, kw_only=True):
    """A port that carries others beside its own network."""

    port_id: str
    """The parent: the one that an instance is plugged into."""
    admin_state_up: bool = True


class SubPort(Row, frozen=True, kw_only=True):
    """A port whose frames are tagged on the parent port of a trunk: its primary key is what keeps it on one trunk."""

    port_id: str
    trunk_id: str
    segmentation_type: str
    segmentation_id: int
    """With the trunk it is unique."""


class PortBinding(Row, frozen=True, kw_only=True):
    """A second host on which a port may be one day; where it is, the port itself says."""

    port_id: str
    host: str
    vnic_type: str = "normal"
    profile: dict[str, Any] = msgspec.field(default_factory=dict)


class GroupPort(Row, frozen=True, kw_only=True):
    """A port of a security group, found without looking through all ports; `group_ports` keeps it."""

    security_group_id: str
    port_id: str
    host_id: str = ""
    """Where the group's rules have to be for it; "" is nowhere."""
