"""Writes report.html: tables, curves, the margin plot and what a run retrieves, on one page that needs no other file.

    python -m experiments.report --dataset=flickr8k

Shows what the other experiments of the data set have left in the workspace; the page says which command makes the rest.
"""

import datetime
import pathlib

from absl import flags

from cmr.cli import command
from cmr.cli import flags as cmr_flags
from cmr.workspace.paths import Workspace
from experiments import extras
from experiments import flags as experiments_flags

FLAGS = flags.FLAGS

GROUPS = (experiments_flags.report_flags, cmr_flags.workspace_flags)


def check_flags() -> None:
    """Refuses what can't work, before TensorFlow is imported."""
    extras.check_installed("jinja2", "matplotlib")


def main() -> None:
    from cmr.workspace import atomic_files
    from experiments.report import contents
    from experiments.report.page import render_page

    workspace = Workspace(pathlib.Path(FLAGS.workspace_dir), FLAGS.dataset)
    today = datetime.datetime.now(datetime.timezone.utc).date()
    page = contents.gather(workspace, FLAGS.run, FLAGS.chosen_images, FLAGS.seed, today)
    path = workspace.experiments_dir / "report.html"
    text = render_page(page)
    atomic_files.write_text(path, text)
    for part in page.absent:
        print(f"not made yet: {part.title}: {part.command}")
    print(f"written {path} ({len(text.encode()) / 1e6:.1f} MB)")


if __name__ == "__main__":
    command.run(main, __doc__, GROUPS, check_flags)
