"""Neutron's configuration files, read as they are and turned into Futago's."""
