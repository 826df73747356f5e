"""Finished runs set against one of them."""
