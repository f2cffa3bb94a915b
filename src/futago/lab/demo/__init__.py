"""`futago demo`: the whole story in one command, from the API calls to the failover, with the proof at the end."""
