"""Redoes one of the paper's tables: prepares and trains what is missing, measures on test, writes the table.

    python -m experiments.reproduce --table=1 --data_dir=~/flickr8k
    python -m experiments.reproduce --table=1 --overlay=stand_ins --image_weights=efficientnet_lite2.npz --jobs=2

Every row is a flagfile, experiments/flagfiles/<dataset>/<row>.flags. --rows=all takes the other systems of the paper's
tables as well, each measured here beneath the paper's row of it. A finished run is recognised by the hash of its
flags and kept, so a killed table goes on where it was. The files are
<workspace_dir>/<dataset>/experiments/table1.md, .csv, .tex, .html and .json; the names of --rows and of
--overlay follow table1.
"""

import pathlib

from absl import flags

from cmr.cli import command
from experiments import extras
from experiments import flags as experiments_flags

FLAGS = flags.FLAGS

GROUPS = (
    experiments_flags.table_flags,
    experiments_flags.preparation_flags,
    experiments_flags.trainings_flags,
)


def main() -> None:
    from cmr.cli.flagfiles import find_flagfile
    from experiments.tables import formats, markdown, paper
    from experiments.tables.table import build_table
    from experiments.trainings import plan
    from experiments.trainings.results import check_same_inputs, read_trained_row
    from experiments.trainings.train_flags import COMPARE

    extras.check_installed("jinja2")
    workspace_dir = pathlib.Path(FLAGS.workspace_dir)
    named = paper.rows_of(FLAGS.table, FLAGS.rows)
    rows = paper.row_trainings(FLAGS.table, named, FLAGS.overlay, FLAGS.seeds)
    overlays = [find_flagfile(name) for name in FLAGS.overlay]
    trainings = [training for row in rows.values() for training in row]
    has_comparators = any(training.command == COMPARE for training in trainings)
    made_with = paper.overlay_notes(overlays, has_comparators)
    if not plan.follow_flags(FLAGS, trainings):
        return
    results = [read_trained_row(name, row, workspace_dir) for name, row in rows.items()]
    check_same_inputs(results)
    # Of the largest gallery, where a language model was measured on a part.
    chance = (row.runs[0].random_ranking for row in results)
    random = max(chance, key=lambda each: each.sentence_retrieval.num_queries)
    table = build_table(
        paper.TITLES[FLAGS.table],
        trainings[0].dataset,
        random,
        results,
        paper.descriptions(rows),
        made_with,
        beneath_paper=has_comparators,
        readings=paper.READINGS,
    )
    stem = paper.file_stem(FLAGS.table, list(rows), [path.stem for path in overlays])
    path = trainings[0].workspace(workspace_dir).experiments_dir / stem
    formats.write_all(table, path)
    print(f"\n{markdown.to_markdown(table)}\n\n{path}.md, .csv, .tex, .html, .json")


if __name__ == "__main__":
    command.run(main, __doc__, GROUPS, uses_tensorflow=False)
