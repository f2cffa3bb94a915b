"""The VRRP engine of a host: packet, machine and engine are pure; sockets and daemon are not."""
