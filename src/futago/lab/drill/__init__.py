"""Drills: an event at the active node, what people who use the router notice, and a report of it."""
