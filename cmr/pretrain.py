"""Trains the Show-and-Tell captioner whose image embedding cmr.train reuses.

    python -m cmr.pretrain --dataset=flickr8k
    python -m cmr.pretrain --dataset=flickr8k --finetune_cnn

The first trains on cached features, the second goes on from its captioner and trains the CNN too, from the pictures. A
training that was stopped goes on when the same command is given again.
"""

import contextlib

from absl import flags

from cmr.cli import command
from cmr.cli import flags as cmr_flags

FLAGS = flags.FLAGS

GROUPS = (
    cmr_flags.workspace_flags,
    cmr_flags.captioner_flags,
    cmr_flags.pretrain_flags,
    cmr_flags.course_flags,
    cmr_flags.image_features_flags,
)


def main() -> None:
    from cmr.captioner import files
    from cmr.captioner.setup import CaptionerSetup
    from cmr.workspace.runs import Run

    cmr_flags.apply_dataset_defaults(FLAGS)
    setup = CaptionerSetup.from_flags(FLAGS)
    run = Run(setup.path)
    files.check_not_imported(run.path)
    flags_text = cmr_flags.flagfile_text(FLAGS)
    captioner_json = run.path / files.CAPTIONER_JSON
    # A finished captioner is only read, and may lie where nothing can be written.
    with contextlib.nullcontext() if captioner_json.exists() else run.writer():
        run.start(setup.run_config, flags_text, "captioner_dir")
        print(f"captioner {run.path}", flush=True)
        if not captioner_json.exists():
            _train(setup, run, flags_text)
    captioner = files.read_captioner(run.path)
    print(f"\nvalidation {captioner.looking or f'perplexity {captioner.validation_perplexity:.3f}'}")
    if captioner.looking and captioner.looking.hardly:
        print(f"{captioner.looking.warning()}; give more --pretrain_epochs, or more captioned images.")
    print(f"\nTensorBoard: tensorboard --logdir={run.path}")
    _print_next(setup, captioner)


def _train(setup, run, flags_text: str) -> None:
    from cmr.captioner import files
    from cmr.captioner.looking import Looking
    from cmr.captioner.summaries import CaptionerRecorder
    from cmr.captioner.trainer import CaptionerTrainer
    from cmr.workspace.runs import PERPLEXITY

    inputs = setup.inputs
    train, val = setup.train_split(), inputs.split("val")
    model = setup.model()
    print(
        f"{train.num_images} training images with {train.num_captions} sentences, {len(inputs.vocabulary)} words, "
        f"{model.count_params():,} weights",
        flush=True,
    )
    recorder = CaptionerRecorder(run.tensorboard_dir, flags_text, val, inputs.image_dir)
    config = setup.run_config.train
    CaptionerTrainer(model, config, run, train, val, inputs.vocabulary, recorder, setup.trained_cnn).fit()
    best = min((row["val"] for row in run.read_history(PERPLEXITY)), key=lambda val: val["perplexity"])
    model = files.read_model(run.path / files.CAPTIONER_KERAS)
    files.write_captioner(run.path, setup.finished(model, Looking(**best)))


def _print_next(setup, captioner) -> None:
    from cmr.pictures import cnn

    where = f"--dataset={FLAGS.dataset} --workspace_dir={FLAGS.workspace_dir}"
    if setup.trained_cnn is not None:
        print(
            f"next: python -m data_prep.extract {where} --cnn=image --weights={setup.path / cnn.CNN_KERAS} "
            f"--features_name={captioner.features}"
        )
    print(f"next: python -m cmr.train {where} --image_features={captioner.features} --captioner={setup.path}")


if __name__ == "__main__":
    command.run(main, __doc__, GROUPS)
