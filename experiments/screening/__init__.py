"""Settings tried on the validation split."""
