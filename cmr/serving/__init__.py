"""A trained model in one file, and what serves it to others."""
