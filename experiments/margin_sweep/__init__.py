"""The margin, chosen on the validation split."""
