"""What the other experiments left in the workspace for the report, and the command of each part that is not there."""

import dataclasses
import pathlib
from collections.abc import Callable, Sequence
from typing import TypeVar

from cmr import shell
from cmr.errors import DataError, WorkspaceError
from cmr.workspace.paths import Workspace
from cmr.workspace.runs import Run
from experiments.claims.comparing import Claims
from experiments.comparisons.results import Comparisons
from experiments.margin_sweep.points import Sweep
from experiments.tables import paper
from experiments.tables.table import ResultTable
from experiments.trainings import candidates
from experiments.trainings.results import RowResult, read_row

Kept = TypeVar("Kept")


@dataclasses.dataclass(frozen=True)
class Absent:
    """A part that nobody has made yet: what it is, and the command that makes it."""

    title: str
    command: str


@dataclasses.dataclass(frozen=True)
class Parts:
    """The parts of one data set; None where there is no such part.

    Attributes:
      table: of the paper, with our rows.
      claims: which comparisons of that table hold.
      beyond: our best models.
      ablations: of one row.
      sweep: of the margin.
      rows: of each of them by its name here, the finished runs of what was measured.
      absent: what is not there.
    """

    table: ResultTable | None
    claims: Claims | None
    beyond: ResultTable | None
    ablations: Comparisons | None
    sweep: Sweep | None
    rows: dict[str, list[RowResult]]
    absent: tuple[Absent, ...]

    @property
    def all_rows(self) -> list[RowResult]:
        """The rows of every part, in the parts' order."""
        return [row for rows in self.rows.values() for row in rows]

    @property
    def best_row(self) -> RowResult | None:
        """The trained row of both tables with the best validation; None where there is none.

        Rows whose first run was archived without weights can show nothing that they retrieve.
        """
        trained = [
            row for row in (*self.rows["table"], *self.rows["beyond"]) if row.is_trained and row.runs[0].run.has_answers
        ]
        return max(candidates.of_whole_split(trained), key=candidates.mean_validation, default=None)


def read_parts(workspace: Workspace) -> Parts:
    """Reads every part that is there.

    Raises:
      WorkspaceError: a part is damaged, or a run of it is gone.
    """
    number = next((each for each, dataset in paper.DATASETS.items() if dataset == workspace.dataset), None)
    # A data set of one's own has rows where its owner keeps them.
    row = f"{workspace.dataset}/fusion" if number else "FLAGFILE"
    reader = _Reader(workspace)
    table = claims = None
    if number:
        command = f"experiments.reproduce --table={number}"
        file_name = paper.table_json(workspace.experiments_dir, number).name
        table = reader.read(file_name, paper.TITLES[number], command, ResultTable.from_json)
        command = f"experiments.claims --table={number}"
        written = workspace.experiments_dir.glob("claims*.json")
        newest = max(written, key=lambda path: path.stat().st_mtime, default=pathlib.Path("claims.json"))
        claims = reader.read(newest.name, "The paper's comparisons", command, Claims.from_json)
    beyond = reader.read(
        "beyond.json",
        "Our best models",
        f"experiments.ensemble --dataset={workspace.dataset}",
        ResultTable.from_json,
    )
    ablations = reader.read(
        "ablations.json",
        "The ablations",
        f"experiments.ablations --row={row}",
        Comparisons.from_json,
    )
    sweep = reader.read(
        "margin_sweep.json",
        "The margin's sweep",
        f"experiments.margin_sweep --row={row}",
        Sweep.from_json,
    )
    rows = {
        "table": reader.table_rows(table),
        "beyond": reader.table_rows(beyond),
        "ablations": reader.table_rows(ablations.table if ablations else None),
        "sweep": reader.sweep_rows(sweep),
    }
    return Parts(table, claims, beyond, ablations, sweep, rows, tuple(reader.absent))


class _Reader:
    """Reads parts of a workspace, and notes which are absent."""

    def __init__(self, workspace: Workspace):
        self.absent: list[Absent] = []
        self._workspace = workspace

    def read(self, file_name: str, title: str, command: str, from_json: Callable[[str], Kept]) -> Kept | None:
        """Reads the file of a part; None where it is absent."""
        path = self._workspace.experiments_dir / file_name
        whole_command = shell.python_command(*command.split(), f"--workspace_dir={self._workspace.root}")
        if not path.exists():
            self.absent.append(Absent(title, whole_command))
            return None
        try:
            return from_json(path.read_text(encoding="utf-8"))
        except (DataError, ValueError, TypeError, KeyError) as error:
            raise WorkspaceError(
                f"{path} is damaged or of another version; write it again with {whole_command}"
            ) from error

    def table_rows(self, table: ResultTable | None) -> list[RowResult]:
        """A table's rows that have runs."""
        return [self._row(row.label, row.runs) for row in (table.rows if table else ()) if row.runs]

    def sweep_rows(self, sweep: Sweep | None) -> list[RowResult]:
        """A sweep's margins, with and without unit images."""
        runs_of: dict[str, list[str]] = {}
        for point in sweep.points if sweep else ():
            images = "unit images" if point.setting.image_norm else "images as they are"
            runs_of.setdefault(f"margin {point.setting.margin:g}, {images}", []).append(point.run)
        return [self._row(label, names) for label, names in runs_of.items()]

    def _row(self, label: str, run_names: Sequence[str]) -> RowResult:
        return read_row(label, [Run(self._workspace.run_dir(name)) for name in run_names])
