"""Image-sentence retrieval in a limited text space: the library and its commands."""

__version__ = "0.1.0"
