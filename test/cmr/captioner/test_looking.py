"""Whether a captioner looks at the picture: exchanged pictures, and what is said of it."""

import dataclasses

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmr.captioner import looking
from cmr.captioner.decoding import Decoder
from cmr.captioner.looking import Looking
from cmr.captioner.loss import SplitLosses
from cmr.captioner.model import CaptionerConfig, captioner_model
from cmr.data import input_names
from cmr.data.examples import Examples, FeatureRows


def split_of(num_images):
    features = FeatureRows(np.arange(num_images, dtype=np.float32)[:, None], np.arange(num_images))
    return Examples(
        image_ids=[str(number) for number in range(num_images)],
        file_names=[""] * num_images,
        captions=[""] * num_images,
        tokens=np.tile(np.array([3, 2], np.int32), num_images),
        starts=2 * np.arange(num_images + 1),
        image_of_caption=np.arange(num_images, dtype=np.int32),
        features={input_names.IMAGE_FEATURES: features},
    )


@settings(deadline=None)
@given(num_images=st.integers(2, 50), seed=st.integers(0, 2**32))
def test_no_image_keeps_its_own_picture_and_every_picture_is_used_once(num_images, seed):
    split = split_of(num_images)

    exchanged = looking.exchange_pictures(split, seed).features[input_names.IMAGE_FEATURES]

    taken = exchanged.take(np.arange(num_images))[:, 0]
    assert sorted(taken) == list(range(num_images))
    assert np.all(taken != np.arange(num_images))


def test_a_captioner_that_ignores_the_image_does_as_well_with_any_picture(scenes_inputs):
    keras.utils.set_random_seed(0)
    words = scenes_inputs.vocabulary
    model = captioner_model(CaptionerConfig(14, len(words), 4, 4))
    kernel = model.get_layer("image_embedding").kernel
    kernel.assign(np.zeros(kernel.shape))
    val = scenes_inputs.split("val")
    val = dataclasses.replace(val, features={"image_features": val.features["image_features"]})

    measured, captions = looking.measure(Decoder(model), SplitLosses(model), val, words)

    assert measured.shuffled_perplexity == pytest.approx(measured.perplexity)
    assert measured.hardly
    assert (measured.distinct_captions, measured.images, len(captions)) == (1, val.num_images, val.num_images)


@pytest.mark.parametrize(
    ("measured", "warned"),
    [
        (Looking(3.65, 3.85, 14, 150), True),
        (Looking(2.1, 6.0, 140, 150), False),
        (Looking(float("inf"), float("inf"), 1, 150), True),
        (Looking(5.0, 5.0, 1, 1), False),
    ],
)
def test_the_warning_is_of_one_that_does_as_well_with_other_images_pictures(measured, warned):
    assert bool(measured.warning()) == warned
