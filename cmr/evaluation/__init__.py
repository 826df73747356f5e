"""Embeddings of a split, their recalls and ranks, and the table that shows them."""
