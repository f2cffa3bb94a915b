"""Connections that survive a takeover: what the active node translates stands in its twins' kernels already."""
