"""What training and evaluation read, as arrays."""
