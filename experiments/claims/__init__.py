"""Which comparisons of the paper's tables hold where every system reads the same features."""
