"""Trains and measures a comparator into a run's folder, as cmr.train leaves a run of ours."""

from collections.abc import Sequence

import keras

from cmr.comparators.setup import ComparatorSetup
from cmr.comparators.system import EmbeddingSystem, NeuralSystem, ScoreSystem, System
from cmr.comparators.trainer import Trainer
from cmr.config import ComparatorRunConfig
from cmr.evaluation import query_bank, similarities
from cmr.trained import final_evaluation
from cmr.trained.final_evaluation import TestResult
from cmr.training import cost
from cmr.training.curves import TrainingCurves
from cmr.workspace.runs import Run

_SPLITS = ("val", "test")


def train_and_measure(setup: ComparatorSetup, run: Run, flags_text: str) -> None:
    """Fits the system, keeps what it says of val and test, and writes test_ranks.npz and metrics.json.

    Args:
      setup: what is trained on what.
      run: the run's folder, of which this process is the writer, begun (`Run.start`).
      flags_text: the command's flags.

    Raises:
      CmrError: see the systems.
    """
    measured_inputs, run_config = setup.measured_inputs, setup.run_config
    keras.utils.set_random_seed(run_config.train.seed)
    with cost.counted(run):
        system = setup.make_system()
    if system.given.word_vectors:
        print(system.given.word_vectors.note, flush=True)
    _fit(system, setup, run, flags_text)
    for name in _SPLITS:
        if isinstance(system, ScoreSystem):
            system.blocks_dir = run.blocks_dir(name)
        with cost.counted(run):
            said = system.similarities(measured_inputs.split(name), measured_inputs.folds(name))
        similarities.write(run.similarities_npz(name), said)
    with cost.counted(run):
        val = _measured_val(setup, run)
    run.remove_blocks()
    if isinstance(system, EmbeddingSystem):
        bank = query_bank.bank_of(measured_inputs.split("train"))
        with cost.counted(run):
            of_bank = system.embed(bank)
        similarities.write(run.similarities_npz("train"), of_bank)
    notes = [*_notes(system, run_config), *system.notes, *_left_out(setup)]
    if not isinstance(system, NeuralSystem):
        run.write_history([{"epoch": 0, "val": val}])
    with cost.counted(run):
        result = _measure(setup, run, notes)
    result.ranks.write(run.test_ranks_npz)
    provenance = final_evaluation.provenance(run_config, setup.inputs, flags_text)
    run.write_metrics({**provenance, **result.values, "val": val, "cost": cost.total(run)})


def table(setup: ComparatorSetup, run: Run) -> str:
    """The test table of a finished run."""
    return _measure(setup, run, run.read_metrics()["notes"]).table


def _fit(system: System, setup: ComparatorSetup, run: Run, flags_text: str) -> None:
    train, val = setup.inputs.split("train"), setup.inputs.split("val")
    print(f"{train.num_images} training images with {train.num_captions} sentences", flush=True)
    if isinstance(system, NeuralSystem):
        curves = TrainingCurves(run.tensorboard_dir, flags_text, "sentences_per_second")
        # Some make n-grams of the sentences first, as systems without epochs do in `fit`.
        with cost.counted(run):
            trainer = Trainer(system, setup.run_config.train, run, train, val, curves)
        trainer.fit()
    else:
        with cost.counted(run):
            system.fit(train, val)


def _measured_val(setup: ComparatorSetup, run: Run) -> dict:
    """Metrics of what a run keeps of the validation split; epochs may have been judged by a part of it."""
    val = setup.measured_inputs.split("val")
    measured, _ = similarities.evaluate(similarities.read(run.similarities_npz("val"), val), val)
    print(f"val {measured.one_line()}", flush=True)
    return measured.to_dict()


def _measure(setup: ComparatorSetup, run: Run, notes: Sequence[str]) -> TestResult:
    inputs, run_config = setup.measured_inputs, setup.run_config
    said = similarities.read(run.similarities_npz("test"), inputs.split("test"), inputs.test_folds)
    return final_evaluation.measure_test(said, run_config.dataset, run_config.system, inputs, notes)


def _notes(system: System, run_config: ComparatorRunConfig) -> list[str]:
    words = system.given.word_vectors
    leak = [run_config.leak] if run_config.leak else []
    return [*system.settings.notes, *([words.note] if words else []), *leak]


def _left_out(setup: ComparatorSetup) -> list[str]:
    """A note on a gallery that is smaller than the test split."""
    number, listed = (inputs.split_sizes()["test"][0] for inputs in (setup.measured_inputs, setup.inputs))
    if number == listed:
        return []
    return [
        f"Measured on the first {number:,} test images with their sentences alone "
        f"(--{setup.settings.flag_prefix}_measured_images), a smaller gallery than a row of the whole split has."
    ]
