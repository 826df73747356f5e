"""Flagfiles and runners that redo the paper's tables."""
