"""The variants of the ablations, in the order of their rows."""

# Flagfiles of experiments/flagfiles/ablations/: one factor at a time, but for negatives and the
# length of image embeddings, whose product is whole, since without unit images the margin only rescales. The values of
# the paper's fusion have no flagfile.
VARIANTS = (
    "negatives_batch",
    "negatives_hardest",
    "images_of_any_length",
    "negatives_batch_images_of_any_length",
    "negatives_hardest_images_of_any_length",
    "margin_02",
    "gru_reset_after",
    "embedding_linear",
    "embedding_raw",
    "embedding_random",
    "features_not_normalised",
    "model_single",
    "model_vse",
    "vse_on_image_features",
)
