"""What `futago conntrackd` says on a host of a lab."""

from futago.conntrack.control import Statuses, read_reply
from futago.lab.errors import LabError
from futago.lab.lab import Lab


def status(lab: Lab, host: str) -> Statuses:
    """Ask it.

    Raises:
        LabError: it does not answer.

    """
    said = lab.exec(host, ["futago", "conntrack", "status", "--json"]).stdout
    reply = read_reply(said.encode())
    if not isinstance(reply, Statuses):
        raise LabError(f"{host}: {reply}")
    return reply


def entries(lab: Lab, host: str, router_id: str) -> int:
    """The connections that are replicated of a router; 0 while the program does not know of it."""
    return next((router.entries for router in status(lab, host).routers if router.name == router_id), 0)
