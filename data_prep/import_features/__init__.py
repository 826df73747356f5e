"""Features computed elsewhere."""
