"""The end of a run: its best weights on the test split, as a table and as metrics.json."""

import contextlib
import dataclasses
import importlib.metadata
import pathlib
import platform
import subprocess
from collections.abc import Sequence

import numpy as np

from cmr.config import DistillationConfig, RunConfig
from cmr.data import input_names
from cmr.data.inputs import Inputs
from cmr.evaluation import bootstrap, encoding, metrics, results_table, similarities
from cmr.evaluation.metrics import BothDirections
from cmr.evaluation.query_ranks import QueryRanks
from cmr.evaluation.results_table import PaperRow, SplitCounts
from cmr.evaluation.similarities import Similarities
from cmr.retrieval import kept_model
from cmr.workspace.runs import MeasuredConfig, Run

_PACKAGES = ("tensorflow", "keras", "numpy", "pandas", "pillow", "absl-py", "tensorboard", "tensorflow-hub")

_INTERVAL_NOTE = (
    "The 95% interval is that of a bootstrap over the images measured on, the gallery kept whole; other seeds are not "
    "in it."
)


@dataclasses.dataclass(frozen=True)
class SplitResult:
    """What was measured of a split.

    Attributes:
      metrics: of both directions.
      random: what a random order of the same images and sentences scores, exactly.
      ranks: of every query.
      table: to print.
    """

    metrics: BothDirections
    random: BothDirections
    ranks: QueryRanks
    table: str


@dataclasses.dataclass(frozen=True)
class TestResult:
    """What a run's best weights do on the test split.

    Attributes:
      values: the test part of metrics.json.
      ranks: of every query, for test_ranks.npz.
      table: to print.
    """

    values: dict
    ranks: QueryRanks
    table: str


def evaluate_test(run: Run, run_config: RunConfig, inputs: Inputs) -> TestResult:
    """Measures a run's best weights on the test split.

    Args:
      run: the run's folder, which holds the best weights.
      run_config: its settings.
      inputs: what it reads.

    Raises:
      WorkspaceError: the best weights are missing or damaged.
    """
    model = kept_model.best_model(run, run_config, inputs.vocabulary)
    embeddings = encoding.embed_split(model, inputs.split("test"))
    return measure_test(embeddings, run_config.dataset, run_config.system, inputs, _notes(run_config, inputs))


def measure_test(
    said: Similarities, dataset: str, system: str, inputs: Inputs, notes: Sequence[str] = ()
) -> TestResult:
    """Measures what a system says of the test split.

    Args:
      said: of the test split.
      dataset: its name.
      system: a model of ours or a comparator, by its name.
      inputs: what it reads.
      notes: what else has to be said of the numbers.
    """
    extractors = _extractors(inputs)
    features_note = results_table.describe_features(*extractors)
    printed = results_table.printed_rows(dataset, system)
    result = measure_split(said, "test", inputs, dataset, system, features_note, notes, printed)
    values = {
        "test": result.metrics.to_dict(),
        "random_ranking": result.random.to_dict(),
        "test_folds": inputs.test_folds,
        "features": features_note,
        "stand_ins": results_table.stand_ins(*extractors),
        "notes": list(notes),
        "protocol": inputs.protocol,
        "splits": {each.split: {"images": each.images, "captions": each.captions} for each in _counts(inputs)},
    }
    return TestResult(values, result.ranks, result.table)


def measure_split(
    said: Similarities,
    split: str,
    inputs: Inputs,
    dataset: str,
    name: str,
    features_note: str,
    notes: Sequence[str] = (),
    printed: Sequence[PaperRow] = (),
) -> SplitResult:
    """Measures what is said of a split.

    Args:
      said: of the split.
      split: its name.
      inputs: that it is of.
      dataset: the data set's name.
      name: of what says it.
      features_note: names the features.
      notes: what else has to be said of the numbers.
      printed: rows of the paper to print above.
    """
    examples, folds = inputs.split(split), inputs.folds(split)
    measured, ranks = similarities.evaluate(said, examples, folds)
    chance = metrics.mean_over_folds(
        [
            metrics.random_ranking(np.bincount(examples.image_of_caption[captions] - images.start))
            for images, captions in examples.folds(folds)
        ]
    )
    counts = SplitCounts(split, examples.num_images, examples.num_captions)
    table = results_table.format_results(
        dataset=dataset,
        model=name,
        metrics=measured,
        intervals=bootstrap.intervals([ranks]),
        random=chance,
        counts=counts,
        features_note=features_note,
        notes=[
            *results_table.small_gallery_notes(counts, folds),
            _INTERVAL_NOTE,
            results_table.describe_splits(inputs.protocol, _counts(inputs)),
            *notes,
        ],
        printed=printed,
    )
    return SplitResult(measured, chance, ranks, table)


def _counts(inputs: Inputs) -> list[SplitCounts]:
    return [SplitCounts(name, *sizes) for name, sizes in inputs.split_sizes().items()]


def provenance(run_config: MeasuredConfig, inputs: Inputs, flags_text: str) -> dict:
    """Where the numbers come from: flags, seed, checksums, package versions, git commit."""
    return {
        "flags": flags_text.splitlines(),
        "seed": run_config.train.seed,
        "checksums": run_config.checksums,
        "fingerprints": {name: each.to_dict() for name, each in inputs.fingerprints.items() if each.is_whole},
        "python": platform.python_version(),
        "packages": _versions(),
        "git_commit": git_commit(),
    }


def _versions() -> dict[str, str]:
    """Of the packages that numbers depend on, without those that came under another name, as vendors' TensorFlow."""
    versions = {}
    for package in _PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    return versions


def _extractors(inputs: Inputs) -> list[dict | None]:
    keys = (input_names.VGG_FEATURES, input_names.IMAGE_FEATURES)
    return [inputs.features[key].extractor if key in inputs.features else None for key in keys]


def _notes(run_config: RunConfig, inputs: Inputs) -> list[str]:
    notes = [*_text_space_notes(run_config), *_finetune_notes(run_config, inputs)]
    if run_config.word_vectors:
        notes.append(f"The word table (Eq. 1) began with {run_config.word_vectors}.")
    if run_config.text_pretraining:
        names = ", ".join(run_config.text_pretraining.sentences_of)
        notes.append(
            "The text encoder learnt first from sentences alone, pairs of one image, of the training split and of "
            f"{names} without the images that are measured on."
        )
    if run_config.distillation:
        notes.append(_distillation_note(run_config.distillation))
    return [*notes, run_config.leak] if run_config.leak else notes


def _distillation_note(distillation: DistillationConfig) -> str:
    return (
        f"It learnt also how similar {', '.join(distillation.teachers)} find images and sentences of the training "
        f"split, by their mean cosine: {distillation.distillation_weight:.0%} of the target, at the temperature "
        f"{distillation.distillation_temperature:g}{_teachers_read(distillation)}."
    )


def _teachers_read(distillation: DistillationConfig) -> str:
    """What of other inputs comes over; "" where a run kept none of it."""
    sentences = f", and sentences of {', '.join(distillation.sentences_of)}" if distillation.sentences_of else ""
    return f"; they have read {', '.join(distillation.features)}{sentences}" if distillation.features else ""


def _text_space_notes(run_config: RunConfig) -> list[str]:
    if run_config.captioner:
        return [f"W_img (Eq. 4) is of {run_config.captioner}."]
    if run_config.text_space == "linear":
        note = "is a linear map trained on the training sentences' words; it stands in for a captioner's."
    elif run_config.text_space == "raw":
        note = "is left out: X_txt is X_img, the CNN's features themselves."
    elif run_config.text_space.startswith("random"):
        note = f"is a random projection ({run_config.text_space}), not a captioner's."
    else:
        return []
    return [f"W_img (Eq. 4) {note}"]


def _finetune_notes(run_config: RunConfig, inputs: Inputs) -> list[str]:
    if run_config.finetune is None:
        return []
    names = " and ".join(inputs.features[name].name for name in run_config.finetune.cnns)
    blocks = run_config.finetune.finetune_blocks
    which = "was trained too" if blocks == 0 else f"was trained too, its last {blocks} blocks"
    notes = [f"The CNN of {names} {which}, from the training split's pictures; measured on whole pictures."]
    taught_by = run_config.finetune.taught_by
    if taught_by:
        told = f"{', '.join(taught_by.teachers)}{_teachers_read(taught_by)}"
        notes.append(f"The run that it went on from had learnt also from {told}.")
    return notes


def git_commit() -> str | None:
    """The commit of this source tree, with `+changes` where files differ from it; None outside a git checkout.

    A checkout that it is merely installed in, as in a virtual environment there, has a commit of something else.
    """
    folder = pathlib.Path(__file__).parent

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        git("ls-files", "--error-unmatch", __file__)
        return git("rev-parse", "HEAD") + ("+changes" if git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.CalledProcessError):
        return None
