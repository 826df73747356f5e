"""The command on a tiny workspace: its table, its files, and what it says without a captioner."""

import numpy as np
import pytest
from matplotlib import image
from tiny_runs import read_json, run_main

from cmr.data.inputs import read_inputs
from cmr.text_space import from_captioner
from experiments.text_space import __main__ as text_space


def call(workspace, *arguments):
    flags = f"--workspace_dir={workspace.root}", "--image_features=scene_cnn-layout", *arguments
    return run_main(text_space.main, *flags, doc=text_space.__doc__, groups=text_space.GROUPS)


@pytest.fixture
def captioner(tmp_path):
    """A W_img that keeps only two directions of X_img."""
    random = np.random.default_rng(3)
    path = tmp_path / "captioner.npz"
    kernel = random.normal(size=(14, 2)) @ random.normal(size=(2, 5))
    np.savez(path, **{"image_embedding/weights": kernel.astype(np.float32)})
    return path


def test_every_kind_of_w_img_is_measured(tiny_workspace, captioner):
    done = call(tiny_workspace, f"--captioner={captioner}")

    assert done.returncode == 0, done.stderr
    stem = tiny_workspace.experiments_dir / "text_space"
    spaces = {space["name"]: space for space in read_json(stem.with_suffix(".json"))}
    assert list(spaces) == ["captioner", "linear", "random", "raw"]
    assert [spaces[name]["dim"] for name in spaces] == [5, 5, 5, 14]
    # Two directions and the length's, that unit vectors have beside them.
    assert spaces["captioner"]["map_rank"] <= 2
    assert spaces["captioner"]["variance_kept"] < spaces["random"]["variance_kept"]
    assert spaces["raw"]["variance_kept"] == pytest.approx(1.0)
    # What keeps two of fourteen directions finds less than what keeps all.
    sums = {name: space["as_it_is"]["sum_of_recalls"] for name, space in spaces.items()}
    assert sums["captioner"] < sums["raw"]
    table = stem.with_suffix(".md").read_text(encoding="utf-8")
    assert table in done.stdout
    assert f"{sums['raw']:.1f}" in table
    assert image.imread(stem.with_suffix(".png"))[..., :3].min() < 0.5


def test_the_captioners_w_img_is_written_with_even_directions(tiny_workspace, captioner):
    call(tiny_workspace, f"--captioner={captioner}")

    evened = from_captioner.read_text_space(tiny_workspace.experiments_dir / "text_space_evened.npz").kernel
    plain = from_captioner.read_text_space(captioner).kernel
    train = read_inputs(tiny_workspace, "", "scene_cnn-layout").split("train")
    images = train.features["image_features"].take(np.arange(train.num_images))
    assert evened.shape == plain.shape
    # Of the two directions there are, the shorter one is nearer to the longer one than it was.
    ratios = [np.linalg.svd(images @ kernel, compute_uv=False)[1::-1] for kernel in (plain, evened)]
    assert ratios[0][0] / ratios[0][1] < ratios[1][0] / ratios[1][1] <= 1


def test_without_a_captioner_it_says_what_is_missing(tiny_workspace):
    done = call(tiny_workspace)

    assert done.returncode == 1
    assert str(tiny_workspace.captioner_dir) in done.stderr
    assert "Traceback" not in done.stderr
