"""Folder names of features: of which CNN and layer, of how many crops, and of pictures of what size."""

import re

# Whatever is read in the place of a CNN's usual layer, as data_prep.extract's layers name themselves.
_LAYER = r"grid(?:(?P<side>[1-9]\d*)x(?P=side))?|predictions|stages[2-9]"
_ENDING = re.compile(rf"^(?P<usual>.*?(?:-(?P<layer>{_LAYER}))?)(?:-\d+crop)?(?:-(?P<size>\d+)px)?(?:-random)?$")

# Sides in pixels of the pictures that CNNs were made for, which no name says.
OWN_SIZES = {"vgg16": 224, "vgg19": 224, "inception_v3": 299, "efficientnet_lite2": 260}


def of_vgg(vgg_model: str, vgg_layer: str, crops: int = 1, weights: str = "imagenet", size: int = 0) -> str:
    """Folder name of the VGG features, such as `vgg16-fc7`, `vgg19-fc7-10crop`, `vgg16-grid` or, of pictures of another
    size than the CNN's own, `vgg16-pool5_avg-448px`."""
    base = "scene_cnn-objects" if vgg_model == "scene_cnn" else f"{vgg_model}-{vgg_layer}"
    return base + _suffix(vgg_model, crops, weights, size)


def of_image(
    image_model: str, hub_module: str = "", crops: int = 1, weights: str = "imagenet", layer: str = "", size: int = 0
) -> str:
    """Folder name of the features behind the text space, such as `inception_v3`; of another layer than the pool's and
    of pictures of another size than the CNN's own it names those too: `efficientnet_lite2-stages3-352px`."""
    base = {"scene_cnn": "scene_cnn-layout", "hub": f"hub-{_slug(hub_module)}"}.get(image_model, image_model)
    if layer:
        base = f"{image_model}-{layer}"
    return base + _suffix(image_model, crops, weights, size)


def layer_and_size(name: str) -> tuple[str, int]:
    """What the names above say of the layer that takes the usual one's place, and of the pictures' size.

    Returns:
      Such as `("stages3", 352)`; `("", 0)` where the name says neither, as those of a user's own features.
    """
    said = _ENDING.match(name)
    return said["layer"] or "", int(said["size"] or 0)


def of_usual_pictures(name: str) -> str:
    """The CNN and layer that a name says, without crops, the size of pictures and random weights: as long vectors."""
    return _ENDING.match(name)["usual"]


def layer_flags(layer: str) -> tuple[str, ...]:
    """Flags of data_prep.extract for a layer as these names say it: `grid4x4`, `predictions`, `stages3`; "" without."""
    if layer.startswith("stages"):
        return (f"--stages={layer.removeprefix('stages')}",)
    if layer.startswith("grid"):
        side = layer.removeprefix("grid").partition("x")[0]
        return "--grid", *([f"--grid_side={side}"] if side else [])
    return (f"--{layer}",) if layer else ()


def extract_flags(name: str) -> tuple[str, ...]:
    """Flags of data_prep.extract that a name says beside the CNN and the crops: of its layer and the pictures' size."""
    layer, size = layer_and_size(name)
    return *layer_flags(layer), *([f"--input_size={size}"] if size else [])


def _suffix(model: str, crops: int, weights: str, size: int) -> str:
    of_pictures = "" if crops == 1 else f"-{crops}crop"
    if size and size != OWN_SIZES.get(model):
        of_pictures += f"-{size}px"
    return of_pictures + ("-random" if weights == "random" else "")


def _slug(text: str) -> str:
    last = re.sub(r"^https?://", "", text.rstrip("/"))
    return re.sub(r"[^A-Za-z0-9]+", "_", last)[-60:].strip("_")
