"""`import cmr`: a moment, no TensorFlow, and names that are loaded when they are first used."""

import importlib
import subprocess
import sys

import pytest
from commands import ROOT

import cmr

DEFINED_IN = {
    "ModelConfig": "cmr.config",
    "TrainConfig": "cmr.config",
    "Gallery": "cmr.gallery.searching",
    "Retriever": "cmr.trained.retriever",
    "evaluate": "cmr.evaluation.metrics",
    "load": "cmr.serving.packed_model",
    "open_run": "cmr.trained.finished_run",
    "retrieval_model": "cmr.retrieval.model",
}

_FRESH = """
import sys
import cmr
assert not {"tensorflow", "keras", "pandas"} & set(sys.modules), "import cmr loads what it should not"
assert set(cmr.__all__) <= set(dir(cmr)), "dir(cmr) lacks names"
assert not {"tensorflow", "keras"} & set(sys.modules), "dir(cmr) loads TensorFlow"
from cmr import ModelConfig, evaluate
assert not {"tensorflow", "keras"} & set(sys.modules), "measuring embeddings loads TensorFlow"
for name in cmr.__all__:
    print(name, getattr(cmr, name).__module__, getattr(cmr, name).__name__)
"""


def test_import_cmr_loads_no_tensorflow_and_every_name_when_it_is_used():
    ended = subprocess.run([sys.executable, "-c", _FRESH], cwd=ROOT, capture_output=True, text=True, timeout=300)

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines() == [f"{name} {DEFINED_IN[name]} {name}" for name in cmr.__all__]


@pytest.mark.parametrize("name", cmr.__all__)
def test_a_public_name_is_the_object_of_its_module(name):
    # By __getattr__: in this process a test may have imported the command cmr.evaluate over the function.
    assert cmr.__getattr__(name) is getattr(importlib.import_module(DEFINED_IN[name]), name)


def test_every_public_name_is_explained():
    assert all(cmr.__getattr__(name).__doc__ for name in cmr.__all__)


def test_a_name_that_is_none_is_an_attribute_error_that_says_so():
    with pytest.raises(AttributeError, match="module 'cmr' has no attribute 'evalute'"):
        cmr.evalute  # noqa: B018
