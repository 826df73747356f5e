"""A split of twelve images with three sentences each, for what looks at similarities alone."""

import numpy as np

from cmr.data.examples import Examples

IMAGE_OF_CAPTION = np.repeat(np.arange(12), 3)
SPLIT = Examples(
    image_ids=[f"image{n}" for n in range(12)],
    file_names=[f"{n}.jpg" for n in range(12)],
    captions=[f"sentence {n}" for n in range(36)],
    tokens=np.zeros(36, np.int32),
    starts=np.arange(37),
    image_of_caption=IMAGE_OF_CAPTION,
    features={},
)
