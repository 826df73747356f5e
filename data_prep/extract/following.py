"""The command that follows an extraction, with the flags of what is there now, fit to be pasted into a shell."""

import json
import pathlib
from collections.abc import Mapping, Sequence

from cmr import shell
from cmr.captioner import files
from cmr.errors import WorkspaceError
from cmr.workspace import features
from cmr.workspace.paths import Workspace
from data_prep.extract import cnn_description, layers

ROLES = ("vgg", "image")


def training(
    workspace: Workspace,
    made: Mapping[str, str],
    defaults: Mapping[str, str],
    image_ids: Sequence[str],
    place: Sequence[str],
    has_captioning_split: bool = False,
) -> str:
    """A training on the features that were just extracted: `fusion` where the workspace has the other ones too.

    The captioner's comes first where the data set brings pictures for it and there is none yet.

    Args:
      workspace: of the data set.
      made: role (`vgg` or `image`) -> folder name of the features just extracted.
      defaults: role -> the name that cmr.train takes without a flag.
      image_ids: every image of the data set.
      place: the flags that say where the data set is.
      has_captioning_split: whether the data set has pictures that a captioner alone learns from.
    """
    names = dict(made)
    for role in ROLES:
        if role not in names:
            others = _others(workspace, role, image_ids)
            if others:
                names[role] = defaults[role] if defaults[role] in others else others[-1]
    of_features = {role: f"--{role}_features={name}" for role, name in names.items() if name != defaults[role]}
    if "image" in names and has_captioning_split and not _captioners(workspace):
        return shell.python_command("cmr.pretrain", *place, *filter(None, [of_features.get("image")]))
    arguments = list(place)
    if len(names) == 1:
        arguments.append("--model=vse" if "vgg" in names else "--model=single")
    arguments += [of_features[role] for role in ROLES if role in of_features]
    if "image" in names:
        arguments += _text_space(workspace, names["image"])
    return shell.python_command("cmr.train", *arguments)


def _others(workspace: Workspace, role: str, image_ids: Sequence[str]) -> list[str]:
    """Names of whole features of a role, those made last at the end."""
    names = []
    paths = workspace.features_dir("any").parent.glob(f"*/{features.EXTRACTOR_JSON}")
    for path in sorted(paths, key=lambda path: path.stat().st_mtime_ns):
        # What can't be read is no suggestion.
        try:
            written = features.read_features(path.parent)
            written.rows(image_ids)
            if _role(written.extractor) == role:
                names.append(path.parent.name)
        except WorkspaceError:
            continue
    return names


def _role(extractor: dict) -> str:
    """The role of features; "" where their description does not tell."""
    if extractor.get("layer") == layers.PREDICTIONS.name:
        return ""
    network, stand_in = extractor["model"], extractor["stand_in"]
    if network.startswith("vgg") or stand_in == cnn_description.PAPER_VGG:
        return "vgg"
    return "image" if network in ("inception_v3", "hub") or stand_in == cnn_description.PAPER_IMAGE else ""


def _text_space(workspace: Workspace, image_features: str) -> list[str]:
    """What cmr.train must be told where it would take a captioner that learnt from other features."""
    usual = workspace.captioner_dir / files.CAPTIONER_JSON
    fitting = [path for path in (usual, *_captioners(workspace)) if _learnt_from(path, workspace, image_features)]
    if fitting:
        return [] if fitting[0] == usual else [f"--captioner={fitting[0].parent}"]
    return ["--image_embedding=linear"] if usual.exists() else []


def _captioners(workspace: Workspace) -> list[pathlib.Path]:
    """captioner.json of every captioner of the data set."""
    return sorted(workspace.dataset_dir.glob(f"*/{files.CAPTIONER_JSON}"))


def _learnt_from(captioner_json: pathlib.Path, workspace: Workspace, image_features: str) -> bool:
    try:
        captioner = json.loads(captioner_json.read_text(encoding="utf-8"))
        if captioner["features"] != image_features:
            return False
        learnt_from = files.fingerprint_of(captioner)
        if captioner["dataset"] != workspace.dataset or not learnt_from:
            return True
        return features.read_features(workspace.features_dir(image_features)).fingerprint().is_same(learnt_from)
    except Exception:
        return False
