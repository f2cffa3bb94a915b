"""Security groups and anti-spoofing as flows of the integration bridge: docs/firewall.md has the tables."""
