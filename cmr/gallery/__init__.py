"""The gallery: a folder of pictures, indexed with a model, to be searched."""
