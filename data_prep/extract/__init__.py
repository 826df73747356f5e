"""CNN features of a data set's pictures."""
