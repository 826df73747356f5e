"""The captioner whose W_img (Eq. 4) a run took, where it still is, and the one that a captioner went on from."""

import pathlib

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
    folders = _places(run, "captioner", run.path.resolve().parents[1])
    return next((path for path in folders if _has_text_space(_read(path), config.text_space)), None)


def phase_1(folder: pathlib.Path, config: CaptionerRunConfig) -> pathlib.Path | None:
    """The folder of the captioner that a second phase began with; None in a first phase, or where it has changed since.

    Args:
      folder: of the second phase.
      config: its settings, which know the other one's weights by their sum.
    """
    if not config.begins_with:
        return None
    read = {path: _read(path) for path in _places(Run(folder), "phase_1_captioner", folder.resolve().parent)}
    return next((path for path, each in read.items() if each and each.checksum() == config.begins_with), None)


def _places(run: Run, flag: str, dataset_dir: pathlib.Path) -> list[pathlib.Path]:
    """Where a captioner may be: where a flag tells it, and in the data set's folder."""
    told = flags_txt.value(flags_txt.read(run), flag)
    if not told:
        return [dataset_dir / "captioner"]
    return [pathlib.Path(told), dataset_dir / pathlib.Path(told).name]


def _read(folder: pathlib.Path) -> Captioner | None:
    try:
        return files.read_captioner(folder)
    except CmrError:
        return None


def _has_text_space(captioner: Captioner | None, sha256: str) -> bool:
    return captioner is not None and choice.kernel_checksum(captioner.text_space) == sha256
