"""The captioner whose W_img (Eq. 4) a run took, where it still is, and the one that a captioner went on from."""

import pathlib
from collections.abc import Callable, Sequence

from cmr.captioner import files
from cmr.captioner.files import Captioner
from cmr.config import CaptionerRunConfig, RunConfig
from cmr.errors import CmrError
from cmr.text_space import choice
from cmr.trained import flags_txt
from cmr.workspace.runs import Run


def of_run(run: Run, config: RunConfig) -> pathlib.Path | None:
    """Its folder, where the run was told or in the run's workspace; None where there is none, or it has changed since.

    Args:
      run: its folder.
      config: its settings, which know W_img by its sum.
    """
    if not config.captioner:
        return None
    return _first(
        _places(run, "captioner", run.path.resolve().parents[1]),
        lambda captioner: choice.kernel_checksum(captioner.text_space) == config.text_space,
    )


def phase_1(folder: pathlib.Path, config: CaptionerRunConfig) -> pathlib.Path | None:
    """The folder of the captioner that a second phase began with; None in a first phase, or where it has changed since.

    Args:
      folder: of the second phase.
      config: its settings, which know the other one's weights by their sum.
    """
    if not config.begins_with:
        return None
    return _first(
        _places(Run(folder), "phase_1_captioner", folder.resolve().parent),
        lambda captioner: captioner.checksum() == config.begins_with,
    )


def _places(run: Run, flag: str, dataset_dir: pathlib.Path) -> list[pathlib.Path]:
    """Where a captioner may be: where a flag tells it, and in the data set's folder."""
    told = flags_txt.value(flags_txt.read(run), flag)
    return flags_txt.places(told, dataset_dir) if told else [dataset_dir / "captioner"]


def _first(folders: Sequence[pathlib.Path], is_it: Callable[[Captioner], bool]) -> pathlib.Path | None:
    """The first folder that holds a whole captioner which is the wanted one."""
    for folder in folders:
        try:
            captioner = files.read_captioner(folder)
        except CmrError:
            continue
        if is_it(captioner):
            return folder
    return None
