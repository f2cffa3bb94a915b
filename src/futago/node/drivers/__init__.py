"""The only code of the agent that touches the host: read back, put, remove."""
