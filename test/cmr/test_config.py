"""Settings as frozen values that JSON brings back."""

import dataclasses
import json
import types

import pytest

from cmr import config
from cmr.config import (
    CaptionerTrainConfig,
    DistillationConfig,
    FinetuneConfig,
    ModelConfig,
    RunConfig,
    TextPretrainingConfig,
    TrainConfig,
)
from cmr.workspace import json_kinds

TRAIN = TrainConfig(0.7, "sum", "epoch", 0, 40, 2e-4, 2.0, 30, 3, 500, 0)
MODEL = ModelConfig("fusion", 4096, 2048, 8000)
RUN = RunConfig("flickr8k", MODEL, TRAIN, "vgg16-fc7", "inception_v3", "linear", {"captions.csv": "ab"})


def test_a_run_config_comes_back_from_json():
    assert RunConfig.from_json(RUN.to_json()) == RUN


@pytest.mark.parametrize(
    "parts",
    [
        {"text_pretraining": TextPretrainingConfig({"mscoco": "cd"}, 3)},
        {"distillation": DistillationConfig({"a": "ef"}, 0.3, 0.2, ("grid", "vgg16-fc7"), ("mscoco",))},
        {"finetune": FinetuneConfig("12", {"image_features": "34"}, 2, 0.1, 1)},
        {"finetune": FinetuneConfig("12", {}, 2, 0.1, 1, DistillationConfig({"a": "ef"}, features=("grid",)))},
    ],
)
def test_the_parts_of_a_run_config_come_back_from_json(parts):
    changed = dataclasses.replace(RUN, **parts)

    assert RunConfig.from_json(changed.to_json()) == changed
    assert changed.short_hash() != RUN.short_hash()


def test_a_config_of_another_version_does_not_pass_for_this_one():
    with pytest.raises(TypeError):
        RunConfig.from_json(RUN.to_json().replace('"margin"', '"margins"'))


def test_test_folds_come_back_from_json_and_change_the_hash():
    folded = dataclasses.replace(RUN, test_folds=5)

    assert RunConfig.from_json(folded.to_json()) == folded
    assert folded.short_hash() != RUN.short_hash()


def every_changed_run():
    for field in dataclasses.fields(TrainConfig):
        value = getattr(TRAIN, field.name)
        yield dataclasses.replace(
            RUN, train=dataclasses.replace(TRAIN, **{field.name: f"{value}x" if isinstance(value, str) else value + 1})
        )
    for field in dataclasses.fields(ModelConfig):
        value = getattr(MODEL, field.name)
        other = not value if isinstance(value, bool) else f"{value}x" if isinstance(value, str) else value + 1
        yield dataclasses.replace(RUN, model=dataclasses.replace(MODEL, **{field.name: other}))
    for name in ("dataset", "vgg_features", "image_features", "text_space"):
        yield dataclasses.replace(RUN, **{name: "other"})
    yield dataclasses.replace(RUN, checksums={"captions.csv": "cd"})


def test_the_short_hash_changes_with_every_setting_and_input():
    changed = list(every_changed_run())

    assert len({run.short_hash() for run in [RUN, *changed]}) == 1 + len(changed)


def test_the_short_hash_does_not_depend_on_the_order_of_the_checksums():
    one, other = ({"a": "1", "b": "2"}, {"b": "2", "a": "1"})

    assert (
        dataclasses.replace(RUN, checksums=one).short_hash() == dataclasses.replace(RUN, checksums=other).short_hash()
    )


def test_a_config_from_before_an_option_reads_as_its_default():
    kept = json.loads(RUN.to_json())
    for field in dataclasses.fields(ModelConfig):
        if field.default is not dataclasses.MISSING:
            kept["model"].pop(field.name, None)
    for name in TrainConfig.ADDED_LATER:
        kept["train"].pop(name, None)

    assert json_kinds.of_dataclass(RunConfig).flaw(kept, "") is None
    assert RunConfig.from_json(json.dumps(kept)) == RUN


def test_the_gru_alone_says_nothing_of_levels_so_that_runs_of_older_versions_keep_their_names():
    assert "levels" not in RUN.to_json()
    assert "ngrams" not in RUN.to_json()
    assert "word_vectors" not in RUN.to_json()


def test_levels_are_kept():
    levels = dataclasses.replace(RUN.model, text_levels="gru,ngrams", num_ngrams=5)
    run = dataclasses.replace(RUN, model=levels, ngrams="ab12")

    assert RunConfig.from_json(run.to_json()) == run


@pytest.mark.parametrize("kind", [TrainConfig, CaptionerTrainConfig])
def test_a_setting_that_every_version_wrote_is_missed_though_it_has_a_default(kind):
    whole = dataclasses.asdict(kind())
    lost = {name: {key: value for key, value in whole.items() if key != name} for name in whole}

    flaws = {name: json_kinds.of_dataclass(kind).flaw(rest, "") for name, rest in lost.items()}

    assert [name for name, flaw in flaws.items() if flaw is None] == sorted(kind.ADDED_LATER, key=list(whole).index)


def test_settings_take_the_values_of_their_fields_names_and_those_worked_out():
    values = types.SimpleNamespace(**dataclasses.asdict(TRAIN), dataset="flickr8k")

    made = config.from_values(TrainConfig, values, seed=7)

    assert made == dataclasses.replace(TRAIN, seed=7)


@pytest.mark.parametrize(
    ("model", "vgg", "image"), [("vse", True, False), ("single", False, True), ("fusion", True, True)]
)
def test_each_model_reads_its_own_features(model, vgg, image):
    settings = dataclasses.replace(MODEL, model=model)

    assert (settings.reads_vgg, settings.reads_image_features) == (vgg, image)


@pytest.mark.parametrize(
    ("negatives", "num_negatives", "expected"),
    [("epoch", 0, 40), ("epoch", 7, 7), ("batch", 7, 0), ("hardest", 7, 0)],
)
def test_only_negatives_of_the_epoch_bring_further_pairs(negatives, num_negatives, expected):
    settings = dataclasses.replace(TRAIN, negatives=negatives, num_negatives=num_negatives)

    assert settings.negatives_per_batch == expected


@pytest.mark.parametrize(
    ("model", "expected"), [("vse", ("vgg", "")), ("single", ("", "image")), ("fusion", ("vgg", "image"))]
)
def test_a_model_reads_the_features_of_its_kind(model, expected):
    assert config.features_read(model, "vgg", "image") == expected
