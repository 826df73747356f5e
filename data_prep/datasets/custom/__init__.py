"""A user's own pictures and sentences, in the forms in which people have them."""
