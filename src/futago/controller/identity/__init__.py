"""A Keystone-v3-compatible identity service, embedded."""
