"""Names: of ports and floating IPs, the domains of networks, and what our own DNS servers answer for them."""

from typing import Final

from futago.config import ControllerConfig
from futago.controller.resources import errors
from futago.controller.resources.definition import Rendered
from futago.controller.store.rows import Port
from futago.values import default_hostname

_LONGEST: Final = 255


def check_name(config: ControllerConfig, name: str) -> None:
    """See that a port's name, if it is whole, is in our domain, and if it is not, fits there.

    Raises:
        errors.HTTPBadRequest: it does not.

    """
    ours = f".{domain(config)}"
    if name.endswith(".") and not (name.endswith(ours) and len(name) > len(ours)):
        raise _unfit(
            "The dns_name passed is a FQDN. Its higher level labels must be equal to the dns_domain option in "
            f"neutron.conf, that has been set to '{config.dns_domain}'. It must also include one or more valid DNS "
            f"labels to the left of '{config.dns_domain}'"
        )
    if len(name) + len(ours) > _LONGEST and not name.endswith("."):
        raise _unfit(
            f"The dns_name passed is a PQDN and its size is '{len(name)}'. With the domain '{config.dns_domain}' the "
            f"resulting length exceeds the maximum size of '{_LONGEST}'"
        )


def assignment(port: Port, address: str, domain: str) -> Rendered:
    """What an address of a port is called, with our `domain`."""
    hostname = port.dns_name or default_hostname(address)
    fqdn = hostname if hostname.endswith(".") else f"{hostname}.{domain}"
    return {"ip_address": address, "hostname": hostname, "fqdn": fqdn}


def domain(config: ControllerConfig) -> str:
    """Ours, with a dot at its end."""
    return f"{config.dns_domain.rstrip('.')}."


def _unfit(reason: str) -> errors.HTTPBadRequest:
    return errors.HTTPBadRequest(message=f"Invalid input for dns_name. Reason: {reason}.")
