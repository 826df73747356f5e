"""A retriever without a model that knows the names of colours, and a gallery of coloured pictures for it.

A sentence is the sum of its colours, a picture its mean colour: "red" finds red pictures.
"""

import dataclasses
import pathlib
import types

import numpy as np
from colour_retriever import ColourRetriever
from PIL import Image

from cmr.gallery import updating
from cmr.gallery.place import Place
from cmr.gallery.searching import Gallery
from cmr.trained.sentences import Sentences
from cmr.workspace.shards import Shard

COLOURS = {"red": (250, 10, 10), "green": (10, 250, 10), "blue": (10, 10, 250), "grey": (128, 128, 128)}
_WIDE_TABLE = f"| | {' | '.join(['recall@10'] * 6)} |\n| --- |{' --- |' * 6}\n| image to text |{' 100.00 |' * 6}\n"
CARD = f"# colours: words\n\nKnows colours.\n\n## Bad at\n\n- <b>shapes</b>\n\n{_WIDE_TABLE}"


@dataclasses.dataclass
class ColourWords(ColourRetriever):
    """See `Retriever`.

    Attributes:
      says: what its captioner says; "" where there is none.
      texts: the sentences that it carries.
    """

    says: str = ""
    texts: tuple[str, ...] = ("A red thing .", "A green thing .", "A blue thing .", "A grey <i>thing</i> - & so on .")

    num_words = len(COLOURS)
    card = CARD

    @property
    def parts(self):
        return types.SimpleNamespace(checksum=self.checksum, name="models/colours.cmr", features="eyes")

    def unknown_words(self, sentence):
        return [word for word in sentence.lower().split() if word not in COLOURS]

    def hears_nothing(self, sentence):
        return len(self.unknown_words(sentence)) == len(sentence.split())

    def embed_sentences(self, sentences):
        sums = [sum(np.array(COLOURS.get(word, (1, 1, 1))) for word in each.lower().split()) for each in sentences]
        return np.array([each / np.linalg.norm(each) for each in sums], np.float32)

    def embed_pictures(self, pictures):
        return self.embed_squares([self.squares(picture) for picture in pictures])

    @property
    def sentences(self):
        return Sentences(self.texts, self.embed_sentences(self.texts)) if self.texts else None

    @property
    def has_captioner(self):
        return bool(self.says)

    def caption(self, picture):
        return self.says

    def share_with_better_best(self, score):
        return 1.0 if score < 0.7 else 0.0


def save(path: pathlib.Path, colour: str | tuple[int, int, int], size: tuple[int, int] = (40, 30), **options) -> None:
    """A plain picture, in the format of its name."""
    Image.new("RGB", size, COLOURS.get(colour, colour)).save(path, **options)


def index(folder: pathlib.Path, retriever: ColourRetriever | None = None, shard: Shard | None = None) -> Gallery:
    """Indexes a folder of pictures or a shard of it, or brings its index up to date, and opens the gallery."""
    place, retriever = Place.of(folder, shard=shard), retriever or ColourWords()
    with place.writing():
        store = updating.open_for_update(place, retriever, "colours.cmr", "float16", rebuild=False)
        updating.update(store, place.pictures, retriever, lambda remark: None, shard)
        updating.finish(place, store, "colours.cmr")
        if shard:
            place.mark_whole()
        store.close()
    return Gallery.open(folder)
