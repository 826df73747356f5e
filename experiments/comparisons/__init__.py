"""Rows set against a baseline: each less it on the same test images, as text, page and data."""
