"""One reader a raw data set."""
