"""What is still to be done costs: hours by finished runs of the same sizes, disk by the files that are written."""

import pathlib
import statistics
from collections.abc import Hashable, Sequence

from absl.flags import FlagValues

from cmr.cli import compare_flags
from cmr.comparators.settings.declared import LIMITS, said
from cmr.comparators.settings.registry import SETTINGS
from cmr.config import ComparatorRunConfig, ModelConfig
from cmr.errors import WorkspaceError
from cmr.workspace import feature_names, features
from cmr.workspace.paths import Workspace
from cmr.workspace.runs import MeasuredConfig, Run
from experiments.trainings import preparation, queue
from experiments.trainings.training import Training

_FLOAT_BYTES = 4
# Of the networks whose size is known before they run.
_FEATURE_DIMS = {
    **{f"{network}-{layer}": 4096 for network in ("vgg16", "vgg19") for layer in ("fc6", "fc7")},
    **{f"{network}-pool5_avg": 512 for network in ("vgg16", "vgg19")},
    "inception_v3": 2048,
    "efficientnet_lite2": 1280,
}


def hours(trainings: Sequence[Training], workspace_dir: pathlib.Path) -> str:
    """A sentence on how long the unfinished trainings take, one after the other.

    Args:
      trainings: the unfinished ones, of one data set.
      workspace_dir: whose finished runs are looked at.
    """
    if not trainings:
        return "no training to wait for"
    took = _seconds_by_sizes(trainings[0].workspace(workspace_dir))
    known = [statistics.median(took[sizes]) for each in trainings if (sizes := _sizes(each.values)) in took]
    unknown = len(trainings) - len(known)
    if not known:
        return "hours not known: no run of these sizes is finished in this workspace"
    rest = f"; not counted: {unknown} of sizes that no finished run has" if unknown else ""
    return (
        f"about {sum(known) / 3600:.1f} h of training one after the other, as finished runs of these sizes took{rest}"
    )


def disk(trainings: Sequence[Training], workspace_dir: pathlib.Path) -> str:
    """A sentence on what the missing features and the unfinished trainings write.

    Args:
      trainings: the unfinished ones, of one data set.
      workspace_dir: that is written to.
    """
    if not trainings:
        return "nothing to write"
    workspace = trainings[0].workspace(workspace_dir)
    try:
        description = workspace.read_description()
        num_images = sum(split["images"] for split in description["splits"].values())
        num_words = description["vocabulary_size"]
    except (WorkspaceError, KeyError):
        return "disk not known before the data set is prepared"
    names = {name for each in trainings for name in preparation.features_read(each.values) if name}
    missing = [name for name in names if not preparation.has_features(workspace, name)]
    dims = {name: _feature_dim(workspace, name) for name in missing}
    of_features = sum(num_images * dim * _FLOAT_BYTES for dim in dims.values())
    of_runs = sum(_run_bytes(each.values, workspace, num_words) for each in trainings)
    unknown = sorted(name for name, dim in dims.items() if not dim)
    rest = f"; not counted, since their size is not known yet: {', '.join(unknown)}" if unknown else ""
    return (
        f"at least {(of_features + of_runs) / 1e9:.2f} GB on the disk: features {of_features / 1e9:.2f}, "
        f"runs {of_runs / 1e9:.2f}{rest}"
    )


def num_weights(values: FlagValues, workspace: Workspace, num_words: int) -> int:
    """The number of a training's weights, W_img included; features of unknown size count nothing.

    Nothing is counted of a comparator, whose sizes are its own affair.
    """
    if "system" in values:
        return 0
    gru = 3 * values.gru_units * (values.word_dim + values.gru_units + 1) * (1 + values.bidirectional)
    vgg, image = (_feature_dim(workspace, name) if name else 0 for name in preparation.features_read(values))
    text_space = image
    if values.image_embedding != "raw" and ModelConfig(values.model, 0, 0, 0).reads_image_features:
        text_space = values.text_space_dim
    w_img = image * text_space if text_space != image else 0
    return num_words * values.word_dim + gru + (vgg + text_space) * values.gru_units + w_img


def _seconds_by_sizes(workspace: Workspace) -> dict[Hashable, list[float]]:
    """Seconds that each run took which was trained here, by the sizes that make a run slow or fast.

    Of older runs of cmr.train those from the first file to the last one; without weights it was trained elsewhere.
    """
    took: dict[Hashable, list[float]] = {}
    for path in workspace.run_dir("").glob("*"):
        run = Run(path)
        if not queue.is_finished(run) or not run.config_json.exists():
            continue
        try:
            config, metrics = run.read_measured_config(), run.read_metrics()
        except WorkspaceError:
            continue
        seconds = metrics.get("cost", {}).get("seconds", metrics.get("seconds"))
        if seconds is None and run.best_weights.exists():
            seconds = max(run.metrics_json.stat().st_mtime - run.config_json.stat().st_mtime, 0.0)
        if seconds is not None:
            took.setdefault(_sizes_of_run(config), []).append(seconds)
    return took


def _sizes_of_run(config: MeasuredConfig) -> Hashable:
    if isinstance(config, ComparatorRunConfig):
        return config.system, *sorted(config.settings.items()), config.train.max_epochs
    model, train = config.model, config.train
    sizes = model.model, model.word_dim, model.gru_units, model.bidirectional, model.gru_reset_after
    return *sizes, train.batch_size, train.max_epochs


def _sizes(values: FlagValues) -> Hashable:
    if "system" in values:
        settings = compare_flags.settings_of(values, SETTINGS[values.system])
        own = {name: value for name, value in said(settings).items() if name not in LIMITS}
        return values.system, *sorted(own.items()), settings.max_epochs
    sizes = values.model, values.word_dim, values.gru_units, values.bidirectional, values.gru_reset_after
    return *sizes, values.batch_size, values.max_epochs


def _run_bytes(values: FlagValues, workspace: Workspace, num_words: int) -> int:
    """Of a run's best weights, and of its last state: the weights, Adam's two moments and the weights' average."""
    copies = 0 if "system" in values else 4 + bool(values.average_weights)
    return copies * num_weights(values, workspace, num_words) * _FLOAT_BYTES


def _feature_dim(workspace: Workspace, name: str) -> int:
    """The size of features; 0 where it is not known."""
    if preparation.has_features(workspace, name):
        try:
            return features.read_features(workspace.features_dir(name)).feature_dim
        except WorkspaceError:
            return 0
    return _FEATURE_DIMS.get(feature_names.of_usual_pictures(name), 0)
