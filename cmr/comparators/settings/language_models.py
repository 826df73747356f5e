"""Settings of the systems that rank by log p(sentence | image): NIC and m-RNN."""

import dataclasses
from typing import ClassVar

from cmr.comparators.settings.declared import NeuralSettings, Settings, setting

_PER_WORD = (
    "Divide log p by the sentence's words, which makes it the logarithm of a perplexity. Among the images of a "
    "sentence it changes nothing; among the sentences of an image long ones lose their handicap."
)
_MARGINAL_IMAGES = (
    "Training images, drawn by the seed, over which p(sentence) is the mean of p(sentence | image); log p(sentence) is "
    "taken off log p(sentence | image), so that a sentence that suits every image does not win; 0 leaves it out. "
)
_BFLOAT16 = (
    "Round what goes into the softmax's normaliser to bfloat16, which some processors multiply twice as fast; log p "
    "changes by some thousandths."
)
_MEASURED_IMAGES = (
    "Images of the test split, the first ones, that are measured, with their sentences alone as the other side; 0: all "
    "of them. Every pair costs a softmax a word: 1,000 images with 5,000 sentences take two cores some 40 minutes. The "
    "table says it where they are fewer."
)
_MEASURED_VAL_IMAGES = (
    "Likewise of the val split, of which only ensembles read the scores; with fewer images than others have it can be "
    "no member of one."
)


@dataclasses.dataclass(frozen=True)
class NicSettings(Settings):
    """Of the captioner as a ranker."""

    flag_prefix: ClassVar[str] = "nic"
    title: ClassVar[str] = "NIC: the captioner ranks"

    captioner: str = setting("", "Folder of the captioner; by default the data set's own (cmr.pretrain).")
    per_word: bool = setting(False, _PER_WORD)
    marginal_images: int = setting(
        50,
        f"{_MARGINAL_IMAGES}The paper does not say how it ranks; among 50 validation images of Flickr8K and their 250 "
        "sentences R@1 of sentence retrieval was 12 without it and 26 with it, and dividing by words added nothing.",
        lower=0,
    )
    bfloat16: bool = setting(False, _BFLOAT16)
    measured_images: int = setting(0, _MEASURED_IMAGES, lower=0)
    measured_val_images: int = setting(100, _MEASURED_VAL_IMAGES, lower=0)

    @property
    def takes_captioner(self) -> bool:
        return True


@dataclasses.dataclass(frozen=True)
class MRnnSettings(NeuralSettings):
    """Of m-RNN: the network's sizes are the paper's; of its training the paper says little."""

    flag_prefix: ClassVar[str] = "m_rnn"
    title: ClassVar[str] = "m-RNN"
    notes: ClassVar[tuple[str, ...]] = ("m-RNN is trained with dropout, where the paper has a decay of the weights.",)

    batch_size: int = setting(64, "Sentences a step; the authors' later code (TF-mRNN) has 64.", lower=2)
    learning_rate: float = setting(1e-3, "Adam's rate; the paper names none.", lower=0.0)
    clip_norm: float = setting(10.0, "Global norm to which the gradient is clipped, that of TF-mRNN.", lower=1e-6)
    patience: int = setting(2, "Epochs without a better validation sum of recalls before training stops.", lower=1)
    val_images: int = setting(
        100,
        "Validation images, the first ones, by which epochs are judged; all 1,000 would take a hundred times as long, "
        "as every pair costs a softmax a word; 0: all of them.",
        lower=0,
    )
    word_dim: int = setting(128, "Size of the first embedding layer.", lower=1)
    recurrent_units: int = setting(
        256, "Size of the second embedding layer and of the recurrent one, which are added.", lower=1
    )
    multimodal_units: int = setting(512, "Size of the multimodal layer.", lower=1)
    dropout: float = setting(
        0.5,
        "Share of the words' and of the multimodal layer's units that is dropped, that of TF-mRNN.",
        lower=0.0,
        upper=0.9,
    )
    per_word: bool = setting(False, f"{_PER_WORD} The paper ranks by perplexity.")
    marginal_images: int = setting(
        50, f"{_MARGINAL_IMAGES}The paper does so for sentence retrieval and names no number.", lower=0
    )
    bfloat16: bool = setting(False, _BFLOAT16)
    measured_images: int = setting(0, _MEASURED_IMAGES, lower=0)
    measured_val_images: int = setting(100, _MEASURED_VAL_IMAGES, lower=0)
