"""Trains a retrieval model on a prepared workspace, then prints its test table.

    python -m cmr.train --dataset=flickr8k --model=fusion

A run that was stopped goes on when the same command is given again; a finished one prints its table.
Watch it with: tensorboard --logdir=workspace/flickr8k/runs
"""

import pathlib

from absl import flags

from cmr import command, config
from cmr import flags as cmr_flags
from cmr import workspace as workspace_lib

FLAGS = flags.FLAGS

GROUPS = (
    cmr_flags.workspace_flags,
    cmr_flags.model_flags,
    cmr_flags.loss_flags,
    cmr_flags.training_flags,
    cmr_flags.cnn_flags,
    cmr_flags.features_flags,
)


def main() -> None:
    from cmr import distribution, inputs

    cmr_flags.apply_dataset_defaults(FLAGS)
    strategy = distribution.make_strategy(FLAGS.strategy, FLAGS.logical_cpus)
    workspace = workspace_lib.Workspace(pathlib.Path(FLAGS.workspace_dir), FLAGS.dataset)
    vgg_features, image_features = inputs.features_read(FLAGS.model, *_feature_names())
    found = inputs.read_inputs(workspace, vgg_features, image_features)
    text_space, kernel = _text_space(workspace, found, image_features)
    run_config = config.RunConfig(
        dataset=FLAGS.dataset,
        model=_model_config(found),
        train=_train_config(),
        vgg_features=vgg_features,
        image_features=image_features,
        text_space=text_space,
        checksums=found.checksums,
    )
    _train(workspace, found, run_config, kernel, strategy)


def _train(workspace, found, run_config, kernel, strategy) -> None:
    import keras

    from cmr import distribution, final_evaluation, models, runs, summaries, trainer

    name = FLAGS.run_name or f"{FLAGS.model}-{run_config.short_hash()}"
    run = runs.Run(workspace.run_dir(name))
    keras.utils.set_random_seed(FLAGS.seed)
    with strategy.scope():
        model = models.retrieval_model(run_config.model, kernel)
    if FLAGS.print_model:
        _print_model(model, run)
        return
    flags_text = cmr_flags.flagfile_text(FLAGS)
    chief = distribution.is_chief(strategy)
    if chief:
        run.start(run_config, flags_text)
    print(f"run {run.path}", flush=True)
    if not run.metrics_json.exists():
        train, val = found.split("train"), found.split("val")
        print(
            f"{train.num_images} training images with {train.num_captions} sentences, "
            f"{len(found.vocabulary)} words, {model.count_params():,} weights",
            flush=True,
        )
        recorder = summaries.Recorder(run.tensorboard_dir, flags_text, val, found.image_dir) if chief else None
        trainer.Trainer(model, run_config.train, strategy, run, train, val, recorder).fit()
    if chief:
        measured, table = final_evaluation.evaluate_test(run, run_config, found)
        if not run.metrics_json.exists():
            run.write_metrics({**final_evaluation.provenance(run_config, flags_text), **measured})
        print(f"\n{table}\n\nTensorBoard: tensorboard --logdir={run.path.parent}")


def _feature_names() -> tuple[str, str]:
    crops = int(FLAGS.crops)
    return (
        FLAGS.vgg_features or workspace_lib.vgg_features_name(FLAGS.vgg_model, FLAGS.vgg_layer, crops),
        FLAGS.image_features or workspace_lib.image_features_name(FLAGS.image_model, FLAGS.hub_module, crops),
    )


def _text_space(workspace, found, image_features: str):
    """W_img and the name of its origin; both empty for a model that does not read X_img."""
    from cmr import text_space

    if not image_features:
        return "", None
    path = pathlib.Path(FLAGS.captioner) if FLAGS.captioner else workspace.captioner_dir / "captioner.keras"
    if FLAGS.captioner or path.exists():
        kernel = text_space.captioner_kernel(path)
        print(f"W_img is the captioner's ({path})", flush=True)
        return text_space.kernel_checksum(kernel), kernel
    print(
        f"no captioner in {workspace.captioner_dir}: W_img is a linear map trained on the training sentences' words",
        flush=True,
    )
    kernel = text_space.linear_kernel(
        workspace.linear_embedding_npz(image_features),
        found.split("train"),
        len(found.vocabulary),
        FLAGS.text_space_dim,
        " ".join(found.checksums[name] for name in ("captions.csv", "vocabulary", image_features)),
    )
    return "linear", kernel


def _model_config(found) -> config.ModelConfig:
    from cmr import image_encoder

    return config.ModelConfig(
        model=FLAGS.model,
        vgg_dim=found.feature_dim(image_encoder.VGG_FEATURES),
        image_dim=found.feature_dim(image_encoder.IMAGE_FEATURES),
        vocabulary_size=len(found.vocabulary),
        word_dim=FLAGS.word_dim,
        gru_units=FLAGS.gru_units,
        text_space_dim=FLAGS.text_space_dim,
        gru_reset_after=FLAGS.gru_reset_after,
        normalize_features=FLAGS.normalize_features,
        image_norm_in_loss=FLAGS.image_norm_in_loss,
        train_text_space=FLAGS.train_text_space,
    )


def _train_config() -> config.TrainConfig:
    return config.TrainConfig(
        margin=FLAGS.margin,
        reduction=FLAGS.reduction,
        negatives=FLAGS.negatives,
        num_negatives=FLAGS.num_negatives,
        batch_size=FLAGS.batch_size,
        learning_rate=FLAGS.learning_rate,
        clip_norm=FLAGS.clip_norm,
        max_epochs=FLAGS.max_epochs,
        patience=FLAGS.patience,
        checkpoint_steps=FLAGS.checkpoint_steps,
        seed=FLAGS.seed,
    )


def _print_model(model, run) -> None:
    """Prints the summary; writes a diagram beside the run, as a picture too where Graphviz draws it."""
    import keras

    from cmr import atomic_files

    model.summary(expand_nested=True, line_length=110)
    graph = keras.utils.model_to_dot(model, show_shapes=True, expand_nested=True, show_trainable=True)
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
    command.run(main, __doc__, GROUPS)
