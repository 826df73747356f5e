"""The whole way on the real Flickr8K: official files, features computed elsewhere, a small vse, its table."""

import json

import pytest
from commands import run_command


@pytest.mark.real_data
def test_a_small_vse_finds_far_more_than_chance_on_flickr8k(shared, tmp_path):
    place = "--dataset=flickr8k", f"--workspace_dir={tmp_path}"
    features = shared / "features/flickr8k"
    sizes = "--word_dim=64", "--gru_units=128", "--batch_size=128", "--max_epochs=2", "--learning_rate=2e-3"

    for module, *arguments in (
        ("data_prep.prepare", f"--data_dir={shared / 'data/flickr8k'}"),
        (
            "data_prep.import_features",
            f"--features={features / 'vgg16_pool5_avg.npy'}",
            f"--image_ids={features / 'image_ids.txt'}",
            "--features_name=vgg",
            "--stand_in=VGG16 fc7",
        ),
        ("cmr.train", "--model=vse", "--vgg_features=vgg", "--negatives=batch", "--margin=0.2", *sizes, "--run_name=a"),
    ):
        ended = run_command(module, *place, *arguments)
        assert ended.returncode == 0, ended.stderr

    test = json.loads((tmp_path / "flickr8k/runs/a/metrics.json").read_text())["test"]
    # Chance is 1.0 of 1,000 images, and 1.0 of 5,000 sentences of which five are right.
    assert test["image_retrieval"]["recall_at_10"] > 10
    assert test["sentence_retrieval"]["recall_at_10"] > 10
