"""The way of a packet through the cloud: switches, routers, NAT and firewall, and where it ends."""
