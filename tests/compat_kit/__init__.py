"""What the tests with real clients need: the clients, a controller of their own, and nodes that only talk."""
