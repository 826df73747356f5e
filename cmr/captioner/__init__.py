"""Show and Tell: the captioner whose text space retrieval takes."""
