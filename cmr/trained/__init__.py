"""A finished run, and what it is good for: its test table, and embeddings of new pictures and sentences."""
