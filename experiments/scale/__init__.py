"""What mscoco_size measures."""
