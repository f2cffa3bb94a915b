"""Tables and migrations; one write is one transaction is one revision."""
