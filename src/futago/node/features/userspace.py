"""What a switch in userspace asks of those who judge by its silence.

Its one thread looks at every port each time that it wakes, and answers nobody meanwhile. Measured with 500 ports on two
cores, it is silent for up to half a second while ports are added or many routers change sides. Who takes that for a
dead node or a lost uplink moves routers, and that makes it slower still.
"""

from typing import Final

from futago.contract.specs import NodeSpecs, RouterSpec
from futago.node.host import Place
from futago.values import Millis

MICROSECONDS_A_PORT: Final = 600
_STEP: Final = Millis(50)


def lateness(specs: NodeSpecs, place: Place) -> Millis:
    """How late the switch may be with what comes in; 0 where the kernel forwards."""
    if place.datapath_type != "netdev":
        return Millis(0)
    routers = (spec for spec in specs.specs.values() if isinstance(spec, RouterSpec))
    ports = sum(len(one.interfaces) + (one.gateway is not None) + (one.ha is not None) for one in routers)
    return Millis(ports * MICROSECONDS_A_PORT // (1000 * _STEP) * _STEP)
