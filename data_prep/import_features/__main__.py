"""Brings CNN features computed elsewhere into the workspace: .npy, .npz, .mat or .h5, with a list of the rows' images.

    python -m data_prep.import_features --dataset=flickr8k --features_name=vgg19-karpathy \\
        --features=vgg_feats.mat --image_ids=dataset.json
    python -m data_prep.import_features --dataset=flickr8k --features_name=vgg19-vse --rows=caption \\
        --features=f8k_train_ims.npy,f8k_dev_ims.npy,f8k_test_ims.npy --image_ids=train.txt,dev.txt,test.txt

Regions of an image, [images, regions, feature_dim] as SCAN's files have them, become a grid.
"""

import pathlib

from absl import flags

from cmr import shell
from cmr.cli import command
from cmr.cli import flags as cmr_flags
from cmr.errors import ConfigError
from cmr.workspace.paths import Workspace
from data_prep import flags as prep_flags
from data_prep.import_features import importing

FLAGS = flags.FLAGS

GROUPS = (cmr_flags.workspace_flags, prep_flags.import_flags, prep_flags.features_name_flags)


def main() -> None:
    if not FLAGS.features_name:
        raise ConfigError("--features_name is missing; give the features a name of your own")
    workspace = Workspace(pathlib.Path(FLAGS.workspace_dir), FLAGS.dataset)
    report = importing.import_features(
        workspace,
        FLAGS.features,
        FLAGS.image_ids or [],
        FLAGS.features_name,
        variable=FLAGS.variable,
        rows=FLAGS.rows,
        stand_in=FLAGS.stand_in,
        overwrite=FLAGS.overwrite,
    )
    place = f"--dataset={FLAGS.dataset}", f"--workspace_dir={FLAGS.workspace_dir}"
    following = (
        shell.python_command("cmr.train", *place, "--model=vse", f"--vgg_features={FLAGS.features_name}")
        if report.written.cells is None
        else shell.python_command("cmr.compare", "--system=dvsa", *place, f"--image_features={FLAGS.features_name}")
    )
    print(f"{report}\nnext: {following}")


if __name__ == "__main__":
    command.run(main, __doc__, GROUPS)
