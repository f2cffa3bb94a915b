"""Where our tables differ from neutron-lib's, and why. What is not here is the same, or a test fails.

A key names a collection ("*" is any), an attribute ("*" is any) and what differs: "missing", "extra", "post", "put",
"default", "visible", "filter", "sort", or the `repr` of a value that only one of the two takes or of which they say
different things ("*" is any value).
"""

from typing import Final

Key = tuple[str, str, str]

_NUL: Final = "not every database can keep the character NUL"
_NUMBER: Final = "an accident of Neutron's library, which reads any number as an address"
_NO_FACTS: Final = "Neutron checks it itself, by rules that are not in neutron-lib"
_NO_PROJECT: Final = "an empty word is no project; Neutron keeps a setting for it, which holds for nothing"
_METERS: Final = "neutron-lib has the later extension, which changes it, in a table of another kind"

DIFFERENCES: Final[dict[Key, str]] = {
    ("*", "*", repr("a\0b")): _NUL,
    ("subnets", "cidr", "None"): "null says nothing, as in the API's reference; Neutron fails on it",
    ("subnets", "gateway_ip", repr(10**20)): _NUMBER,
    ("networks", "segments", "*"): "unknown keys are named in their order; Neutron names them in any",
    ("ports", "mac_address", "*"): "a host's own address only: neither one of a group nor a bare number",
    ("ports", "binding:vnic_type", "*"): "there is no hardware to plug other types into",
    ("ports", "binding:host_id", "*"): "the name of a host; Neutron takes any value",
    ("routers", "flavor_id", "extra"): "always null; there are no flavors",
    ("security_groups", "stateful", "default"): "it is what security-groups-default-statefulness says, else true",
    ("security_groups_default_statefulness", "project_id", repr("")): _NO_PROJECT,
    ("security_groups_default_statefulness", "tenant_id", repr("")): _NO_PROJECT,
    ("security_group_rules", "description", "put"): "a rule cannot be changed; Neutron's server fails on the request",
    ("security_group_rules", "*", "*"): _NO_FACTS,
    ("subnetpools", "name", repr("x" * 256)): "it would not fit into the database",
    ("network_segment_ranges", "tenant_id", "missing"): "it is not in neutron-lib's table either, only project_id is",
    ("network_segment_ranges", "network_type", "default"): "every range has a type",
    ("metering_label_rules", "project_id", "visible"): "Neutron's rules have none, and are shown with none",
    ("metering_label_rules", "tenant_id", "visible"): "Neutron's rules have none, and are shown with none",
    ("metering_label_rules", "remote_ip_prefix", "*"): _METERS,
    ("metering_label_rules", "remote_ip_prefix", "default"): _METERS,
    ("metering_label_rules", "source_ip_prefix", "extra"): _METERS,
    ("metering_label_rules", "destination_ip_prefix", "extra"): _METERS,
    **{
        (f"alias_{kind}_rules", name, "missing"): "for the rules of access alone, which have it from the policy"
        for kind in ("bandwidth_limit", "dscp_marking", "minimum_bandwidth")
        for name in ("tenant_id", "project_id")
    },
    ("address_groups", "revision_number", "extra"): "every resource counts its changes",
    ("address_groups", "created_at", "extra"): "every resource says when it was made",
    ("address_groups", "updated_at", "extra"): "every resource says when it was changed",
}


def known(collection: str, attribute: str, what: str) -> Key | None:
    """The entry that explains a difference; one for any value explains no difference of another kind."""
    kinds = {"missing", "extra", "post", "put", "default", "visible", "filter", "sort"}
    for key in (
        (collection, attribute, what),
        *(() if what in kinds else ((collection, attribute, "*"), (collection, "*", "*"), ("*", "*", what))),
    ):
        if key in DIFFERENCES:
            return key
    return None
