"""Flags of cmr.train and cmr.pretrain that are typed in vain."""

import pytest

from cmr import pretrain, train
from cmr.cli import command, datasets, idle_flags


def read_flags(module, *typed):
    values = command.separate_flags(module.GROUPS)
    values([module.__name__, "--dataset=flickr8k", *typed])
    datasets.apply_defaults(values)
    return values


def warnings(*typed, flagfile=()):
    values = read_flags(train, *flagfile, *typed)
    return idle_flags.warnings(values, typed, idle_flags.rules_of_train(values))


def pretrain_warnings(*typed):
    return idle_flags.warnings(read_flags(pretrain, *typed), typed, idle_flags.RULES_OF_PRETRAIN)


@pytest.mark.parametrize(
    ("typed", "condition"),
    [
        (["--margin=0.3", "--loss=softmax"], "--loss=hinge"),
        (["--margin", "0.3", "--loss=softmax"], "--loss=hinge"),
        (["-margin=0.3", "--loss=softmax"], "--loss=hinge"),
        (["--num_negatives=9", "--negatives=batch"], "--negatives=epoch"),
        (["--min_ngram_count=2"], "ngrams in --text_levels"),
        (["--ngram_dropout=0.1", "--text_levels=gru,words"], "ngrams in --text_levels"),
        (["--bidirectional", "--text_levels=ngrams"], "gru in --text_levels"),
        (["--word_dim=9", "--text_levels=ngrams"], "gru or words in --text_levels"),
        (["--vgg_layer=pool5_avg", "--model=single"], "--model=vse or fusion"),
        (["--image_features=mine", "--model=vse"], "--model=single or fusion"),
        (["--captioner=there", "--model=vse"], "--model=single or fusion"),
        (["--allow_leak", "--image_embedding=raw"], "--image_embedding=captioner, --word_vectors or --teachers"),
        (["--allow_leak", "--model=vse"], "--image_embedding=captioner, --word_vectors or --teachers"),
        (["--text_space_dim=9", "--image_embedding=raw"], "--image_embedding=linear or random"),
        (["--hub_module=there"], "--image_model=hub"),
        (["--vgg_layer=fc6", "--vgg_model=scene_cnn"], "--vgg_model=vgg16 or vgg19"),
        (
            ["--crops=10", "--model=vse", "--vgg_features=mine"],
            "features that are not named by --vgg_features and --image_features",
        ),
        (["--finetune_crops=2", "--finetune_cnn", "--finetune_blocks=0"], "--finetune_blocks=1 or more"),
        (["--image_embedding=raw", "--finetune_cnn"], "a first phase"),
        (["--text_space_dim=9", "--finetune_cnn"], "a first phase"),
        (["--word_vectors=there", "--finetune_cnn"], "a first phase"),
        (["--logical_cpus=2"], "--strategy=mirrored"),
        (["--vgg_model=vgg19", "--vgg_features=mine"], "features that --vgg_features does not name"),
        (["--image_model=hub", "--image_features=mine"], "features that --image_features does not name"),
        (["--sentence_epochs=3"], "--sentences_of"),
        (["--finetune_blocks=4"], "--finetune_cnn"),
        (["--distillation_weight=0.2"], "--teachers"),
        (["--worker_timeout=9"], "--strategy=multi_worker"),
    ],
)
def test_a_flag_that_is_not_read_is_named_with_what_it_is_of(typed, condition):
    name = typed[0].lstrip("-").partition("=")[0].removeprefix("no")

    assert warnings(*typed) == [f"warning: --{name} is not read here; it is of {condition}"]


@pytest.mark.parametrize(
    "typed",
    [
        [],
        ["--margin=0.3"],
        ["--num_negatives=9"],
        ["--ngram_dropout=0.1", "--text_levels=gru,ngrams"],
        ["--bidirectional", "--word_dim=9", "--text_levels=gru"],
        ["--vgg_layer=pool5_avg", "--image_model=efficientnet_lite2"],
        ["--vgg_features=mine", "--model=vse"],
        ["--captioner=there", "--allow_leak"],
        ["--word_vectors=there", "--allow_leak", "--model=vse"],
        ["--teachers=there", "--allow_leak", "--model=vse", "--loss=softmax"],
        ["--image_model=hub", "--hub_module=there"],
        ["--crops=10", "--vgg_features=mine"],
        ["--text_space_dim=9"],
        ["--logical_cpus=2", "--strategy=mirrored"],
        ["--sentence_epochs=3", "--sentences_of=flickr30k"],
        ["--distillation_temperature=0.2", "--teachers=there", "--loss=softmax"],
    ],
)
def test_a_flag_that_is_read_is_not(typed):
    assert warnings(*typed) == []


def test_what_a_flagfile_sets_is_not():
    assert warnings("--loss=softmax", flagfile=["--margin=0.3"]) == []


@pytest.mark.parametrize(
    "typed",
    [
        ["--margin=0.7", "--loss=softmax"],
        ["--nobidirectional", "--text_levels=words"],
        ["--image_model=inception_v3", "--model=vse"],
    ],
)
def test_one_with_the_value_that_it_has_anyway_is_not(typed):
    assert warnings(*typed) == []


def test_flags_are_named_in_the_order_of_typing_each_once():
    said = warnings("--finetune_blocks=4", "--margin=1", "--loss=softmax", "--margin=2", "--captioner=a", "--model=vse")

    assert [line.split()[1] for line in said] == ["--finetune_blocks", "--margin", "--captioner"]


@pytest.mark.parametrize(
    ("typed", "condition"),
    [
        (["--image_model=hub", "--hub_module=there", "--image_features=mine"], "features that --image_features does"),
        (["--hub_module=there"], "--image_model=hub"),
        (["--crops=10", "--image_features=mine"], "features that --image_features does"),
        (["--samples_per_image=9"], "--self_critical"),
        (["--samples_per_image=9", "--finetune_cnn"], "--self_critical"),
        (["--max_pixels=9"], "--finetune_cnn"),
        (["--max_pixels=9", "--self_critical"], "--finetune_cnn"),
    ],
)
def test_a_flag_that_a_captioner_does_not_read_is_named_with_what_it_is_of(typed, condition):
    name = typed[0].lstrip("-").partition("=")[0]

    assert pretrain_warnings(*typed)[0].startswith(f"warning: --{name} is not read here; it is of {condition}")


@pytest.mark.parametrize(
    "typed",
    [
        [],
        ["--image_model=efficientnet_lite2", "--crops=10"],
        ["--image_features=mine", "--lstm_units=9"],
        ["--samples_per_image=9", "--self_critical"],
        ["--max_pixels=9", "--finetune_cnn"],
    ],
)
def test_a_flag_that_a_captioner_reads_is_not(typed):
    assert pretrain_warnings(*typed) == []


@pytest.mark.parametrize("module", [train, pretrain])
def test_every_rule_is_of_flags_that_the_command_has(module):
    rules = {train: idle_flags.rules_of_train(read_flags(train)), pretrain: idle_flags.RULES_OF_PRETRAIN}[module]

    assert {name for rule in rules for name in rule.names} <= set(command.flag_names(module.GROUPS))
