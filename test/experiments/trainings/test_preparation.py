"""What is missing is named as the commands that make it, in their order."""

import importlib

import pytest
from tiny_runs import own_flags

from cmr.cli import flagfiles
from cmr.cli.flagfiles import find_flagfile
from cmr.errors import CmrError, ConfigError
from experiments.tables import paper
from experiments.trainings import preparation
from experiments.trainings.preparation import Preparation, Sources
from experiments.trainings.training import Training

CAPTIONERS = sorted((flagfiles.installed_folder() / "captioners").glob("*.flags"))


@pytest.fixture
def sources(tmp_path):
    """Files of weights of both CNNs, named only."""
    for name in ("vgg.h5", "image.npz"):
        (tmp_path / name).touch()
    return Sources("raw", str(tmp_path / "vgg.h5"), str(tmp_path / "image.npz"))


def flickr8k(*overlays):
    rows = paper.row_trainings("1", paper.ROWS, overlays, 2)
    return [training for row in rows.values() for training in row]


def test_an_empty_workspace_lacks_everything_once(tmp_path, sources):
    steps = preparation.missing_steps(flickr8k("stand_ins"), tmp_path, sources)

    assert [step.module for step in steps] == [
        "data_prep.prepare",
        "data_prep.extract",
        "data_prep.extract",
        "cmr.pretrain",
    ]
    assert "--data_dir=raw" in steps[0].arguments
    assert {"--vgg_layer=pool5_avg", f"--weights={sources.vgg_weights}"} <= set(steps[1].arguments)
    assert {"--image_model=efficientnet_lite2", f"--weights={sources.image_weights}"} <= set(steps[2].arguments)
    assert "--image_features=efficientnet_lite2" in steps[3].arguments
    assert any(argument.endswith("captioners/flickr8k.flags") for argument in steps[3].arguments)


def test_the_papers_rows_take_both_vggs(tmp_path):
    steps = preparation.missing_steps(flickr8k(), tmp_path, Sources())

    models = {argument for step in steps for argument in step.arguments if argument.startswith("--vgg_model=")}
    assert models == {"--vgg_model=vgg16", "--vgg_model=vgg19"}


def test_what_is_there_is_not_made_again(tmp_path, sources):
    folder = tmp_path / "flickr8k"
    for made in ("dataset.json", "features/vgg16-pool5_avg/extractor.json", "captioner/captioner.json"):
        (folder / made).parent.mkdir(parents=True, exist_ok=True)
        (folder / made).touch()

    steps = preparation.missing_steps(flickr8k("stand_ins"), tmp_path, sources)

    assert ["--cnn=image" in step.arguments for step in steps] == [True]


@pytest.mark.parametrize("path", CAPTIONERS, ids=lambda path: path.stem)
def test_cmr_pretrain_takes_the_captioners_flagfiles(path):
    with own_flags() as values:
        for define in importlib.import_module("cmr.pretrain").GROUPS:
            define()

        assert values(["cmr.pretrain", f"--flagfile={path}", f"--dataset={path.stem.partition('_')[0]}"]) == [
            "cmr.pretrain"
        ]


def test_a_linear_text_space_needs_no_captioner(tmp_path):
    path = find_flagfile("flickr8k/single")
    training = Training("single", (path,), ("--image_embedding=linear",))

    assert "cmr.pretrain" not in [step.module for step in preparation.missing_steps([training], tmp_path, Sources())]


def test_features_of_a_name_of_their_own_have_to_be_there(tmp_path):
    training = Training("vse", (find_flagfile("flickr8k/vse_paper"),), ("--vgg_features=mine",))

    with pytest.raises(ConfigError, match="mine, which vse reads, is missing; extract or import it"):
        preparation.missing_steps([training], tmp_path, Sources())


def test_the_other_roles_features_are_extracted_for_either(tmp_path, sources):
    path = find_flagfile("flickr8k/vse_paper")
    overlays = (find_flagfile("stand_ins"),)
    training = Training("vse", (path, *overlays), ("--vgg_features=efficientnet_lite2",))

    steps = preparation.missing_steps([training], tmp_path, sources)

    assert "--cnn=image" in steps[-1].arguments


@pytest.mark.parametrize(
    ("row", "overlays", "given", "sentence"),
    [
        ("flickr8k/fusion", ["stand_ins"], {}, r"--image_weights is missing: .* efficientnet_lite2"),
        ("flickr8k/fusion", ["stand_ins"], {"image_weights": "none.npz"}, r"--image_weights=none.npz does not exist"),
        ("flickr8k/fusion", [], {"vgg_weights": "none.h5"}, r"--vgg_weights=none.h5 does not exist; .* vgg16's"),
        (
            "flickr8k/fusion",
            [],
            {"vgg_weights": "random"},
            r"--vgg_weights=random makes features of a name of their own",
        ),
        ("flickr8k/single", [], {"image_weights": "a.keras"}, r"--image_weights=a.keras .* by --image_features"),
        ("scenes/fusion", [], {"vgg_weights": "vgg.h5"}, r"--vgg_weights=vgg.h5 can't be used: scene_cnn is trained"),
    ],
)
def test_weights_that_a_missing_step_cannot_use_are_refused_before_the_first(tmp_path, row, overlays, given, sentence):
    training = Training("row", tuple(map(find_flagfile, (row, *overlays))))

    with pytest.raises(ConfigError, match=sentence):
        preparation.missing_steps([training], tmp_path, Sources(**given))


def test_weights_of_features_that_are_there_are_not_asked_for(tmp_path):
    training = Training("single", (find_flagfile("flickr8k/single"), find_flagfile("stand_ins")))
    made = tmp_path / "flickr8k" / "features" / "efficientnet_lite2" / "extractor.json"
    made.parent.mkdir(parents=True)
    made.touch()

    steps = preparation.missing_steps([training], tmp_path, Sources())

    assert [step.module for step in steps] == ["data_prep.prepare", "cmr.pretrain"]


def test_one_file_of_weights_is_not_of_both_vggs(tmp_path, sources):
    with pytest.raises(
        ConfigError, match=r"is one file, but features of vgg16 with .* and of vgg19 with .* are missing"
    ):
        preparation.missing_steps(flickr8k(), tmp_path, sources)


def test_a_failed_command_ends_the_preparation(tmp_path):
    step = Preparation("data_prep.prepare", (f"--workspace_dir={tmp_path}", "--dataset=flickr8k"))

    with pytest.raises(CmrError, match=r"data_prep.prepare .* ended with exit code 1; mend what it says"):
        preparation.carry_out([step])


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("inception_v3-stages2", {"--stages=2"}),
        ("inception_v3-448px", {"--input_size=448"}),
        ("inception_v3-stages3-448px", {"--stages=3", "--input_size=448"}),
        ("inception_v3-grid4x4-448px", {"--grid", "--grid_side=4", "--input_size=448"}),
        ("inception_v3-grid", {"--grid"}),
        ("inception_v3-stages1", None),
        ("inception_v3-grid4x5", None),
        ("inception_v3-299px", None),
        ("inception_v3-448px-stages3", None),
        ("mine-448px", None),
    ],
)
def test_a_features_name_says_which_layer_of_which_pictures_is_to_be_extracted(tmp_path, name, arguments):
    (tmp_path / "flickr8k" / "dataset.json").parent.mkdir()
    (tmp_path / "flickr8k" / "dataset.json").touch()
    own = "--model=single", "--image_embedding=raw", f"--image_features={name}"
    training = Training("single", (find_flagfile("flickr8k/fusion"),), own)

    if arguments is None:
        with pytest.raises(ConfigError, match=f"{name}, which .* reads, is missing"):
            preparation.missing_steps([training], tmp_path, Sources())
        return
    (step,) = preparation.missing_steps([training], tmp_path, Sources())
    assert step.module == "data_prep.extract"
    assert {flag for flag in step.arguments if flag.startswith(("--stages", "--input_size", "--grid"))} == arguments


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("vgg16-pool5_avg-448px", {"--vgg_layer=pool5_avg", "--input_size=448"}),
        ("vgg16-stages2", {"--stages=2"}),
        ("vgg16-stages3-448px", {"--stages=3", "--input_size=448"}),
    ],
)
def test_so_does_one_of_the_vgg_networks(tmp_path, name, arguments):
    (tmp_path / "flickr8k" / "dataset.json").parent.mkdir()
    (tmp_path / "flickr8k" / "dataset.json").touch()
    own = "--model=vse", "--vgg_model=vgg16", "--vgg_layer=pool5_avg", f"--vgg_features={name}"

    (step,) = preparation.missing_steps(
        [Training("vse", (find_flagfile("flickr8k/fusion"),), own)], tmp_path, Sources()
    )

    assert {"--cnn=vgg", "--vgg_model=vgg16"} <= set(step.arguments)
    assert {
        flag for flag in step.arguments if flag.startswith(("--stages", "--input_size", "--vgg_layer"))
    } == arguments


def test_comparators_lack_the_layers_that_they_read_and_nics_captioner(tmp_path):
    for made in ("dataset.json", "features/inception_v3/extractor.json", "features/vgg16-fc7/extractor.json"):
        (tmp_path / "flickr8k" / made).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "flickr8k" / made).touch()
    rows = paper.row_trainings("1", ["conse", "dvsa", "cca", "nic"], [], 2)

    steps = preparation.missing_steps([each for row in rows.values() for each in row], tmp_path, Sources())

    assert [step.module for step in steps] == ["data_prep.extract", "data_prep.extract", "cmr.pretrain"]
    assert "--predictions" in steps[0].arguments
    assert {"--grid", "--grid_side=4"} <= set(steps[1].arguments)
