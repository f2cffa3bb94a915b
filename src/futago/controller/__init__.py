"""The controller: the API, identity, the store, planning, and the nodes' side of it; no state of its own."""
