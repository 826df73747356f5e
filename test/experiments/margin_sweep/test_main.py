"""The command of the margin sweep, on the tiny data set."""

import pathlib

import pytest
from tensorboard.backend.event_processing import event_accumulator
from tensorboard.plugins.hparams import metadata
from tensorboard.util import tensor_util
from tiny_runs import TINY, Ended, read_json, run_main
from tiny_workspaces import make_workspace

from cmr.workspace.runs import Run
from experiments.margin_sweep import __main__ as margin_sweep
from experiments.margin_sweep.points import Sweep


def _sweep(*arguments: object) -> Ended:
    return run_main(margin_sweep.main, *arguments, doc=margin_sweep.__doc__, groups=margin_sweep.GROUPS)


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """The workspace, and how a sweep of one margin and then of one more ended."""
    folder = tmp_path_factory.mktemp("sweep")
    workspace = make_workspace(folder / "workspace")
    row, overlay = folder / "vse.flags", folder / "short.flags"
    row.write_text("\n".join([*TINY, "--dataset=scenes", "--model=vse"]))
    overlay.write_text("--max_epochs=1\n")
    flags = [f"--workspace_dir={workspace.root}", f"--row={row}", f"--overlay={overlay}", "--image_norm=true"]
    return workspace, [_sweep(*flags, f"--margins={margins}") for margins in ("0.2", "0.5,0.2")]


def test_a_sweep_trains_its_margins(swept):
    _, (first, _) = swept

    assert first.returncode == 0, first.stderr
    assert "1 trainings, 1 of them to do" in first.stdout


def test_a_sweep_that_is_given_again_trains_only_what_is_missing(swept):
    workspace, (_, second) = swept

    assert second.returncode == 0, second.stderr
    assert "2 trainings, 1 of them to do" in second.stdout
    assert len(list(workspace.dataset_dir.glob("runs/*/metrics.json"))) == 2


def test_its_file_holds_what_the_runs_measured_on_validation(swept):
    workspace, _ = swept
    made = Sweep.from_json((workspace.dataset_dir / "experiments" / "margin_sweep.json").read_text())

    assert [point.setting.margin for point in made.points] == [0.2, 0.5]
    for point in made.points:
        run = Run(workspace.run_dir(point.run))
        assert read_json(run.history_json)[0]["val"] == point.validation.to_dict()
        assert run.read_config().train.margin == point.setting.margin
        assert run.read_config().train.max_epochs == 1


def test_it_prints_its_points_and_its_choice(swept):
    workspace, (_, second) = swept
    made = Sweep.from_json((workspace.dataset_dir / "experiments" / "margin_sweep.json").read_text())

    assert [line.split()[0] for line in second.stdout.splitlines() if " unit " in line][:2] == ["0.2", "0.5"]
    assert f"Chosen: margin {made.choice.margin:g}, " in second.stdout


def test_table_and_plots_stand_beside_it(swept):
    workspace, _ = swept
    folder = workspace.dataset_dir / "experiments"

    names = {path.name for path in folder.glob("[!.]*")}

    assert names == {f"margin_sweep{end}" for end in (".json", ".csv", ".png", ".svg", "_hparams")}


def _events(folder: pathlib.Path) -> event_accumulator.EventAccumulator:
    return event_accumulator.EventAccumulator(str(folder)).Reload()


def _hparams(events: event_accumulator.EventAccumulator, tag: str):
    return events.SummaryMetadata(tag).plugin_data.content


def test_tensorboard_is_told_the_sweeps_settings_and_metrics(swept):
    workspace, _ = swept

    events = _events(workspace.dataset_dir / "experiments" / "margin_sweep_hparams")

    experiment = metadata.parse_experiment_plugin_data(_hparams(events, metadata.EXPERIMENT_TAG))
    domains = {info.name: list(info.domain_discrete) for info in experiment.hparam_infos}
    assert domains["margin"] == [0.2, 0.5]
    assert "val/sum_of_recalls" in {info.name.tag for info in experiment.metric_infos}


def test_tensorboard_is_told_every_runs_settings_and_recalls_once(swept):
    workspace, _ = swept
    folder = workspace.dataset_dir / "experiments"
    made = Sweep.from_json((folder / "margin_sweep.json").read_text())

    sessions = {path.name: _events(path) for path in (folder / "margin_sweep_hparams").iterdir() if path.is_dir()}

    assert set(sessions) == {point.run for point in made.points}
    for point in made.points:
        events = sessions[point.run]
        start = metadata.parse_session_start_info_plugin_data(_hparams(events, metadata.SESSION_START_INFO_TAG))
        assert start.hparams["margin"].number_value == point.setting.margin
        assert start.hparams["image_norm_in_loss"].bool_value is True
        (scalar,) = events.Tensors("val/sum_of_recalls")
        assert scalar.step == point.epoch
        assert tensor_util.make_ndarray(scalar.tensor_proto).item() == pytest.approx(point.validation.sum_of_recalls)


@pytest.mark.parametrize("margins", ["", "0.1,x", "nan", "-0.1", "2.1", "0.1,0.10"])
def test_margins_that_can_not_work_are_refused_in_one_line(margins):
    ended = _sweep(f"--margins={margins}")

    assert ended.returncode == 1
    assert ended.stderr.startswith("error: flag --margins=")
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize("setting", ["", "yes", "true,true"])
def test_another_image_norm_than_true_and_false_is_refused(setting):
    ended = _sweep(f"--image_norm={setting}")

    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "give true, false or true,false" in ended.stderr


def test_a_loss_without_a_margin_is_refused(tmp_path):
    ended = _sweep("--row=flickr8k/best_single", "--dry_run", f"--workspace_dir={tmp_path}")

    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "--loss=softmax, which reads no margin" in ended.stderr


def test_a_row_that_is_not_there_is_refused_before_anything_is_written(tmp_path):
    ended = _sweep("--row=nowhere/fusion", f"--workspace_dir={tmp_path / 'workspace'}")

    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "nowhere/fusion is no flagfile" in ended.stderr
    assert not (tmp_path / "workspace").exists()


def test_without_matplotlib_nothing_is_trained(monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    ended = _sweep(f"--workspace_dir={tmp_path / 'workspace'}")

    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "pip install" in ended.stderr
