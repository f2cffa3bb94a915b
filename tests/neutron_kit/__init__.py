"""Neutron's own tables of attributes, as neutron-lib has them, and what is compared with ours."""
