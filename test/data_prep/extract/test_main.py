"""The command data_prep.extract: what it prints and writes, and the one line that bad flags and pictures get."""

import dataclasses
import json
import shutil
import sys

import keras
import numpy as np
import pandas as pd
import pytest
from absl import flags
from coloured_pictures import mean_colour
from commands import run_command
from PIL import Image

from cmr.cli import command
from cmr.errors import WorkspaceError
from cmr.workspace import captions, features, shards
from cmr.workspace.paths import Workspace
from data_prep.extract import __main__ as extract

IMAGE_IDS = ("a.png", "b.png", "c.png", "d.png")

# The quickest CNN of real size.
VGG = ("--cnn=vgg", "--vgg_model=vgg16", "--vgg_layer=pool5_avg", "--weights=random")
VGG_NAME = "vgg16-pool5_avg-random"
LITE = ("--image_model=efficientnet_lite2", "--weights=random")
LITE_NAME = "efficientnet_lite2-random"
TRAIN = "python -m cmr.train --dataset=flickr8k"


def make_dataset(root, name):
    """A prepared data set of four plain pictures with two sentences each."""
    dataset = Workspace(root / "workspace", name)
    pictures = root / "pictures"
    pictures.mkdir(parents=True)
    for image_id, colour in zip(IMAGE_IDS, ("red", "green", "blue", "white"), strict=True):
        Image.new("RGB", (32, 24), colour).save(pictures / image_id)
    rows = [(image_id, image_id, "train", f"{image_id}#{n}", "a dog") for image_id in IMAGE_IDS for n in range(2)]
    captions.write_captions(dataset.captions_csv, pd.DataFrame(rows, columns=list(captions.COLUMNS)))
    dataset.write_description({"dataset": name, "image_dir": str(pictures)})
    return dataset


@pytest.fixture
def dataset(tmp_path):
    return make_dataset(tmp_path, "flickr8k")


@pytest.fixture
def run(dataset, monkeypatch, capfd):
    """Runs the command in this process, which spares the import of TensorFlow, and returns code, stdout, stderr."""

    def run_in_process(*arguments):
        place = "--dataset=flickr8k", f"--workspace_dir={dataset.root}"
        monkeypatch.setattr(sys, "argv", ["extract", *place, *map(str, arguments)])
        others = set(flags.FLAGS)
        try:
            with pytest.raises(SystemExit) as ended:
                command.run(extract.main, extract.__doc__, extract.GROUPS, extract.check_flags)
        finally:
            for name in set(flags.FLAGS) - others:
                delattr(flags.FLAGS, name)
        return ended.value.code, *capfd.readouterr()

    return run_in_process


def extracted(dataset):
    """Names of the folders that hold whole features."""
    return sorted(path.parent.name for path in dataset.dataset_dir.glob(f"features/*/{features.EXTRACTOR_JSON}"))


def picture(dataset, image_id):
    return dataset.root.parent / "pictures" / image_id


def test_the_command_prints_a_summary_and_the_next_command(dataset):
    ended = run_command("data_prep.extract", "--dataset=flickr8k", f"--workspace_dir={dataset.root}", *VGG)

    assert ended.returncode == 0, ended.stderr
    folder = dataset.features_dir(VGG_NAME)
    summary, following = ended.stdout.splitlines()
    assert summary.startswith(f"{folder}: 4 images x 512 in ")
    assert summary.endswith(" s; stands in for VGG16 fc7")
    assert following == f"next: {TRAIN} --workspace_dir={dataset.root} --model=vse --vgg_features={VGG_NAME}"
    written = features.read_features(folder)
    assert (written.image_ids, written.array.shape) == (IMAGE_IDS, (4, 512))
    assert len(np.unique(written.array, axis=0)) == 4


def test_an_error_of_the_command_is_one_line(run):
    code, printed, error = run("--cnn=both", "--weights=vgg.h5")

    assert (code, printed) == (1, "")
    assert error == "error: --weights=PATH is of one CNN; give --cnn=vgg or --cnn=image with it\n"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--help"], 0, "Extraction:"),
        (["--cnn=vgg16"], 1, "error: flag --cnn=vgg16: value should be one of <both|vgg|image>\n"),
        (["--crops=5"], 1, "error: flag --crops=5: value should be one of <1|10>\n"),
        (["--image_batch=0"], 1, "error: flag --image_batch=0: "),
        (["--on_corrupt=skip"], 1, "error: flag --on_corrupt=skip: "),
        (["vgg16"], 1, "error: 'vgg16' is not a flag"),
    ],
)
def test_flags_are_explained_and_refused_without_tensorflow(tmp_path, arguments, code, said):
    for module in ("tensorflow", "keras"):
        (tmp_path / f"{module}.py").write_text("raise AssertionError('imported')")

    ended = run_command("data_prep.extract", *arguments, PYTHONPATH=str(tmp_path))

    assert ended.returncode == code
    assert said in ended.stdout + ended.stderr
    assert ended.stderr.count("\n") == code


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--cnn=vgg", "--weights=a.keras"], "name its features with --features_name"),
        (["--max_pixels=0"], "flag --max_pixels=0: "),
        (["--shard=17/16"], "flag --shard=17/16: '17/16' is no shard; they are 1/16 to 16/16 of 16"),
        (["--shard=1/2", "--merge"], "--merge joins all shards and --shard makes one; give one of them"),
        (["--merge", *VGG], f"{VGG_NAME}/shards holds no shards; make them with --shard=1/16 and so on"),
        (["--cnn=both", "--features_name=mine"], "--features_name is of one CNN; give --cnn=vgg or --cnn=image"),
        (["--cnn=image", "--image_model=hub"], "--image_model=hub needs --hub_module=PATH_OR_URL"),
        (["--cnn=image", "--image_model=hub", "--hub_module=m", "--weights=random"], "hub brings its own weights"),
        (["--cnn=image", "--image_model=hub", "--hub_module=none"], "--hub_module=none is not a folder"),
        (["--cnn=vgg", "--vgg_model=scene_cnn"], "--vgg_model=scene_cnn is trained on the spot on the scenes"),
        (["--cnn=image", "--image_model=scene_cnn"], "--image_model=scene_cnn is trained on the spot on the scenes"),
        (["--cnn=image", "--image_model=efficientnet_lite2"], "give --cnn=image --weights=PATH of the .npz"),
        (["--cnn=vgg", "--weights=none.h5"], "--weights=none.h5 does not exist; give imagenet, random or a"),
        (["--cnn=image", "--weights=none.h5"], "--weights=none.h5 does not exist; give imagenet, random or a"),
        (["--grid"], "--grid is of one CNN; give --cnn=vgg or --cnn=image with it"),
        (["--cnn=image", "--grid_side=4"], "--grid_side is of a grid; give --grid with it"),
        (["--cnn=image", "--grid", "--predictions"], "--grid and --predictions are two kinds of features"),
        (["--grid", *VGG], "--grid takes a layer of its own; leave --vgg_layer out"),
        (["--cnn=image", "--grid", "--crops=10"], "--grid keeps the places of one picture"),
        (["--cnn=image", "--grid", "--weights=a.keras", "--features_name=a"], "--grid needs to know the CNN's layers"),
        (["--cnn=image", "--predictions", "--image_model=hub"], "--predictions needs to know the CNN's layers"),
        (["--cnn=vgg", "--predictions", "--vgg_model=scene_cnn"], "which scene_cnn does not know"),
        (
            ["--cnn=image", *LITE, "--grid", "--grid_side=10"],
            "--grid_side=10 is more than the 9 of this CNN's last map",
        ),
        (["--stages=0", "--cnn=image", *LITE], "flag --stages=0: "),
        (["--stages=2"], "--stages is of one CNN; give --cnn=vgg or --cnn=image with it"),
        (["--stages=2", "--cnn=image", "--grid"], "--grid and --stages are two kinds of features"),
        (["--stages=2", *VGG], "--stages takes a layer of its own; leave --vgg_layer out"),
        (["--stages=2", "--cnn=image", "--image_model=hub"], "--stages needs to know the CNN's layers"),
        (["--stages=2", "--cnn=vgg", "--vgg_model=scene_cnn"], "scene_cnn is too small to have any"),
        (["--stages=9", "--cnn=image", *LITE], "--stages=9 is more than the 8 of efficientnet_lite2"),
        (["--input_size=352"], "--input_size is of one CNN; give --cnn=vgg or --cnn=image with it"),
        (["--input_size=448", "--cnn=vgg"], "fc7 can be read of pictures of vgg16's own size alone"),
        (["--input_size=352", "--cnn=image", *LITE, "--predictions"], "--predictions are of pictures of the CNN's own"),
        (["--input_size=64", "--cnn=image", *LITE], "--input_size=64 is too small for a CNN; give 75 or more"),
        (["--input_size=99", "--cnn=vgg", "--vgg_model=scene_cnn"], "scene_cnn is trained at the size of its pictures"),
        (["--input_size=99", "--cnn=image", "--weights=a.keras", "--features_name=a"], "leave --input_size out"),
        (["--dataset=flickr30k", *VGG], "run: python -m data_prep.prepare --dataset=flickr30k"),
    ],
)
def test_what_cannot_work_is_refused_in_one_line_before_anything_is_written(dataset, run, arguments, said):
    code, printed, error = run(*arguments)

    assert (code, printed) == (1, "")
    assert error.startswith("error: ")
    assert said in error
    assert error.count("\n") == 1
    assert not (dataset.dataset_dir / "features").exists()


def test_the_scenes_own_cnn_takes_no_weights(tmp_path, run):
    make_dataset(tmp_path / "scenes", "scenes")
    place = "--dataset=scenes", f"--workspace_dir={tmp_path / 'scenes' / 'workspace'}"

    code, _, error = run(*place, "--cnn=vgg", "--weights=random")

    assert code == 1
    assert error == (
        "error: --vgg_model=scene_cnn is trained on the spot on the scenes; it takes no --weights and no other data "
        "set\n"
    )


def test_a_second_cnn_that_cannot_work_is_refused_before_the_first_one_runs(dataset, run):
    code, printed, error = run("--cnn=both", "--vgg_layer=pool5_avg", "--image_model=hub", "--weights=random")

    assert (code, printed) == (1, "")
    assert error == "error: --image_model=hub brings its own weights; leave --weights out\n"
    assert not (dataset.dataset_dir / "features").exists()


def test_weights_of_a_second_cnn_that_are_not_to_be_had_are_missed_before_the_first_one_runs(dataset, run, monkeypatch):
    def offline(name, origin, **_):
        if "inception" in name:
            raise Exception(f"URL fetch failure on {origin}: None -- no network")  # as keras.utils.get_file does
        return str(dataset.root / "vgg.weights.h5")

    keras.applications.VGG16(include_top=False, weights=None).save_weights(dataset.root / "vgg.weights.h5")
    monkeypatch.setattr("keras.src.utils.file_utils.get_file", offline)

    code, printed, error = run("--cnn=both", "--vgg_layer=pool5_avg")

    assert (code, printed) == (1, "")
    assert "inception_v3 needs ImageNet weights" in error
    assert not (dataset.dataset_dir / "features").exists()


def test_both_cnns_are_extracted_once(dataset, run):
    both = "--cnn=both", "--vgg_layer=pool5_avg", *LITE
    code, first, error = run(*both)
    assert code == 0, error

    _, again, _ = run(*both)

    assert extracted(dataset) == sorted([VGG_NAME, LITE_NAME])
    stand_ins = [line.partition("; ")[2] for line in first.splitlines()[:2]]
    assert stand_ins == ["stands in for VGG16 fc7", "stands in for Inception v3"]
    assert again.splitlines()[:2] == [
        f"{dataset.features_dir(VGG_NAME)}: 4 images x 512, extracted before",
        f"{dataset.features_dir(LITE_NAME)}: 4 images x 1280, extracted before",
    ]


def test_a_grid_and_predictions_are_extracted_beside_the_features(dataset, run):
    image = "--cnn=image", *LITE
    for arguments, system, said in (
        (("--grid", "--grid_side=2"), "dvsa", "grid2x2-random: 4 images x 4 cells x 1280 in"),
        (("--predictions",), "conse", "predictions-random: 4 images x 1000 in"),
    ):
        code, printed, error = run(*image, *arguments)

        assert code == 0, error
        summary, following = printed.splitlines()
        assert f"efficientnet_lite2-{said}" in summary
        assert following.startswith(f"next: python -m cmr.compare --system={system} --dataset=flickr8k")
        assert following.endswith(f" --image_features=efficientnet_lite2-{said.split(':')[0]}")
    grid = features.read_grid(dataset.features_dir("efficientnet_lite2-grid2x2-random"))
    predictions = features.read_features(dataset.features_dir("efficientnet_lite2-predictions-random"))
    assert grid.array.shape == (4, 4, 1280)
    np.testing.assert_allclose(np.array(predictions.array).sum(axis=1), 1, rtol=1e-4)


def test_stages_of_larger_pictures_are_extracted_beside_the_features(dataset, run):
    image = "--cnn=image", *LITE
    name = "efficientnet_lite2-stages2-96px-random"

    code, printed, error = run(*image, "--stages=2", "--input_size=96")

    assert code == 0, error
    summary, following = printed.splitlines()
    assert f"{name}: 4 images x 1632 in" in summary
    assert following.startswith("next: python -m cmr.train --dataset=flickr8k")
    assert f" --image_features={name}" in following
    written = features.read_features(dataset.features_dir(name))
    assert (written.extractor["layer"], written.extractor["input_size"]) == ("stages2", 96)
    np.testing.assert_allclose(np.square(np.array(written.array)).sum(axis=1), 2, rtol=1e-4)


def test_a_trial_of_the_first_images_has_a_folder_of_its_own(dataset, run):
    code, printed, error = run(*VGG, "--limit=2", "--features_name=mine")

    assert code == 0, error
    assert printed.startswith(f"{dataset.features_dir('mine-first2')}: 2 images x 512")
    assert features.read_features(dataset.features_dir("mine-first2")).image_ids == IMAGE_IDS[:2]
    assert extracted(dataset) == ["mine-first2"]
    place = f"--dataset=flickr8k --workspace_dir={dataset.root}"
    following = printed.splitlines()[-1]
    assert following.startswith("next: python -m data_prep.extract ")
    assert sorted(following.split()[4:]) == sorted([*place.split(), *VGG, "--features_name=mine"])


def test_a_corrupt_picture_stops_the_command_or_is_grey_as_asked_for(dataset, run):
    path = picture(dataset, "c.png")
    path.write_bytes(path.read_bytes()[:60])
    code, printed, error = run(*VGG)
    assert (code, printed, extracted(dataset)) == (1, "", [])
    assert error.splitlines()[-1].startswith(f"error: {path} can't be decoded")
    assert "--on_corrupt=blank" in error
    assert "Traceback" not in error

    code, printed, _ = run(*VGG, "--on_corrupt=blank")

    assert code == 0
    assert printed.splitlines()[0].endswith("; a grey picture stands for c.png")
    described = json.loads((dataset.features_dir(VGG_NAME) / features.EXTRACTOR_JSON).read_text())
    assert described["blank_images"] == ["c.png"]


def test_a_picture_that_is_gone_is_named(dataset, run):
    picture(dataset, "b.png").unlink()

    code, printed, error = run(*VGG)

    assert (code, printed, extracted(dataset)) == (1, "", [])
    assert error == (
        f"error: 1 of 4 pictures are not there, such as {picture(dataset, 'b.png')}; restore them or run "
        "data_prep.prepare again\n"
    )


def test_the_scenes_take_a_whole_cnn_of_a_file(tmp_path, run):
    scenes = make_dataset(tmp_path / "scenes", "scenes")
    squares = keras.Input((8, 8, 3))
    keras.Model(squares, keras.layers.GlobalAveragePooling2D()(squares), name="tuned").save(tmp_path / "cnn.keras")
    place = "--dataset=scenes", f"--workspace_dir={scenes.root}"

    code, printed, error = run(
        *place, "--cnn=image", f"--weights={tmp_path / 'cnn.keras'}", "--features_name=tuned", "--vgg_model=vgg16"
    )

    assert code == 0, error
    assert printed.splitlines()[-1] == (
        f"next: python -m cmr.train {' '.join(place)} --model=single --image_features=tuned"
    )


def test_damaged_features_are_extracted_by_the_command_that_their_reader_names(dataset, run):
    run(*VGG)
    array = dataset.features_dir(VGG_NAME) / features.FEATURES_NPY
    whole = array.read_bytes()
    array.write_bytes(whole[:-1000])
    with pytest.raises(WorkspaceError, match=r"run data_prep\.extract"):
        features.read_features(dataset.features_dir(VGG_NAME))

    _, printed, _ = run(*VGG)

    assert "extracted before" not in printed
    assert array.read_bytes() == whole


@pytest.fixture
def quick_cnn(monkeypatch):
    """A CNN of three numbers in the place of each that flags name."""
    monkeypatch.setattr(extract, "_cnn", lambda role, *_: dataclasses.replace(mean_colour(), name=f"{role}_colour"))


def test_shards_are_merged_to_what_one_extraction_writes(dataset, run, quick_cnn):
    assert run()[0] == 0
    names = ("vgg_colour", "image_colour")
    whole = {name: (dataset.features_dir(name) / features.FEATURES_NPY).read_bytes() for name in names}
    for name in names:
        shutil.rmtree(dataset.features_dir(name))

    code, printed, error = run("--shard=2/2")

    assert code == 0, error
    given = f"--dataset=flickr8k --workspace_dir={dataset.root}"
    of_vgg, of_image, following = printed.splitlines()
    assert of_vgg.startswith(f"{dataset.features_dir('vgg_colour')}/shards/2-of-2: 1 images x 3 in ")
    assert of_image.startswith(f"{dataset.features_dir('image_colour')}/shards/2-of-2: ")
    assert following == f"next: python -m data_prep.extract {given} --shard=1/2"
    code, printed, error = run("--merge")
    assert (code, printed) == (1, "")
    assert error == (
        f"error: of the 2 shards of {dataset.features_dir('vgg_colour')} 1 is missing; run: python -m "
        f"data_prep.extract {given} --shard=1/2\n"
    )
    assert run("--shard=1/2")[1].splitlines()[-1] == f"next: python -m data_prep.extract {given} --merge"
    assert ": 3 images x 3, extracted before" in run("--shard=1/2")[1]
    code, printed, error = run("--merge")
    assert code == 0, error
    assert printed.splitlines()[-1].startswith(f"next: {TRAIN} ")
    assert {name: (dataset.features_dir(name) / features.FEATURES_NPY).read_bytes() for name in names} == whole
    assert ": 4 images x 3, extracted before" in run("--merge")[1]


def test_a_shard_of_no_image_is_no_mistake(dataset, run, quick_cnn):
    empty = next(shard for shard in shards.all_of(9) if not any(map(shard.holds, IMAGE_IDS)))

    code, printed, _ = run(f"--shard={empty}", "--cnn=vgg")

    assert code == 0
    assert printed.startswith(f"shard {empty} has none of the 4 images; nothing to do\nnext: ")
    assert not (dataset.dataset_dir / "features").exists()


def test_a_trial_is_followed_by_the_command_without_its_shard(dataset, run, quick_cnn):
    assert run("--shard=1/1", "--limit=3")[0] == 0
    assert run("--merge", "--limit=3")[0] == 0

    assert features.read_features(dataset.features_dir("vgg_colour-first3")).image_ids == IMAGE_IDS[:3]


def test_two_counts_are_refused_unless_one_is_told(dataset, run, quick_cnn):
    for shard in ("1/1", "1/2", "2/2"):
        assert run(f"--shard={shard}", "--cnn=vgg")[0] == 0

    code, _, error = run("--merge", "--cnn=vgg")

    assert code == 1
    assert "holds shards of 1 and 2; remove those that are not wanted, or tell the command that merges" in error
    assert run("--merge", "--cnn=vgg", "--shards=2")[0] == 0
