"""Which comparisons of one of the paper's tables hold, where every system reads the same features.

    python -m experiments.reproduce --table=1 --rows=all --overlay=stand_ins --image_weights=efficientnet_lite2.npz
    python -m experiments.claims --table=1 --overlay=stand_ins

The paper's systems (fusion, single, vse, in both readings) less every other one, those too that it does not print:
the printed difference, and the one measured here with its interval and test, on the same test images. It trains
nothing: a row is compared by its finished runs of the first --seeds seeds, and one without any is named. The files are
<workspace_dir>/<dataset>/experiments/claims.md, .csv, .html and .json; the names of --overlay follow claims.
"""

import itertools
import pathlib

from absl import flags

from cmr.cli import command
from experiments import extras
from experiments import flags as experiments_flags

FLAGS = flags.FLAGS

GROUPS = (experiments_flags.claims_flags,)


def main() -> None:
    from cmr.cli.flagfiles import find_flagfile
    from cmr.errors import WorkspaceError
    from experiments.claims import comparing, files
    from experiments.tables import paper
    from experiments.trainings import results

    extras.check_installed("jinja2")
    workspace_dir = pathlib.Path(FLAGS.workspace_dir)
    comparators = paper.comparators(FLAGS.table)
    own = list(itertools.chain(*paper.READINGS.values()))
    trainings = paper.row_trainings(FLAGS.table, [*own, *comparators], FLAGS.overlay, FLAGS.seeds)
    workspace = next(iter(trainings.values()))[0].workspace(workspace_dir)
    rows, unfinished = {}, []
    for name, of_row in trainings.items():
        finished = [training for training in of_row if training.run(workspace_dir).is_finished]
        if finished:
            rows[name] = results.read_trained_row(name, finished, workspace_dir)
        else:
            unfinished.append(name)
    results.check_same_inputs(list(rows.values()))
    left_out = [f"Left out, for want of a finished run: {', '.join(unfinished)}."] if unfinished else []
    overlays = [find_flagfile(name) for name in FLAGS.overlay]
    claims = comparing.compare(
        paper.TITLES[FLAGS.table],
        workspace.dataset,
        rows,
        paper.READINGS,
        comparators,
        [*paper.overlay_notes(overlays, has_comparators=True), *left_out],
    )
    if not claims.readings:
        raise WorkspaceError(
            f"{workspace.dataset_dir} holds no finished row of {', '.join(own)} with these --overlay, or nothing to "
            f"compare it with (finished: {', '.join(rows) or 'none'}); train with experiments.reproduce "
            f"--table={FLAGS.table} --rows=all and the same --overlay"
        )
    stem = workspace.experiments_dir / "-".join(["claims", *(path.stem for path in overlays)])
    files.write_all(claims, stem)
    print(f"{files.to_markdown(claims)}\n{stem}.md, .csv, .html, .json")


if __name__ == "__main__":
    command.run(main, __doc__, GROUPS, uses_tensorflow=False)
