"""What the other experiments left in the workspace for the report, and the command of each part that is not there."""

import dataclasses
import pathlib
from collections.abc import Iterator

from cmr import errors, runs
from cmr import workspace as workspace_lib
from experiments import margin_points, result_tables, run_results

# The paper's table of each data set, which experiments.reproduce makes again.
_TABLE_OF_DATASET = {"flickr8k": 1, "flickr30k": 2, "mscoco": 3}


@dataclasses.dataclass(frozen=True)
class Absent:
    """A part that nobody has made yet: what it is, and the command that makes it."""

    title: str
    command: str


@dataclasses.dataclass(frozen=True)
class TablePart:
    """A table, and the runs of its rows of ours.

    Attributes:
      table: what to print.
      rows: those with runs, in the table's order.
    """

    table: result_tables.ResultTable
    rows: tuple[run_results.RowResult, ...]


@dataclasses.dataclass(frozen=True)
class SweepPart:
    """The margin's sweep, and the runs of each margin."""

    sweep: margin_points.Sweep
    rows: tuple[run_results.RowResult, ...]


@dataclasses.dataclass(frozen=True)
class Parts:
    """The parts of one data set.

    Attributes:
      tables: of the paper, with our rows.
      beyond: our best models; None where there is no such table.
      sweep: of the margin; None where there is none.
      absent: what is not there.
    """

    tables: tuple[TablePart, ...]
    beyond: TablePart | None
    sweep: SweepPart | None
    absent: tuple[Absent, ...]

    @property
    def rows(self) -> list[run_results.RowResult]:
        """The rows of every part."""
        parts = (*self.tables, self.beyond, self.sweep)
        return [row for part in parts if part is not None for row in part.rows]

    @property
    def best_row(self) -> run_results.RowResult | None:
        """The row of `tables` with the best validation; None where there is no row of ours."""
        return max((row for part in self.tables for row in part.rows), key=_validation, default=None)


def experiments_dir(workspace: workspace_lib.Workspace) -> pathlib.Path:
    """Where experiments write what they found."""
    return workspace.dataset_dir / "experiments"


def read_parts(workspace: workspace_lib.Workspace) -> Parts:
    """Reads every part that is there.

    Raises:
      WorkspaceError: a part is damaged, or a run of it is gone.
    """
    reader = _Reader(workspace)
    return Parts(
        tables=tuple(reader.paper_tables()),
        beyond=reader.table("beyond.json", "our best models", "experiments.beyond"),
        sweep=reader.margin_sweep(),
        absent=tuple(reader.absent),
    )


class _Reader:
    """Reads parts of a workspace, and notes which are absent."""

    def __init__(self, workspace: workspace_lib.Workspace):
        self.absent: list[Absent] = []
        self._workspace = workspace
        self._folder = experiments_dir(workspace)

    def paper_tables(self) -> Iterator[TablePart]:
        """table1.json, table2.json and table3.json, as far as they are there."""
        own = _TABLE_OF_DATASET.get(self._workspace.dataset)
        for number in sorted(_TABLE_OF_DATASET.values()):
            command = f"experiments.reproduce --table={number}"
            if number == own or (self._folder / f"table{number}.json").exists():
                found = self.table(f"table{number}.json", f"Table {number}", command)
                if found:
                    yield found

    def table(self, file_name: str, title: str, command: str) -> TablePart | None:
        """A table of results."""
        path = self._folder / file_name
        if not self._is_there(path, title, command):
            return None
        try:
            table = result_tables.ResultTable.from_json(path.read_text(encoding="utf-8"))
        except errors.DataError as error:
            raise errors.WorkspaceError(f"{path} can't be read: {error} with python -m {command}") from error
        return TablePart(table, tuple(self._row(row.label, row.runs) for row in table.rows if row.runs))

    def margin_sweep(self) -> SweepPart | None:
        """margin_sweep.json."""
        path = self._folder / "margin_sweep.json"
        if not self._is_there(path, "the margin plot", "experiments.margin_sweep"):
            return None
        sweep = margin_points.read_sweep(path)
        by_label: dict[str, list[str]] = {}
        for point in sweep.points:
            images = "unit images" if point.setting.image_norm else "images as they are"
            by_label.setdefault(f"margin {point.setting.margin:g}, {images}", []).append(point.run)
        return SweepPart(sweep, tuple(self._row(label, names) for label, names in by_label.items()))

    def _is_there(self, path: pathlib.Path, title: str, command: str) -> bool:
        there = path.exists()
        if not there:
            self.absent.append(Absent(title, f"python -m {command} --workspace_dir={self._workspace.root}"))
        return there

    def _row(self, label: str, run_names) -> run_results.RowResult:
        return run_results.read_row(label, [runs.Run(self._workspace.run_dir(name)) for name in run_names])


def _validation(row: run_results.RowResult) -> float:
    """Mean over the row's runs of the best validation sum of recalls."""
    return sum(result.best_val.sum_of_recalls for result in row.runs) / len(row.runs)
