"""Settings of the comparators: frozen values whose defaults are their papers', read before TensorFlow is."""
