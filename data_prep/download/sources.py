"""Where the raw data sets can be fetched, and what each archive must be: address, size and published digest."""

import dataclasses

from cmr import shell
from cmr.errors import ConfigError


@dataclasses.dataclass(frozen=True)
class Archive:
    """A zip file of a raw data set.

    Attributes:
      part: its name in `--parts`.
      url: the official address, or the one in circulation.
      size: in bytes.
      digest: as published, `sha256:HEX` or `md5:HEX`.
      holds: path below the data folder that is there once it is unpacked.
      folder: folder below the data folder that it is unpacked into.
      by_default: whether it is fetched without `--parts`.
    """

    part: str
    url: str
    size: int
    digest: str
    holds: str
    folder: str = ""
    by_default: bool = True

    @property
    def name(self) -> str:
        return self.url.rsplit("/", 1)[-1]


# Its own site no longer offers Flickr8K; most code of the field fetches this GitHub release. No SHA-256 of it is
# published; the MD5 digests are those of the R package torchvision (mlverse/torchvision, R/dataset-flickr.R).
_FLICKR8K_URL = "https://github.com/jbrownlee/Datasets/releases/download/Flickr8k/"

# Sizes and SHA-256 digests of COCO and of Karpathy's splits: tensorflow/datasets, url_checksums/coco.txt and
# coco_captions.txt. The certificate of COCO's host is another's, so its addresses are plain http; the digests guard.
_COCO_URL = "http://images.cocodataset.org/"


def _karpathy(dataset: str, by_default: bool = False) -> Archive:
    """Captions and splits of Karpathy and Fei-Fei (2015) for all three data sets, one json file each."""
    return Archive(
        part="karpathy",
        url="https://cs.stanford.edu/people/karpathy/deepimagesent/caption_datasets.zip",
        size=36_745_453,
        digest="sha256:4cfd70132527b80933105e5829dc9034eaab9573482e2e680abbab6130244817",
        holds=f"dataset_{dataset}.json",
        by_default=by_default,
    )


def _coco(part: str, path: str, size: int, sha256: str, holds: str, by_default: bool) -> Archive:
    return Archive(part, _COCO_URL + path, size, f"sha256:{sha256}", holds, by_default=by_default)


SOURCES = {
    "flickr8k": (
        Archive(
            part="text",
            url=_FLICKR8K_URL + "Flickr8k_text.zip",
            size=2_340_801,
            digest="md5:bf6c1abcb8e4a833b7f922104de18627",
            holds="Flickr8k_text/Flickr8k.token.txt",
            folder="Flickr8k_text",
        ),
        Archive(
            part="images",
            url=_FLICKR8K_URL + "Flickr8k_Dataset.zip",
            size=1_115_419_746,
            digest="md5:f18a1e2920de5bd84dae7cf08ec78978",
            holds="Flicker8k_Dataset",
        ),
        _karpathy("flickr8k"),
    ),
    "flickr30k": (_karpathy("flickr30k"),),
    "mscoco": (
        _coco(
            "annotations2014",
            "annotations/annotations_trainval2014.zip",
            252_872_794,
            "031296bbc80c45a1d1f76bf9a90ead27e94e99ec629208449507a4917a3bf009",
            "annotations/captions_train2014.json",
            by_default=True,
        ),
        _karpathy("coco", by_default=True),
        _coco(
            "val2014",
            "zips/val2014.zip",
            6_645_013_297,
            "fe9be816052049c34717e077d9e34aa60814a55679f804cd043e3cbee3b9fde0",
            "val2014",
            by_default=True,
        ),
        _coco(
            "train2014",
            "zips/train2014.zip",
            13_510_573_713,
            "ede4087e640bddba550e090eae701092534b554b42b05ac33f0300b984b31775",
            "train2014",
            by_default=True,
        ),
        _coco(
            "annotations2017",
            "annotations/annotations_trainval2017.zip",
            252_907_541,
            "113a836d90195ee1f884e704da6304dfaaecff1f023f49b6ca93c4aaae470268",
            "annotations/captions_train2017.json",
            by_default=False,
        ),
        _coco(
            "val2017",
            "zips/val2017.zip",
            815_585_330,
            "4f7e2ccb2866ec5041993c9cf2a952bbed69647b115d0f74da7ce8f4bef82f05",
            "val2017",
            by_default=False,
        ),
        _coco(
            "train2017",
            "zips/train2017.zip",
            19_336_861_798,
            "69a8bb58ea5f8f99d24875f21416de2e9ded3178e903f1f7603e283b9e06d929",
            "train2017",
            by_default=False,
        ),
    ),
}

# What the command says of data that nobody may fetch without asking, or that needs no fetching.
_INSTEAD = {
    "scenes": "scenes is drawn on the spot and needs no download; run: python -m data_prep.prepare --dataset=scenes",
    "flickr30k": "Flickr30K's photographs are given to those who ask for them: fill in the form at "
    "https://shannon.cs.illinois.edu/DenotationGraph/ and unpack what you get into --data_dir (captions and splits "
    "alone, for features computed elsewhere, may be fetched: --parts=karpathy)",
}


def chosen(dataset: str, parts: list[str]) -> tuple[Archive, ...]:
    """The archives of a data set that are to be fetched.

    Args:
      dataset: its name.
      parts: names of parts; empty for the ones that are fetched by default.

    Raises:
      ConfigError: the data set may not be fetched, or has no such part.
    """
    archives = SOURCES.get(dataset, ())
    by_part = {archive.part: archive for archive in archives}
    if parts and by_part:
        unknown = [part for part in parts if part not in by_part]
        if unknown:
            raise ConfigError(f"--parts={unknown[0]} is none of {dataset}'s parts: {', '.join(by_part)}")
        return tuple(archive for archive in archives if archive.part in parts)
    defaults = tuple(archive for archive in archives if archive.by_default)
    if not defaults:
        raise ConfigError(_instead(dataset))
    return defaults


def _instead(dataset: str) -> str:
    if dataset.startswith("tfds:"):
        return f"{dataset} is fetched by tensorflow-datasets itself; run: " + shell.python_command(
            "data_prep.prepare", f"--dataset={dataset}"
        )
    return _INSTEAD.get(
        dataset, f"{dataset} is your own data and needs no download; data_prep.prepare reads it in place"
    )


def listed_parts() -> str:
    """Every data set's parts for `--help`, those that are fetched by default with a star."""
    return " ".join(
        f"{dataset}: {', '.join(archive.part + '*' * archive.by_default for archive in archives)}."
        for dataset, archives in SOURCES.items()
    )
