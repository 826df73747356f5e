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
    told = _told(run, "captioner")
    folders = [*told, *(run.path.parents[1] / path.name for path in told or [pathlib.Path("captioner")])]
    return next((path for path in folders if _has_text_space(_read(path), config.text_space)), None)


def phase_1(folder: pathlib.Path, config: CaptionerRunConfig) -> pathlib.Path | None:
    """The folder of the captioner that a second phase began with; None in a first phase, or where it has changed since.

    Args:
      folder: of the second phase.
      config: its settings, which know the other one's weights by their sum.
    """
    if not config.begins_with:
        return None
    told = _told(Run(folder), "phase_1_captioner")
    folders = [*told, *(folder.with_name(path.name) for path in told or [pathlib.Path("captioner")])]
    read = {path: _read(path) for path in folders}
    return next((path for path, each in read.items() if each and each.checksum() == config.begins_with), None)


def _told(run: Run, flag: str) -> list[pathlib.Path]:
    return [pathlib.Path(path) for path in flags_txt.paths(flags_txt.read(run), flag)]


def _read(folder: pathlib.Path) -> Captioner | None:
    try:
        return files.read_captioner(folder)
    except CmrError:
        return None


def _has_text_space(captioner: Captioner | None, sha256: str) -> bool:
    return captioner is not None and choice.kernel_checksum(captioner.text_space) == sha256
