"""The command printed after an extraction trains on what is there, and can be pasted into a shell."""

import dataclasses
import json
import os
import shlex

import numpy as np
import pytest

from cmr.captioner import files
from cmr.workspace import features
from cmr.workspace.paths import Workspace
from data_prep.extract import following

_IMAGE_IDS = ["a", "b"]
_DEFAULTS = {"vgg": "vgg16-fc7", "image": "inception_v3"}
_PLACE = ("--dataset=flickr8k", "--workspace_dir=my work")


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path, "flickr8k")


def _features(workspace, name: str, model: str, stand_in: str = "", image_ids=_IMAGE_IDS, age: int = 0) -> None:
    folder = workspace.features_dir(name)
    folder.mkdir(parents=True)
    np.save(folder / features.FEATURES_NPY, np.ones((len(image_ids), 3), np.float32))
    features.write_description(
        folder, image_ids, {"name": name, "model": model, "stand_in": stand_in, "weights": "some"}
    )
    os.utime(folder / features.EXTRACTOR_JSON, ns=(10**18 - age, 10**18 - age))


def _arguments(workspace, **made) -> list[str]:
    command = following.training(workspace, made, _DEFAULTS, _IMAGE_IDS, _PLACE)
    start, arguments = shlex.split(command)[:5], shlex.split(command)[5:]
    assert start == ["python", "-m", "cmr.train", *_PLACE]
    return arguments


def test_one_kind_of_features_trains_the_model_that_reads_it(workspace):
    assert _arguments(workspace, vgg="vgg16-fc7") == ["--model=vse"]
    assert _arguments(workspace, image="inception_v3") == ["--model=single"]
    assert _arguments(workspace, vgg="mine") == ["--model=vse", "--vgg_features=mine"]
    assert _arguments(workspace, image="lite") == ["--model=single", "--image_features=lite"]


def test_both_kinds_train_the_fusion(workspace):
    assert _arguments(workspace, vgg="vgg16-fc7", image="inception_v3") == []
    assert _arguments(workspace, vgg="mine", image="lite") == ["--vgg_features=mine", "--image_features=lite"]


def test_the_other_kind_may_have_been_extracted_before(workspace):
    _features(workspace, "vgg16-pool5_avg", "vgg16", "VGG16 fc7")

    assert _arguments(workspace, image="lite") == ["--vgg_features=vgg16-pool5_avg", "--image_features=lite"]


def test_a_data_set_with_a_split_for_captioners_wants_its_captioner_first(workspace):
    def command(**made):
        return following.training(workspace, made, _DEFAULTS, _IMAGE_IDS, _PLACE, has_captioning_split=True)

    pretrain = "python -m cmr.pretrain --dataset=flickr8k --workspace_dir='my work'"
    assert command(vgg="vgg16-fc7", image="inception_v3") == pretrain
    assert command(image="lite") == f"{pretrain} --image_features=lite"
    assert "cmr.train" in command(vgg="vgg16-fc7")

    _captioner(workspace, "captioner", "inception_v3")

    assert "cmr.train" in command(vgg="vgg16-fc7", image="inception_v3")


def test_of_several_the_usual_one_is_taken_else_the_latest(workspace):
    _features(workspace, "imported", "", "Inception v3", age=1)
    _features(workspace, "lite", "efficientnet_lite2", "Inception v3")
    assert _arguments(workspace, vgg="vgg16-fc7") == ["--image_features=lite"]

    _features(workspace, "inception_v3", "inception_v3", age=2)

    assert _arguments(workspace, vgg="vgg16-fc7") == []


def test_features_that_a_training_would_refuse_are_not_named(workspace):
    _features(workspace, "vgg16-fc7-first1", "vgg16", image_ids=_IMAGE_IDS[:1])
    _features(workspace, "mine", "", "")
    _features(workspace, "cut", "vgg16")
    (workspace.features_dir("cut") / features.FEATURES_NPY).write_bytes(b"")
    _features(workspace, "strange", "vgg16")
    (workspace.features_dir("strange") / features.EXTRACTOR_JSON).write_text("[]")

    assert _arguments(workspace, image="inception_v3") == ["--model=single"]


def _captioner(workspace, folder: str, learnt_from: str, checksum: str = "", fingerprint: dict | None = None) -> None:
    (workspace.dataset_dir / folder).mkdir(parents=True)
    checksums = {"features": checksum}
    content = {"dataset": "flickr8k", "features": learnt_from, "checksums": checksums, "fingerprint": fingerprint}
    (workspace.dataset_dir / folder / files.CAPTIONER_JSON).write_text(json.dumps(content))


def test_a_captioner_of_other_features_is_passed_over(workspace):
    _captioner(workspace, "captioner", "inception_v3")

    assert _arguments(workspace, image="inception_v3") == ["--model=single"]
    assert _arguments(workspace, image="lite") == [
        "--model=single",
        "--image_features=lite",
        "--image_embedding=linear",
    ]
    assert _arguments(workspace, vgg="mine") == ["--model=vse", "--vgg_features=mine"]


def test_the_captioner_that_learnt_from_these_features_is_named(workspace):
    _captioner(workspace, "captioner", "inception_v3")
    _captioner(workspace, "captioner_finetuned", "tuned")

    assert f"--captioner={workspace.dataset_dir / 'captioner_finetuned'}" in _arguments(workspace, image="tuned")


def test_a_captioner_of_features_that_were_extracted_anew_is_passed_over(workspace):
    _features(workspace, "inception_v3", "inception_v3")
    _captioner(workspace, "captioner", "inception_v3", checksum="another")

    assert _arguments(workspace, image="inception_v3") == ["--model=single", "--image_embedding=linear"]


def test_a_captioner_of_the_same_features_on_another_machine_is_taken(workspace):
    _features(workspace, "inception_v3", "inception_v3")
    here = features.read_features(workspace.features_dir("inception_v3")).fingerprint()
    there = dataclasses.replace(here, sha256="0" * 64, projections=tuple(each + 1e-6 for each in here.projections))
    _captioner(workspace, "captioner", "inception_v3", fingerprint=there.to_dict())

    assert _arguments(workspace, image="inception_v3") == ["--model=single"]
