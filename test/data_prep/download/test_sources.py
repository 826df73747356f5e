"""The table of sources: well-formed, and an answer for every data set."""

import re

import pytest

from cmr.cli import datasets
from cmr.errors import ConfigError
from data_prep.download import sources

ARCHIVES = [archive for archives in sources.SOURCES.values() for archive in archives]


@pytest.mark.parametrize("archive", ARCHIVES, ids=lambda archive: archive.name)
def test_every_archive_has_a_size_and_a_published_digest(archive):
    assert archive.size > 0
    assert re.fullmatch("sha256:[0-9a-f]{64}|md5:[0-9a-f]{32}", archive.digest)


@pytest.mark.parametrize("archive", ARCHIVES, ids=lambda archive: archive.name)
def test_plain_http_is_only_used_where_a_sha256_guards_it(archive):
    assert archive.url.startswith("https://") or archive.digest.startswith("sha256:")


def test_mscoco_is_fetched_as_the_paper_used_it_the_small_archives_first():
    chosen = sources.chosen("mscoco", [])
    assert [archive.part for archive in chosen] == ["annotations2014", "karpathy", "val2014", "train2014"]


def test_parts_narrow_what_is_fetched():
    assert [archive.name for archive in sources.chosen("flickr8k", ["text"])] == ["Flickr8k_text.zip"]


def test_an_unknown_part_is_answered_with_the_known_ones():
    with pytest.raises(ConfigError, match="--parts=pictures is none of flickr8k's parts: text, images, karpathy"):
        sources.chosen("flickr8k", ["pictures"])


def test_flickr30k_says_where_to_ask():
    with pytest.raises(ConfigError, match=r"fill in the form at https://shannon\.cs\.illinois\.edu"):
        sources.chosen("flickr30k", [])


def test_flickr30ks_captions_may_be_fetched_alone():
    (karpathy,) = sources.chosen("flickr30k", ["karpathy"])
    assert karpathy.holds == "dataset_flickr30k.json"


def test_scenes_needs_no_download_whatever_the_parts():
    with pytest.raises(ConfigError, match=r"needs no download; run: python -m data_prep\.prepare"):
        sources.chosen("scenes", ["images"])


@pytest.mark.parametrize("dataset", [*datasets.NAMES, "tfds:coco_captions"])
def test_every_data_set_is_fetched_or_refused_in_one_sentence(dataset):
    try:
        assert sources.chosen(dataset, [])
    except ConfigError as refusal:
        assert dataset in str(refusal).lower()
