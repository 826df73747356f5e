"""Trains a retrieval model on a prepared workspace, then prints its test table.

    python -m cmr.train --dataset=flickr8k --model=fusion

With --sentences_of=flickr30k the text encoder first learns from the sentences of another data set of the workspace.

With --teachers=workspace/flickr8k/runs/a,workspace/flickr8k/runs/b the model also learns how similar those find the
pairs of a batch.

A run that was stopped goes on when the same command is given again; a finished one prints its table, or
goes on too when --max_epochs or --patience allow it more epochs. A second phase trains the CNN too:

    python -m cmr.train --finetune_cnn --finetune_from=workspace/flickr8k/runs/vse-1a2b3c4d

Watch it with: tensorboard --logdir=workspace/flickr8k/runs
"""

import contextlib
import sys

from absl import flags

from cmr import shell
from cmr.cli import command, datasets, distillation_flags, finetune_flags, idle_flags, training_flags

FLAGS = flags.FLAGS

GROUPS = training_flags.GROUPS


def check_flags() -> None:
    """Takes over what a second phase has from its first one; then all flags are known."""
    finetune_flags.take_flags_of_run(FLAGS, GROUPS)
    distillation_flags.check_start(FLAGS)


def main() -> None:
    from cmr.training import cluster, distribution

    print(datasets.take_defaults(FLAGS), end="", flush=True)
    for warning in idle_flags.warnings(FLAGS, sys.argv[1:], idle_flags.rules_of_train(FLAGS)):
        print(warning, flush=True)
    strategy = distribution.make_strategy(FLAGS.strategy, FLAGS.logical_cpus, FLAGS.worker_timeout)
    with cluster.told_who_is_gone(strategy):
        _train(strategy)


def _kind_of_phase():
    from cmr.retrieval.phase import Phase
    from cmr.retrieval.second_phase import SecondPhase
    from cmr.text_pretraining.phase import TextPhase

    if FLAGS.finetune_cnn:
        return SecondPhase
    return TextPhase if FLAGS.sentences_of else Phase


def _train(strategy) -> None:
    import keras

    from cmr.distillation.teachers import Teachers
    from cmr.training.workers import Workers
    from cmr.workspace.runs import Run, default_run

    teachers = Teachers.from_flags(FLAGS)
    phase = _kind_of_phase().from_flags(FLAGS)
    if teachers:
        phase = teachers.teach(phase)
    setup, run_config = phase.setup, phase.setup.run_config
    workers = Workers(strategy)
    workers.check_equal(run_config)
    run = (
        Run(setup.workspace.run_dir(FLAGS.run_name))
        if FLAGS.run_name
        else default_run(setup.workspace.dataset_dir / "runs", run_config)
    )
    keras.utils.set_random_seed(FLAGS.seed)
    with strategy.scope():
        model = setup.model()
    if FLAGS.print_model:
        _print_model(model, run)
        workers.part()
        return
    # The others may have another disk.
    is_to_train = bool(workers.chiefs(run.has_more_epochs(run_config) or not run.metrics_json.exists()))
    if is_to_train:
        phase.check_training(run, strategy.num_replicas_in_sync)
    # A finished run is only read, and may lie where nothing can be written.
    with run.writer() if workers.is_chief and (is_to_train or not run.is_finished) else contextlib.nullcontext():
        flags_text = command.flagfile_text(FLAGS, GROUPS, training_flags.without_effect(FLAGS))
        if workers.is_chief:
            _begin(run, setup, flags_text)
        if is_to_train:
            _learn(phase, teachers, model, run, strategy, flags_text, workers.is_chief)
        workers.part()
        if workers.is_chief:
            _measure(phase, run, flags_text)


def _begin(run, setup, flags_text: str) -> None:
    changed = run.start(setup.run_config, flags_text)
    print(f"run {run.path}", flush=True)
    if setup.ngrams and not run.ngrams_txt.exists():
        setup.ngrams.write(run.ngrams_txt, setup.inputs.vocabulary)
    if changed:
        print(f"begun with other limits ({changed})", flush=True)


def _learn(phase, teachers, model, run, strategy, flags_text: str, is_chief: bool) -> None:
    from cmr.retrieval.summaries import RetrievalRecorder, SilentRecorder
    from cmr.training import cost

    inputs = phase.setup.inputs
    train = inputs.split("train")
    print(
        f"{train.num_images} training images with {train.num_captions} sentences, {len(inputs.vocabulary)} words, "
        f"{model.count_params():,} weights",
        flush=True,
    )
    if teachers:
        print(f"it learns also from what {', '.join(teachers.names)} say of them", flush=True)
    untaught = phase.num_untaught(run)
    if untaught:
        print(
            f"warning: no sentence to learn from says {untaught:,} of the vocabulary's words, which stay as drawn; "
            "teach them with --sentences_of, or prepare the data set without --words_of",
            flush=True,
        )
    recorder = SilentRecorder()
    if is_chief:
        run_config = phase.setup.run_config
        recorder = RetrievalRecorder(run.tensorboard_dir, flags_text, run_config, inputs.split("val"), inputs.image_dir)
    phase.begin(model, strategy, run, flags_text)
    # Teachers embed the training split first, and of a second phase feature maps are made.
    with cost.counted(run) if is_chief else contextlib.nullcontext():
        rows = teachers.rows(run, strategy) if teachers else None
        trainer = phase.trainer(model, strategy, run, recorder, rows)
    trainer.fit()


def _measure(phase, run, flags_text: str) -> None:
    from cmr.trained import final_evaluation, finished_run
    from cmr.training import cost

    run_config = phase.setup.run_config
    measuring = None if run.metrics_json.exists() else cost.Cost(run)
    phase.finish(run)
    inputs = finished_run.tuned_inputs(run, run_config, phase.setup.inputs)
    result = final_evaluation.evaluate_test(run, run_config, inputs)
    if not run.test_ranks_npz.exists():
        result.ranks.write(run.test_ranks_npz)
    if measuring:
        measuring.keep()
        provenance = final_evaluation.provenance(run_config, inputs, flags_text)
        run.write_metrics({**provenance, **result.values, "cost": cost.total(run)})
    print(f"\n{result.table}\n\nTensorBoard: {shell.tensorboard_command(run.path.parent)}")


def _print_model(model, run) -> None:
    """Prints the summary; writes a diagram beside the run, as a picture too where Graphviz draws it."""
    from cmr.retrieval.model import model_diagram
    from cmr.workspace import atomic_files

    model.summary(expand_nested=True)
    graph = model_diagram(model)
    path = run.path / "model.dot"
    atomic_files.write_text(path, graph.to_string())
    try:
        with atomic_files.atomic_path(path.with_suffix(".png")) as temporary:
            graph.write_png(temporary)
    except FileNotFoundError:
        print(f"diagram {path} (install Graphviz to have it drawn as model.png)")
    else:
        print(f"diagram {path} and {path.with_suffix('.png')}")


if __name__ == "__main__":
    command.run(main, __doc__, GROUPS, check_flags)
