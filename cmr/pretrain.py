"""Trains the Show-and-Tell captioner whose image embedding cmr.train reuses.

    python -m cmr.pretrain --dataset=flickr8k
    python -m cmr.pretrain --dataset=flickr8k --self_critical
    python -m cmr.pretrain --dataset=flickr8k --finetune_cnn

The first trains on cached features. The second goes on from its captioner and raises the CIDEr of what it says, the
third goes on from it and trains the CNN too, from the pictures. A training that was stopped goes on when the same
command is given again.
"""

import contextlib
import pathlib
import sys

from absl import flags

from cmr import shell
from cmr.cli import captioner_flags, command, datasets, idle_flags, training_flags
from cmr.cli import flags as cmr_flags

FLAGS = flags.FLAGS

GROUPS = (
    cmr_flags.workspace_flags,
    captioner_flags.captioner_flags,
    captioner_flags.pretrain_flags,
    training_flags.course_flags,
    cmr_flags.image_features_flags,
    cmr_flags.picture_flags,
)


def main() -> None:
    from cmr.captioner import files
    from cmr.captioner.setup import CaptionerSetup
    from cmr.config import CaptionerRunConfig
    from cmr.workspace.runs import Run

    print(datasets.take_defaults(FLAGS), end="", flush=True)
    for warning in idle_flags.warnings(FLAGS, sys.argv[1:], idle_flags.RULES_OF_PRETRAIN):
        print(warning, flush=True)
    setup = CaptionerSetup.from_flags(FLAGS)
    if setup.begins_with:
        captioner_flags.take_sizes(FLAGS, setup.run_config.model)
    run = Run(setup.path)
    files.check_not_imported(run.path)
    flags_text = command.flagfile_text(FLAGS, GROUPS)
    captioner_json = run.path / files.CAPTIONER_JSON
    folder_flag = "captioner_dir" if FLAGS.captioner_dir else "workspace_dir"
    is_to_train = run.has_more_epochs(setup.run_config) or not captioner_json.exists()
    if is_to_train:
        setup.check_training()
    # A finished captioner is only read, and may lie where nothing can be written.
    with run.writer(folder_flag) if is_to_train else contextlib.nullcontext():
        changed = run.start(setup.run_config, flags_text, "captioner_dir", (files.CAPTIONER_JSON,))
        print(f"captioner {run.path}", flush=True)
        if changed:
            print(f"begun with other limits ({changed})", flush=True)
        if is_to_train:
            _train(setup, run, flags_text)
    captioner = files.read_captioner(run.path)
    raised = f"CIDEr {max(run.scores(CaptionerRunConfig)):.1f}, " if setup.run_config.is_self_critical else ""
    print(f"\nvalidation {raised}{captioner.looking or f'perplexity {captioner.validation_perplexity:.3f}'}")
    if captioner.looking and captioner.looking.hardly:
        print(f"{captioner.looking.warning()}; give more --pretrain_epochs, or more captioned images.")
    print(f"\nTensorBoard: {shell.tensorboard_command(run.path)}")
    _print_next(setup, captioner)


def _train(setup, run, flags_text: str) -> None:
    from cmr.captioner import files
    from cmr.captioner.self_critical import SelfCriticalTrainer
    from cmr.captioner.summaries import CaptionerRecorder, SelfCriticalRecorder
    from cmr.captioner.trainer import CaptionerTrainer
    from cmr.workspace import limits
    from cmr.workspace.runs import PERPLEXITY

    inputs = setup.inputs
    train, val = setup.train_split(), inputs.split("val")
    model = setup.model()
    print(
        f"{train.num_images} training images with {train.num_captions} sentences, {len(inputs.vocabulary)} words, "
        f"{model.count_params():,} weights",
        flush=True,
    )
    is_self_critical = setup.run_config.is_self_critical
    recorder_kind = SelfCriticalRecorder if is_self_critical else CaptionerRecorder
    trainer_kind = SelfCriticalTrainer if is_self_critical else CaptionerTrainer
    recorder = recorder_kind(run.tensorboard_dir, flags_text, val, inputs.image_dir)
    config = setup.run_config.train
    trainer_kind(model, config, run, train, val, inputs.vocabulary, recorder, setup.trained_cnn).fit()
    best = max((row["val"] for row in run.read_history(PERPLEXITY)), key=limits.score)
    model = files.read_model(run.path / files.CAPTIONER_KERAS)
    files.write_captioner(run.path, setup.finished(model, best))


def _print_next(setup, captioner) -> None:
    from cmr.pictures import cnn
    from cmr.workspace import feature_names
    from cmr.workspace.paths import Workspace

    where = f"--dataset={FLAGS.dataset}", f"--workspace_dir={FLAGS.workspace_dir}"
    if setup.trained_cnn is not None:
        tuned = f"--weights={setup.path / cnn.CNN_KERAS}", f"--features_name={captioner.features}"
        print(f"next: {shell.python_command('data_prep.extract', *where, '--cnn=image', *tuned)}")
    reused = f"--image_features={captioner.features}", f"--captioner={setup.path}"
    usual = feature_names.of_vgg(datasets.usual(FLAGS.dataset)["vgg_model"], "fc7")
    # Without the features that fusion reads too it would only say that they are missing.
    has_both = Workspace(pathlib.Path(FLAGS.workspace_dir), FLAGS.dataset).features_dir(usual).exists()
    alone = () if has_both else ("--model=single",)
    print(f"next: {shell.python_command('cmr.train', *where, *alone, *reused)}")


if __name__ == "__main__":
    command.run(main, __doc__, GROUPS)
