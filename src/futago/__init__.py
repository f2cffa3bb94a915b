"""Futago: highly available virtual routers on Open vSwitch, behind the Networking API v2.0."""

__version__ = "0.1.0"
