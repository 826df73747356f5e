"""Each kind of W_img: its spectrum, that of X_txt, and what retrieval in closed form makes of X_txt."""

import dataclasses

import numpy as np

from cmr.comparators import canonical
from cmr.comparators.ngrams import Ngrams
from cmr.comparators.settings.closed_form import CcaSettings
from cmr.comparators.system import unit
from cmr.data import input_names, whitening
from cmr.data.examples import Examples
from cmr.evaluation import metrics
from cmr.evaluation.metrics import BothDirections
from experiments.text_space import spectra

# The best closed-form row known on Flickr8K.
_CCA = CcaSettings(text="ngrams")

# The best of 0.01, 0.1 and 1 for a trained model on Flickr8K's validation split.
_RIDGE = 0.1


@dataclasses.dataclass(frozen=True)
class MeasuredSpace:
    """What is known of one X_txt.

    Attributes:
      name: the kind of W_img.
      dim: of X_txt.
      map_rank: effective rank of W_img's singular values; 0 where there is no W_img.
      rank: effective rank of X_txt's variances over the training images.
      share_of_ten: of X_txt's variance, the part of its ten largest directions.
      variance_kept: share of X_img's variance that a linear map of X_txt gives back.
      as_it_is: retrieval on the validation split by CCA.
      equalised: the same with every direction of X_txt scaled to one variance.
      variances: `[dim]` of X_txt, falling.
    """

    name: str
    dim: int
    map_rank: float
    rank: float
    share_of_ten: float
    variance_kept: float
    as_it_is: BothDirections
    equalised: BothDirections
    variances: np.ndarray

    def to_dict(self) -> dict:
        values = dataclasses.asdict(self)
        values.update(as_it_is=self.as_it_is.to_dict(), equalised=self.equalised.to_dict())
        values.update(variances=[float(value) for value in self.variances])
        return values


class ClosedForm:
    """CCA of any vectors of the images with the n-grams of their sentences, measured on the validation split.

    Args:
      train: the training split.
      val: the validation split.
      seed: of the n-grams' SVD.
    """

    def __init__(self, train: Examples, val: Examples, seed: int):
        self._train, self._val = train, val
        ngrams = Ngrams(train.captions, _CCA, seed)
        self._train_texts, self._val_texts = ngrams.vectors(train.captions), ngrams.vectors(val.captions)

    def measure(self, train_images: np.ndarray, val_images: np.ndarray) -> BothDirections:
        """Recalls on validation of `[num_images, dim]` vectors of both splits' images."""
        of_caption = self._train.image_of_caption
        maps = canonical.fit(train_images, self._train_texts, of_caption, _CCA.dims, _CCA.ridge)
        images, texts = maps.embed_images(val_images), maps.embed_texts(self._val_texts)
        return metrics.evaluate(images, texts, self._val.image_of_caption)


def measure(
    name: str, kernel: np.ndarray | None, images: np.ndarray, val_images: np.ndarray, closed_form: ClosedForm
) -> MeasuredSpace:
    """Measures X_txt = X_img W_img, divided by its length as the models have it.

    Args:
      name: the kind of W_img.
      kernel: W_img `[image_dim, text_dim]`; None: X_txt is X_img.
      images: X_img of the training split, `[num_images, image_dim]`.
      val_images: likewise of the validation split.
      closed_form: of the two splits.
    """
    texts, val_texts = (unit(rows if kernel is None else rows @ kernel) for rows in (images, val_images))
    spread = spectra.variances(texts)
    return MeasuredSpace(
        name=name,
        dim=texts.shape[1],
        map_rank=0.0 if kernel is None else spectra.effective_rank(np.linalg.svd(kernel, compute_uv=False)),
        rank=spectra.effective_rank(spread),
        share_of_ten=spectra.share_of_largest(spread, 10),
        variance_kept=spectra.variance_kept(unit(images), texts),
        as_it_is=closed_form.measure(texts, val_texts),
        equalised=closed_form.measure(*spectra.equalised(texts, val_texts)),
        variances=spread,
    )


def evened(kernel: np.ndarray, images: np.ndarray) -> np.ndarray:
    """W_img with the directions of its X_txt scaled until all are about equally long (`data/whitening.py`).

    Args:
      kernel: W_img `[image_dim, text_dim]`.
      images: X_img of the training split, `[num_images, image_dim]`.

    Returns:
      `[image_dim, text_dim]` float32.
    """
    texts = (images @ kernel).astype(np.float64)
    return kernel @ whitening.whitening_map(texts.T @ texts / len(texts), _RIDGE)


def image_features(split: Examples) -> np.ndarray:
    """X_img of a split: `[num_images, image_dim]`."""
    return split.features[input_names.IMAGE_FEATURES].take(np.arange(split.num_images))
