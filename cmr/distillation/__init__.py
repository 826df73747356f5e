"""Learning from finished runs beside the pairs themselves: what teachers say of the training split."""
