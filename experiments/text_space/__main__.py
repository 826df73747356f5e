"""Explains from W_img (Eq. 4) itself what it is worth: its spectrum, what it loses, what closed-form retrieval keeps.

    python -m experiments.text_space --dataset=flickr8k --image_features=efficientnet_lite2

Beside the captioner's W_img stand the linear one, a random one and none (X_txt is X_img). Trains no network but the
linear map, where it is missing, and looks at the validation split alone. Retrieval is CCA with the n-grams of the
sentences, once with X_txt as W_img gives it and once with all its directions scaled to one variance. Writes
text_space.json, .md, .png and .svg to the data set's experiments/ in the workspace, and text_space_evened.npz: the
captioner's W_img with the directions of X_txt about equally long, to be tried in training (cmr.train --captioner).
"""

import json
import pathlib

import numpy as np
from absl import flags

from cmr import extras as cmr_extras
from cmr.cli import command, datasets
from cmr.cli import flags as cmr_flags
from cmr.data import input_names
from cmr.data.inputs import Inputs, read_inputs
from cmr.workspace import atomic_files, feature_names
from cmr.workspace.paths import Workspace
from experiments import extras
from experiments import flags as experiments_flags

FLAGS = flags.FLAGS

GROUPS = (
    cmr_flags.workspace_flags,
    cmr_flags.image_features_flags,
    experiments_flags.text_space_flags,
)


def main() -> None:
    extras.check_installed("matplotlib")
    cmr_extras.check_installed("n-grams of sentences need", "comparators", "sklearn")
    from cmr.text_space import from_captioner
    from cmr.workspace.writer_lock import writer_lock
    from experiments import figures
    from experiments.text_space import measuring, plot, text

    datasets.apply_defaults(FLAGS)
    workspace = Workspace(pathlib.Path(FLAGS.workspace_dir), FLAGS.dataset)
    name = FLAGS.image_features or feature_names.of_image(FLAGS.image_model, FLAGS.hub_module, int(FLAGS.crops))
    inputs = read_inputs(workspace, "", name)
    inputs.check_splits(("train", "val"))
    kernels = _kernels(workspace, inputs, name)
    train, val = inputs.split("train"), inputs.split("val")
    closed_form = measuring.ClosedForm(train, val, FLAGS.seed)
    images, val_images = measuring.image_features(train), measuring.image_features(val)
    spaces = []
    for kind, kernel in kernels.items():
        spaces.append(measuring.measure(kind, kernel, images, val_images, closed_form))
        print(f"{kind}: val {spaces[-1].as_it_is.one_line()}", flush=True)
    table = text.table(spaces)
    with writer_lock(workspace.experiments_dir):
        path = workspace.experiments_dir / "text_space.json"
        atomic_files.write_text(path, json.dumps([space.to_dict() for space in spaces], indent=1))
        atomic_files.write_text(path.with_suffix(".md"), table + "\n")
        evened = path.with_name("text_space_evened.npz")
        from_captioner.write_kernel(evened, measuring.evened(kernels["captioner"], images))
        figures.write(plot.draw(spaces, f"{workspace.dataset}, {name}"), path)
    print(f"\n{table}\n\nwritten {path}, .md, .png and .svg, and {evened.name}")


def _kernels(workspace: Workspace, inputs: Inputs, image_features: str) -> dict[str, np.ndarray | None]:
    """Each kind's W_img, of the captioner's size; the captioner's comes first."""
    from cmr.text_space import choice, from_captioner

    captioner = from_captioner.read_text_space(pathlib.Path(FLAGS.captioner or workspace.captioner_dir))
    features = inputs.features[input_names.IMAGE_FEATURES]
    from_captioner.check_features(captioner, workspace.dataset, features, inputs.fingerprints)
    units = captioner.kernel.shape[1]
    return {
        "captioner": captioner.kernel,
        "linear": choice.linear_kernel(workspace, inputs, image_features, units),
        "random": choice.random_kernel(features.feature_dim, units, FLAGS.seed),
        "raw": None,
    }


if __name__ == "__main__":
    command.run(main, __doc__, GROUPS)
