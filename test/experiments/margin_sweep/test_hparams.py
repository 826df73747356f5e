"""What TensorBoard's HParams page reads of a margin sweep."""

import pathlib

from fabricated_sweeps import point, sweep
from tensorboard.backend.event_processing import event_accumulator
from tensorboard.plugins.hparams import metadata

from experiments.margin_sweep import hparams


def _plugin_data(folder: pathlib.Path, tag: str):
    return event_accumulator.EventAccumulator(str(folder)).Reload().SummaryMetadata(tag).plugin_data.content


def _groups(folder: pathlib.Path) -> dict[str, str]:
    """The group of each session, by the run's name."""
    return {
        path.name: metadata.parse_session_start_info_plugin_data(
            _plugin_data(path, metadata.SESSION_START_INFO_TAG)
        ).group_name
        for path in folder.iterdir()
        if path.is_dir()
    }


def test_both_settings_are_in_the_experiments_domain(tmp_path):
    hparams.write(sweep(point(0.1, 10, 5), point(0.1, 10, 5, image_norm=False)), tmp_path / "events")

    experiment = metadata.parse_experiment_plugin_data(_plugin_data(tmp_path / "events", metadata.EXPERIMENT_TAG))
    domains = {info.name: list(info.domain_discrete) for info in experiment.hparam_infos}
    assert domains == {"margin": [0.1], "image_norm_in_loss": [False, True]}


def test_runs_that_differ_in_their_seed_alone_are_one_group(tmp_path):
    points = point(0.1, 10, 5), point(0.1, 12, 5, seed=1), point(0.1, 12, 5, image_norm=False), point(0.2, 12, 5)
    hparams.write(sweep(*points), tmp_path / "events")

    groups = _groups(tmp_path / "events")

    assert groups[points[0].run] == groups[points[1].run]
    assert len(set(groups.values())) == 3


def test_events_of_an_earlier_sweep_and_of_a_killed_one_are_gone(tmp_path):
    hparams.write(sweep(point(0.1, 10, 5)), tmp_path / "events")
    hparams.write(sweep(point(0.9, 10, 5)), tmp_path / ".tmp.events")

    hparams.write(sweep(point(0.2, 10, 5)), tmp_path / "events")

    assert set(_groups(tmp_path / "events")) == {point(0.2, 10, 5).run}
    assert [path.name for path in tmp_path.iterdir()] == ["events"]
