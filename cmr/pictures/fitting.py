"""Pictures made smaller or larger until they fit."""

from PIL import Image


def fitted(
    picture: Image.Image, size: tuple[int, int], resample: Image.Resampling = Image.Resampling.BICUBIC
) -> Image.Image:
    """A picture as large as fits into a box, in its own proportions.

    Args:
      picture: the picture; it may be some pixels wide and many thousands high.
      size: width and height of the box.
      resample: how it is resampled.

    Returns:
      The picture; a side that the proportions leave nothing of has one pixel.
    """
    scale = min(size[0] / picture.width, size[1] / picture.height)
    width, height = (min(most, max(1, round(side * scale))) for side, most in zip(picture.size, size, strict=True))
    return picture.resize((width, height), resample)
