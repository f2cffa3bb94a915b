"""Many clients that want the same things of one or several controllers, and whether what they leave makes sense."""
