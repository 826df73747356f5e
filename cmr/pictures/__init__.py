"""Picture files: decoded, through a CNN, drawn with sentences."""
