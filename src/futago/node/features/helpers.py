"""Conntrack helpers: which connections through a router the kernel reads for further ones that they agree on (FTP…).

They are in a table of their own, which fails alone: a kernel without some helper still translates. No election waits.
"""

from typing import Final

from futago.contract.specs import NodeSpecs, RouterSpec
from futago.node.features.routing import namespace_of
from futago.node.host import Owned
from futago.node.router_tables import Helper, HelperTable

_KERNELS: Final = {("h323", "tcp"): "Q.931", ("h323", "udp"): "RAS"}
"""Where the kernel has another name."""


def helpers(specs: NodeSpecs) -> list[Owned]:
    """The tables of all routers that have helpers; what fails is told of them, and holds up nothing."""
    routers = (spec for spec in specs.specs.values() if isinstance(spec, RouterSpec) and spec.conntrack_helpers)
    return [Owned(f"{router.key}/conntrack-helpers", _table(router)) for router in routers]


def _table(router: RouterSpec) -> HelperTable:
    return HelperTable(
        namespace=namespace_of(router.router_id),
        helpers=tuple(
            Helper(kind=_KERNELS.get((one.helper, one.protocol), one.helper), protocol=one.protocol, port=one.port)
            for one in router.conntrack_helpers
        ),
    )
