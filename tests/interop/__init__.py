"""Our engine and other implementations of VRRP on one wire; what happened is judged from packet captures only."""
