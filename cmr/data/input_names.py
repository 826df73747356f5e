"""Names of what a batch holds: the inputs of the models, and what training reads beside them."""

# X_vgg and X_img: the image encoder's inputs, and the captioner's.
VGG_FEATURES = "vgg_features"
IMAGE_FEATURES = "image_features"

# The sentences' word ids.
CAPTION = "caption"

# Which image a pair's is.
IMAGE_ROW = "image_row"

# What teachers say of a pair's image and of its sentence.
TEACHER_IMAGE = "teacher_image"
TEACHER_CAPTION = "teacher_caption"

# In the place of an image's features, where its CNN is trained too.
PICTURES = "pictures"
