"""A CNN that is trained with what reads its features: its blocks, crops of its pictures, cached feature maps."""
