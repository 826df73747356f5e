"""Prints the test table of a finished run again, from its best weights, or what a comparator's run keeps.

    python -m cmr.evaluate --run_dir=workspace/flickr8k/runs/fusion-1a2b3c4d
    python -m cmr.evaluate --run_dir=workspace/flickr8k/runs/fusion-1a2b3c4d --query_bank=train

Or measures a model on the pictures and sentences of any prepared data set, one's own too:

    python -m data_prep.prepare --dataset=custom --data_dir=~/pictures
    python -m cmr.evaluate --model=pretrained --dataset=custom
"""

import pathlib

from absl import flags

from cmr import progress
from cmr.cli import command
from cmr.cli import flags as cmr_flags
from cmr.errors import ConfigError

FLAGS = flags.FLAGS

GROUPS = (
    cmr_flags.evaluation_flags,
    cmr_flags.query_bank_flags,
    cmr_flags.workspace_flags,
    cmr_flags.picture_flags,
)

_OF_MODELS, _OF_RUNS = ("dataset", "workspace_dir", "split", "max_pixels"), ("query_bank",)


def check_flags() -> None:
    """Refuses flags that can't go together."""
    if bool(FLAGS.run_dir) == bool(FLAGS.model):
        raise ConfigError(
            "give either --run_dir, a finished run to measure again, or --model, a model to measure on --dataset"
        )
    given, others = ("run_dir", _OF_MODELS) if FLAGS.run_dir else ("model", _OF_RUNS)
    for name in others:
        if FLAGS[name].present:
            raise ConfigError(f"--{name} says nothing of --{given}; leave it out")


def main() -> None:
    print(_measured_model() if FLAGS.model else _measured_run())


def _measured_run() -> str:
    from cmr.evaluation import query_bank
    from cmr.trained import final_evaluation, finished_run

    opened = finished_run.open_run(FLAGS.run_dir)
    config, notes = opened.config, opened.run.read_metrics()["notes"]
    if FLAGS.query_bank == "none":
        said = opened.similarities("test")
    else:
        bank = opened.query_bank() if FLAGS.query_bank == "train" else None
        corrected = query_bank.correct_splits(opened.similarities, opened.inputs, bank)
        said, notes = corrected.test, [*notes, corrected.note]
    return final_evaluation.measure_test(said, config.dataset, config.system, opened.inputs, notes).table


def _measured_model() -> str:
    from cmr.evaluation.encoding import Embeddings
    from cmr.serving import packed_model
    from cmr.trained import other_data
    from cmr.workspace.paths import Workspace

    retriever = packed_model.load(packed_model.absolute(FLAGS.model), FLAGS.max_pixels)
    workspace = Workspace(pathlib.Path(FLAGS.workspace_dir), FLAGS.dataset)
    inputs = other_data.read(retriever, workspace)
    split = inputs.split(FLAGS.split)
    with progress.progress_bar(split.num_images, "picture", "pictures") as bar:
        images = other_data.embed_pictures(retriever, inputs, FLAGS.split, bar.update)
    with progress.progress_bar(split.num_captions, "sentence", "sentences") as bar:
        embeddings = Embeddings(images, retriever.embed_sentences(split.captions, bar.update))
    path = pathlib.Path(FLAGS.model).resolve()
    name = path.name if path.is_dir() else path.name.removesuffix(".cmr")
    return other_data.results(retriever, name, FLAGS.dataset, inputs, FLAGS.split, embeddings)


if __name__ == "__main__":
    command.run(main, __doc__, GROUPS, check_flags)
