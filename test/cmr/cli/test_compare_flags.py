"""The flags of cmr.compare: one a setting, with its default, its reason and its range."""

import dataclasses

import pytest
from absl import flags

from cmr.cli import command, compare_flags, datasets
from cmr.comparators.settings import flag_groups
from cmr.comparators.settings.registry import SETTINGS


def parsed(*arguments):
    values = command.separate_flags(flag_groups.GROUPS)
    values(["cmr.compare", *arguments])
    datasets.apply_defaults(values)
    return values


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_is_a_flag_with_its_papers_value_and_a_reason(name):
    kind, values = SETTINGS[name], parsed(f"--system={name}")

    assert compare_flags.settings_of(values, kind) == kind()
    for field in dataclasses.fields(kind):
        flag = values[f"{kind.flag_prefix}_{field.name}"]
        assert field.metadata["reason"] in flag.help
        assert flag.help.rstrip()[-1] in ".)"


def test_no_two_kinds_share_a_prefix():
    prefixes = [kind.flag_prefix for kind in flag_groups.KINDS]

    assert len(prefixes) == len(set(prefixes))


@pytest.mark.parametrize(
    "flag",
    [
        "--cca_dims=0",
        "--cca_text=letters",
        "--fv_power=2",
        "--devise_margin=nan",
        "--fv_components=many",
        "--dcca_batch_size=0",
        "--dcca_dropout=1.5",
        "--w2vv_dropout=1",
    ],
)
def test_a_value_that_cannot_work_is_refused_at_parse_time(flag):
    with pytest.raises(flags.Error, match=flag.partition("=")[0].lstrip("-")):
        parsed("--system=cca", flag)


def test_a_runs_flags_are_its_own_systems_and_not_the_others():
    values = parsed("--system=cca", "--cca_dims=9", "--fv_dims=8")

    text = command.flagfile_text(values, flag_groups.GROUPS, flag_groups.of_other_systems("cca"))

    lines = text.splitlines()
    assert "--cca_dims=9" in lines
    assert "--system=cca" in lines
    assert not [line for line in lines if "fv_" in line or "dvsa" in line]


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["--system=cca"], ("vgg16-fc7", "inception_v3")),
        (["--system=cca", "--image_features=mine"], ("", "mine")),
        (["--system=cca", "--vgg_features=theirs"], ("theirs", "")),
        (["--system=cca", "--vgg_features=theirs", "--image_features=mine"], ("theirs", "mine")),
        (["--system=conse", "--crops=10"], ("", "inception_v3-predictions-10crop")),
        (["--system=dvsa"], ("", "inception_v3-grid4x4")),
        (["--system=nic"], ("", "inception_v3")),
    ],
)
def test_a_system_reads_both_cnns_or_the_features_that_are_named(arguments, names):
    assert flag_groups.features_read(parsed(*arguments, "--dataset=flickr8k")) == names
