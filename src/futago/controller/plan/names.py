"""What ports are called."""

from futago.controller.store.rows import Network, Port


def label(port: Port, domain: str) -> str:
    """A port's name without the servers' `domain`; "" if it has none."""
    name = port.dns_name
    return name.rstrip(".").removesuffix(f".{domain.rstrip('.')}") if name.endswith(".") else name


def fqdn(network: Network, port: Port, domain: str) -> str:
    """What a port that has a name is called in the domain that it, or its network, has; "" if there is none."""
    wanted, hostname = port.dns_domain or network.dns_domain, label(port, domain)
    return f"{hostname}.{wanted.rstrip('.')}" if wanted and hostname else ""
