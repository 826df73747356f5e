"""Checkpoints of the original im2txt."""
