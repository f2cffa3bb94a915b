"""The agent of a host: specs in, the host made so, reports out."""
