"""Connections to begin with, and any connection at all."""

from ipaddress import IPv4Address

from hypothesis import strategies as st

from futago.conntrack.entry import KEPT_STATUS, TCP, UDP, Entry, Status, TcpState

SERVER = ("10.0.80.1", 7000)


def entry(
    *,
    inside: str = "192.168.80.9",
    port: int = 40000,
    outside: str = "10.0.80.101",
    protocol: int = TCP,
    state: int = TcpState.ESTABLISHED,
    timeout: int = 432000,
) -> Entry:
    """An instance speaks to a server outside, under the router's address."""
    there = _ends((inside, port), SERVER)
    back = _ends(SERVER, (outside, port))
    status = Status.SEEN_REPLY | Status.ASSURED | Status.SRC_NAT
    tcp_state = state if protocol == TCP else 0
    return Entry(bytes([protocol]) + there, back, int(status), tcp_state, 0, timeout)


def _ends(source: tuple[str, int], destination: tuple[str, int]) -> bytes:
    addresses = IPv4Address(source[0]).packed + IPv4Address(destination[0]).packed
    return addresses + source[1].to_bytes(2) + destination[1].to_bytes(2)


U32 = st.integers(0, 0xFFFFFFFF)
ENTRIES = st.builds(
    lambda protocol, there, back, status, state, mark, timeout: Entry(
        bytes([protocol]) + there, back, status & KEPT_STATUS, state if protocol == TCP else 0, mark, timeout
    ),
    st.sampled_from([TCP, UDP]),
    st.binary(min_size=12, max_size=12),
    st.binary(min_size=12, max_size=12),
    st.integers(0, 0xFF),
    st.sampled_from(sorted(TcpState)),
    U32,
    U32,
)
