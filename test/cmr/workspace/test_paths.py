"""Paths of the workspace, and its description."""

import pytest

from cmr.errors import WorkspaceError
from cmr.workspace.paths import Workspace


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path, "flickr8k")


def test_every_file_lies_where_the_contract_says(workspace):
    paths = [
        workspace.dataset_json,
        workspace.captions_csv,
        workspace.vocabulary_txt,
        workspace.features_dir("inception_v3"),
        workspace.linear_text_space_npz("inception_v3"),
        workspace.captioner_dir,
        workspace.run_dir("fusion-1a2b3c4d"),
    ]

    assert [path.relative_to(workspace.root).as_posix() for path in paths] == [
        "flickr8k/dataset.json",
        "flickr8k/captions.csv",
        "flickr8k/vocabulary.txt",
        "flickr8k/features/inception_v3",
        "flickr8k/linear_embedding/inception_v3.npz",
        "flickr8k/captioner",
        "flickr8k/runs/fusion-1a2b3c4d",
    ]


def test_a_written_description_is_read_back_with_its_format(workspace):
    workspace.write_description({"dataset": "flickr8k", "image_dir": "Bilder/für"})

    assert workspace.read_description() == {"format": 1, "dataset": "flickr8k", "image_dir": "Bilder/für"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "holds no prepared data set"),
        ("{", "is not JSON"),
        ('{"format": 2}', "has workspace format 2, this version reads 1"),
        ('{"format": true}', "has workspace format True"),
        ("{}", "format is missing"),
        ("[]", r"its content is \[\], not an object"),
        ('{"format": 1, "dataset": "flickr8k"}', "image_dir is missing"),
        ('{"format": 1, "dataset": "flickr8k", "image_dir": "a", "test_folds": 0}', "test_folds is 0"),
    ],
)
def test_what_this_version_does_not_read_is_refused_with_the_command_that_renews_it(workspace, content, message):
    workspace.dataset_dir.mkdir()
    if content is not None:
        workspace.dataset_json.write_text(content)

    with pytest.raises(WorkspaceError, match=f"{message}.*python -m data_prep.prepare --dataset=flickr8k"):
        workspace.read_description()


def test_a_data_set_of_tensorflow_datasets_has_a_plain_folder_name(tmp_path):
    assert Workspace(tmp_path, "tfds:coco_captions/2014").dataset_dir == tmp_path / "tfds-coco_captions-2014"
