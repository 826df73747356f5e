"""The best row and the best ensemble."""
