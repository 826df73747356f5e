"""What several tests share: a tiny workspace, and the real data where it is."""

import pathlib
import sys
from collections.abc import Iterator

import beam_servers
import pytest
from commands import ROOT
from tiny_workspaces import make_workspace

from cmr.pipelines.runners import Runner
from cmr.workspace.paths import Workspace

SHARED = ROOT.parent / "shared"


def pytest_collection_finish() -> None:
    """Splits the CPU into two devices, for the tests of two replicas; those that name no device use the first.

    Once TensorFlow has opened its devices they can't be split any more, so this is behind the imports and before the
    first test. Where no module imports TensorFlow, it is not loaded for this.
    """
    tf = sys.modules.get("tensorflow")
    if tf is not None:
        tf.config.set_logical_device_configuration(
            tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
        )


@pytest.fixture
def shared() -> pathlib.Path:
    """The folder of real data and weights; the test is skipped where it is absent."""
    if not SHARED.exists():
        pytest.skip("real data (../shared) is not on this machine")
    return SHARED


@pytest.fixture(scope="session")
def portable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    """Beam's own job service, with workers that are processes of their own, as an engine."""
    with beam_servers.running(tmp_path_factory.mktemp("servers")) as runner:
        yield runner


@pytest.fixture
def tiny_workspace(tmp_path: pathlib.Path) -> Workspace:
    return make_workspace(tmp_path / "workspace")


@pytest.fixture(scope="session")
def scenes_workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The tiny workspace for tests that only read its captions, vocabulary and features; they may add runs."""
    return make_workspace(tmp_path_factory.mktemp("shared") / "workspace")


@pytest.fixture(scope="session")
def pictured_root(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The workspace of `pictured_runs`, which trains there what is asked for, once."""
    return tmp_path_factory.mktemp("pictured") / "workspace"


@pytest.fixture(scope="session")
def tunable_root(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The workspace of `tunable_runs`, which trains there what is asked for, once."""
    return tmp_path_factory.mktemp("tunable") / "workspace"


@pytest.fixture(scope="session")
def scenes_inputs(scenes_workspace: Workspace):
    """`Inputs` of the shared tiny workspace, with both kinds of features."""
    from cmr.data import inputs

    return inputs.read_inputs(scenes_workspace, "scene_cnn-objects", "scene_cnn-layout")
