"""Every JSON file of the workspace with a key dropped, negated or of another type, cut off, or replaced: a sentence."""

import copy
import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cmr.config import ModelConfig, RunConfig, TrainConfig
from cmr.errors import WorkspaceError
from cmr.workspace import features
from cmr.workspace.paths import Workspace
from cmr.workspace.runs import PERPLEXITY, Run

RECALLS = {"recall_at_1": 12.5, "recall_at_5": 50.0, "recall_at_10": 100.0}
DIRECTION = {**RECALLS, "median_rank": 3, "mean_rank": 5.5, "num_queries": 8}
BOTH = {"sentence_retrieval": DIRECTION, "image_retrieval": DIRECTION, "sum_of_recalls": 325.0}
CONFIG = RunConfig(
    dataset="scenes",
    model=ModelConfig("vse", 10, 0, 60),
    train=TrainConfig(0.7, "sum", "epoch", 0, 40, 1e-3, 2.0, 9, 3, 500, 0),
    vgg_features="vgg16-fc7",
    image_features="",
    text_space="",
    checksums={"vocabulary": "ab12"},
)
IDS = ("a.jpg", "b.jpg")
EXTRACTOR = {
    "name": "tiny",
    "model": "vgg16",
    "layer": "fc7",
    "weights": "imagenet",
    "weights_sha256": "",
    "crops": 1,
    "input_size": 224,
    "feature_dim": 2,
    "images": 2,
    "image_ids_sha256": features.image_ids_sha256(IDS),
    "stand_in": "",
    "blank_images": ["a.jpg"],
    "sources": {"a.npy": "ab"},
}
DATASET = {
    "format": 1,
    "dataset": "scenes",
    "image_dir": "images",
    "splits": {"train": {"images": 2, "captions": 10}},
    "vocabulary_size": 12,
    "min_word_count": 1,
    "protocol": "",
    "test_folds": 5,
    "flaws": [{"kind": "no sentence", "count": 1, "names": ["c.jpg"]}],
    "sources": {"a.txt": "ab"},
}
METRICS = {
    "test": BOTH,
    "random_ranking": BOTH,
    "test_folds": 1,
    "features": "VGG features",
    "notes": ["one"],
    "protocol": "",
    "splits": {"train": {"images": 2, "captions": 10}},
    "flags": ["--model=vse"],
    "seed": 3,
    "checksums": {"vocabulary": "ab12"},
    "fingerprints": {"tiny": {"sha256": "ab" * 32, "norm": 2.5, "projections": [-1.5] * 16}},
    "packages": {"keras": "3"},
    "python": "3.11",
    "git_commit": None,
}
HISTORY = [{"epoch": 1, "loss": 2.5, "val": BOTH}]
PERPLEXITIES = [{"epoch": 1, "loss": 2.5, "val": {"perplexity": 20.5}}]

# Content of a file, and what reads it in a folder that is the run, the features and the data set.
FILES = {
    "dataset.json": (DATASET, lambda folder: Workspace(folder.parent, folder.name).read_description()),
    "extractor.json": (EXTRACTOR, lambda folder: features.read_features(folder).extractor),
    "config.json": (json.loads(CONFIG.to_json()), lambda folder: json.loads(Run(folder).read_config().to_json())),
    "metrics.json": (METRICS, lambda folder: Run(folder).read_metrics()),
    "history.json": (HISTORY, lambda folder: Run(folder).read_history()),
    "history.json of a captioner": (PERPLEXITIES, lambda folder: Run(folder).read_history(PERPLEXITY)),
}

plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
other_values = st.recursive(plain, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("a"), inner))


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "tiny"
    folder.mkdir()
    np.save(folder / "features.npy", np.ones((2, 2), np.float32))
    features.write_description(folder, IDS, EXTRACTOR)
    return folder


def places(content):
    """The keys that lead to every value below the whole content."""
    inner = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in inner:
        yield (key,)
        yield from ((key, *further) for further in places(value))


@st.composite
def damaged(draw, content):
    """The text of a file that held the content."""
    kind = draw(st.sampled_from(["cut", "replaced", "dropped", "negated", "retyped"]))
    if kind == "replaced":
        return json.dumps(draw(other_values))
    if kind == "cut":
        text = json.dumps(content)
        return text[: draw(st.integers(0, len(text) - 1))]
    changed = copy.deepcopy(content)
    *way, key = draw(st.sampled_from(list(places(content))))
    holder = changed
    for step in way:
        holder = holder[step]
    if kind == "dropped":
        del holder[key]
    elif kind == "negated":
        holder[key] = -holder[key] if isinstance(holder[key], int | float) else None
    else:
        holder[key] = draw(other_values.filter(lambda value: type(value) is not type(holder[key])))
    return json.dumps(changed)


@pytest.mark.parametrize("name", FILES)
def test_the_whole_file_is_read(folder, name):
    content, read = FILES[name]
    (folder / name.split(" ")[0]).write_text(json.dumps(content))

    assert read(folder) == content


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_file_is_read_as_it_is_or_refused_in_one_sentence_that_names_it(folder, name, data):
    content, read = FILES[name]
    path = folder / name.split(" ")[0]
    text = data.draw(damaged(content))
    path.write_text(text)

    try:
        result = read(folder)
    except WorkspaceError as error:
        assert path.name in str(error)
        assert "\n" not in str(error)
        assert "; " in str(error)
    else:
        # Only keys that may be absent or null are, and what is there is what was written.
        assert covers(result, json.loads(text))


def covers(result, written):
    """Whether a result is what was written, with defaults for absent keys."""
    if isinstance(written, dict):
        return all(covers(result[key], value) for key, value in written.items())
    return result == written


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_checked_json_changes_no_checksum(folder, data):
    opened = features.read_features(folder)
    path = folder / features.CHECKED_JSON
    # A number that another one has replaced is taken as it is.
    path.unlink(missing_ok=True)
    digest = opened.checksum()
    path.write_text(data.draw(damaged(json.loads(path.read_text()))))

    assert opened.checksum() == digest
