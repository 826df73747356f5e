"""Times the parts of a training step on this machine and prints them as shares of the step.

    python -m cmr.benchmark --dataset=flickr8k --negatives=batch --batch_size=128

It takes the flags of cmr.train. Read the ratios, which come from one run: the seconds are this machine's.
"""

from absl import flags

from cmr import extras
from cmr.cli import command, datasets, training_flags
from cmr.cli import flags as cmr_flags

FLAGS = flags.FLAGS

GROUPS = (
    cmr_flags.benchmark_flags,
    cmr_flags.workspace_flags,
    training_flags.model_flags,
    cmr_flags.text_space_flags,
    training_flags.loss_flags,
    training_flags.training_flags,
    training_flags.course_flags,
    cmr_flags.cnn_flags,
    cmr_flags.features_flags,
)


def main() -> None:
    import tensorflow as tf

    from cmr.retrieval import timing
    from cmr.retrieval.setup import RunSetup

    print(datasets.take_defaults(FLAGS), end="", flush=True)
    setup = RunSetup.from_flags(FLAGS)
    config = setup.run_config
    train = setup.inputs.split("train")
    model = setup.model()
    pairs = config.train.batch_size + config.train.negatives_per_batch
    print(f"{FLAGS.model} on {FLAGS.dataset}: {config.train.batch_size} queries a step, {pairs} pairs embedded")
    parts = timing.time_parts(model, config.train, tf.distribute.get_strategy(), train, FLAGS.steps)
    _print_shares(parts, of=timing.WHOLE)
    print(f"\na training step of the text encoder alone, {pairs} sentences")
    forms = timing.time_text_encoders(config.model, train, pairs, FLAGS.steps, FLAGS.against == "torch")
    _print_shares(forms, of=next(iter(forms)))
    if FLAGS.workers:
        _print_workers(model, config.train, train)


def _print_workers(model, config, train) -> None:
    """What one of several workers computes in a step, and sends."""
    import tensorflow as tf

    from cmr.retrieval import exchange, timing
    from cmr.retrieval.batches import check_replicas

    workers = sorted(set(map(int, FLAGS.workers)))
    for number in workers:
        check_replicas(config, number)
    timed = timing.time_workers(model, config, tf.distribute.get_strategy(), train, workers, FLAGS.steps)
    alone = sum(timed[1].values())
    print("\nwhat one of several workers computes in a step, as shares of what one alone does")
    print("".join(f"{name:>16}" for name in ("workers", *timed[1], "all")))
    for number, parts in timed.items():
        print(f"{number:>16}" + "".join(f"{value / alone:16.3f}" for value in (*parts.values(), sum(parts.values()))))
    exchanges = exchange.of_step(model, config)
    print(f"\n{'exchanged in a step':<52}{'MB':>8}")
    for each in exchanges:
        print(f"  {each.what:<50}{each.num_bytes / 1e6:8.3f} {'summed' if each.is_sum else 'joined'}")
    for number in workers:
        sent = sum(each.sent(number) for each in exchanges)
        print(f"  {f'each of {number} workers in a ring sends and receives':<50}{sent / 1e6:8.3f}")


def _print_shares(seconds: dict[str, float], of: str) -> None:
    for name, value in seconds.items():
        print(f"  {name:<38}{1000 * value:9.1f} ms{value / seconds[of]:8.2f} x {of}")


def check_flags() -> None:
    """Refuses what can't work, before TensorFlow is imported."""
    if FLAGS.against == "torch":
        extras.check_installed("--against=torch needs", "peers", "torch")


if __name__ == "__main__":
    command.run(main, __doc__, GROUPS, check_flags)
